"""Every transform has a setting to be measured at, and the author's code is asked for where it is not."""

from pathlib import Path

import pytest

from models.bending.transforms import transforms
from perform.bench.bend import SETTINGS, kind, swing
from perform.bench.bend_author import CASES, bench_against
from perform.engine.problems import UserError


def test_every_transform_is_measured_away_from_home() -> None:
    assert list(SETTINGS) == list(transforms())
    for name, transform in transforms().items():
        knobs = {knob.name: knob for knob in transform.knobs}
        for frame in range(40):
            values = {name: knob.default for name, knob in knobs.items()} | swing(name, frame)
            assert set(values) == set(knobs)
            assert all(knobs[one].low <= value <= knobs[one].high for one, value in values.items())
            assert not transform.is_home(values)
        assert kind(name)[1] in (0.0, 1.25, 1.6)


def test_all_that_the_author_has_is_compared() -> None:
    assert {transform for transform, _, _ in CASES.values()} <= set(transforms())
    assert len(CASES) == 11


def test_a_folder_that_is_no_checkout_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkout of network-bending"):
        bench_against(tmp_path, "cpu", lambda _: None)
