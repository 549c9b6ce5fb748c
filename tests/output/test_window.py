"""Real GLFW windows on real X servers: what is drawn is what is on the screen, and no monitor ends a show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from output_tools import need

PROBE = Path(__file__).with_name("window_probe.py")
pytestmark = pytest.mark.gl


def probe(case: str, display: str | None) -> dict[str, Any]:
    """What `window_probe.py` saw."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["PYTHONPATH"] = os.pathsep.join([str(PROBE.parent), str(PROBE.parents[2])])
    if display is not None:
        environment["DISPLAY"] = display
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROBE), case],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-3000:]}"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_window_shows_what_is_drawn(display: str) -> None:
    seen = probe("window", display)
    assert seen["size"] == [320, 180]
    assert seen["shown"], "the screen shows the picture pixel by pixel"
    assert seen["resized"], "and after the window was resized"
    assert seen["filled"], "and over the whole monitor"
    assert seen["back"], "and back in its window"
    assert seen["keys"] == [
        ["h", ["shift"], "press"],
        ["h", ["shift"], "release"],
        ["escape", [], "press"],
        ["escape", [], "release"],
    ]
    assert seen["open"]
    assert seen["closing"]
    assert seen["refresh"] >= 0, "Xvfb says 0: nobody knows"
    assert seen["name"].startswith("window 320x180")


def test_a_hidden_window(display: str) -> None:
    assert probe("hidden", display) == {"pixel": [255, 128, 0, 255], "shape": [90, 160, 4]}


def test_an_unknown_monitor_lists_what_is_there(display: str) -> None:
    message = probe("unknown", display)["error"]
    assert message.startswith('there is no monitor "projector".')
    assert "Here are: 0: screen, 1280x720" in message


def test_no_display_names_the_way_out() -> None:
    message = probe("no_display", None)["error"]
    assert message.startswith("there is no display here")
    assert "--offscreen" in message


def test_a_stale_window_manager_does_not_abort_us(display: str) -> None:
    need("xprop", "x11-utils")
    assert "not found" in probe("stale", display)["left"] or "no such atom" in probe("stale", display)["left"]


def test_the_screen_saver_stays_away(display: str) -> None:
    idle = probe("awake", display)
    assert idle["before"] >= 1000
    assert idle["after"] < idle["before"]


def test_a_monitor_unplugged_and_plugged_in_again(two_monitors: str) -> None:
    seen = probe("unplug", two_monitors)
    assert seen["size"] == [640, 480]
    assert "on DUMMY1" in seen["name"]
    assert seen["refresh"] > 0
    assert seen["shown"], "a window without borders exactly on the second monitor"
    assert seen["told"]
    assert "monitor DUMMY1 is gone" in seen["problem"]
    assert seen["goes on"]
    assert seen["back"], "the picture is back on its monitor by itself, and the problem is gone"
    assert seen["window"], "and a window of the size that was asked for when it leaves the full screen"
