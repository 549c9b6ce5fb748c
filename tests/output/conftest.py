"""A real GL context through EGL, and real X servers for the window tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from output_tools import SMALL, Show, missing, need

from perform.engine.clock import FixedClock
from perform.engine.problems import UserError
from perform.output.wall import OffscreenWall, open_offscreen


@pytest.fixture(scope="session")
def _offscreen() -> Iterator[OffscreenWall]:
    try:
        wall = open_offscreen(SMALL)
    except UserError as error:
        missing(str(error))
    yield wall
    wall.ctx.__enter__()
    wall.close()


@pytest.fixture
def wall(_offscreen: OffscreenWall) -> Iterator[OffscreenWall]:
    """A wall of 96x54 on a real context, current while the test runs."""
    with _offscreen.ctx:
        yield _offscreen


@pytest.fixture(scope="session")
def _show(_offscreen: OffscreenWall) -> Iterator[Show]:
    with _offscreen.ctx:
        made = Show(_offscreen)
        made.chain.compile_all()
    yield made
    with _offscreen.ctx:
        made.stage.close()


@pytest.fixture
def show(wall: OffscreenWall, _show: Show) -> Show:
    """A show with all our shaders, at its beginning."""
    assert wall is _show.wall
    _show.stage.overlay = _show.stage.recorder = _show.stage.canvas = None
    _show.problems.current.clear()
    _show.problems.history.clear()
    _show.clock = FixedClock(10.0)
    _show.again([], {})
    return _show


@pytest.fixture
def show_in(wall: OffscreenWall) -> Iterator[Callable[[Path], Show]]:
    """A show on a folder of shaders of its own, watched."""
    shows: list[Show] = []

    def make(folder: Path) -> Show:
        shows.append(Show(wall, folder, watch=True))
        return shows[-1]

    yield make
    for made in shows:
        made.stage.close()


def _serve(command: list[str]) -> tuple[subprocess.Popen[bytes], str]:
    """Start an X server that picks a free display itself, and wait until it says which."""
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        [*command, "-displayfd", str(write_end), "-nolisten", "tcp"],
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        number = pipe.readline().strip()
    if not number:
        server.wait(10)
        missing(f"{command[0]} does not start here (exit status {server.returncode})")
    return server, f":{number}"


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(10)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual display of 1280x720."""
    need("Xvfb", "xvfb")
    server, name = _serve(["Xvfb", "-screen", "0", "1280x720x24", "-noreset"])
    yield name
    _stop(server)


DUMMY = """
Section "Device"
  Identifier "card"
  Driver "dummy"
  VideoRam 256000
EndSection
Section "Monitor"
  Identifier "monitor"
  HorizSync 5-1000
  VertRefresh 5-200
EndSection
Section "Screen"
  Identifier "screen"
  Device "card"
  Monitor "monitor"
  DefaultDepth 24
  SubSection "Display"
    Depth 24
    Modes "640x480"
    Virtual 2048 1024
  EndSubSection
EndSection
"""


@pytest.fixture
def two_monitors(tmp_path: Path) -> Iterator[str]:
    """A real Xorg with dummy outputs DUMMY0 and DUMMY1 side by side, 640x480 each: they can be unplugged."""
    need("Xorg", "xserver-xorg-core xserver-xorg-video-dummy")
    need("xrandr", "x11-xserver-utils")
    config = tmp_path / "dummy.conf"
    config.write_text(DUMMY)
    log = tmp_path / "xorg.log"
    quiet = ["-noreset", "-novtswitch", "-sharevts", "-configdir", "/nonexistent", "-logfile", str(log)]
    server, name = _serve(["Xorg", "-config", str(config), *quiet])
    for command in (
        ["--output", "DUMMY0", "--mode", "640x480", "--pos", "0x0"],
        ["--addmode", "DUMMY1", "640x480"],
        ["--output", "DUMMY1", "--mode", "640x480", "--pos", "640x0"],
        ["--output", "DUMMY1", "--off"],  # the dummy driver lists a new output only after its second start
        ["--query"],
        ["--output", "DUMMY1", "--mode", "640x480", "--pos", "640x0"],
        ["--query"],
    ):
        subprocess.run(["xrandr", "-d", name, *command], check=True, capture_output=True, timeout=20)
    yield name
    _stop(server)
