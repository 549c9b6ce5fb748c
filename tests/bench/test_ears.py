"""The ordeal of the ears, shorter than the benchmark: the same parts, two kills."""

from __future__ import annotations

import os
import sys

import pytest

from perform.app import Options
from perform.bench import ears
from perform.engine.problems import UserError


@pytest.mark.gl
@pytest.mark.sound
def test_the_sound_comes_back_each_time_and_the_picture_never_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ears, "CALM", 1.0)
    before = dict(os.environ)
    options = Options(preset="wire", osc=None, midi="none", size=(64, 36), offscreen=True)
    try:
        (row,) = ears.bench_ears(options, kills=2)
    except UserError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    print(f"\n{row}", file=sys.stdout)  # noqa: T201
    assert row["kills"] == 2
    assert row["back_s_max"] < 8.0
    assert row["said_after_s"] < 8.0
    assert row["frames"] > 20
    assert row["frame_max_ms"] < 1500.0
    assert dict(os.environ) == before
