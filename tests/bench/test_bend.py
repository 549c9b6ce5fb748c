"""Every transform has a setting to be measured at, and the author's code is asked for where it is not."""

from pathlib import Path

import pytest
import torch

from models.bending.transforms import transforms
from models.generators import build
from perform.bench import bend
from perform.bench.bend import SETTINGS, cases, kind, swing
from perform.bench.bend_author import CASES, bench_against
from perform.bench.bend_card import captured
from perform.engine.problems import UserError
from tests.models.replay import Emulator, without_machine_code


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


def test_a_card_is_measured_by_captured_pictures_whose_knobs_move(
    one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del one_thread
    monkeypatch.setattr(bend, "SETTINGS", {name: SETTINGS[name] for name in ("erode", "feedback", "roll", "rotate")})
    small = {"z_dim": 8, "w_dim": 8, "img_resolution": 8, "channel_base": 64, "channel_max": 8, "mapping_layers": 1}
    network = build("stylegan2", small)
    assert isinstance(network, torch.nn.Module)
    network.requires_grad_(False)
    places, words, emulator = {"middle": "b8.conv0", "last": "b8.conv1"}, list[str](), Emulator()
    with torch.no_grad(), without_machine_code():
        plain, calls = captured(network, network.map(torch.zeros(1, 8)), places, words.append, emulator)
        assert list(calls) == [name for name, *_ in cases(places)]
        assert emulator.captures == 1 + len(calls)
        for play in (plain, *calls.values()):
            play(0)
            play(1)
    assert words == []
