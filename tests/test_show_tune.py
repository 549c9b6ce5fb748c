"""A trajectory during a real show: its states come into memory beside the picture, and the HUD says where it stands."""

from __future__ import annotations

from dataclasses import replace

from show_tools import SMALL, play_until

from perform.app import open_show


def test_a_preset_s_trajectory_is_read_beside_the_picture() -> None:
    with open_show(replace(SMALL, preset="foiled")) as show:
        assert play_until(show, lambda: show.worker.made > 2 and bool(show.loader.tuned), 90)
        assert play_until(show, lambda: not show.loader.tuned.endswith("reading"), 60)
        show.parameters.set("tune.position", 1.0)
        assert play_until(show, lambda: show.loader.tuned == "first-light-foiled · place 10.0 of 10", 60)
        assert any(line.label == "tune" for line in show.readout.lines())
        assert not show.loader.muted
        assert "no training to stop" in show.training.press("stop", {}, "loss-hack", "first-light")
        assert not show.problems.current.keys() - {"sound"}
