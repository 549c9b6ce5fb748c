"""The monitors and projectors of this machine, by name. Main thread; GLFW is started on the first call."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from perform.engine.parameters import nearest
from perform.engine.problems import UserError

if sys.platform == "linux" and os.environ.get("DISPLAY"):
    # Only X11 lets a program say where its window goes, which is what projectors need; Wayland desktops offer it too.
    os.environ.setdefault("PYGLFW_LIBRARY_VARIANT", "x11")

import glfw

from perform.output.x11 import remove_stale_wm_check

_words: list[str] = []
_running: list[bool] = []


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor: its place in the list, its name, where it lies on the desktop, its size, its rate (0 if unknown).

    `twin` counts monitors of one name, so that two equal projectors can be told apart.
    """

    index: int
    name: str
    position: tuple[int, int]
    size: tuple[int, int]
    refresh: float
    twin: int
    handle: Any

    def __str__(self) -> str:
        rate = f" at {self.refresh:g} Hz" if self.refresh else ""
        return f"{self.index}: {self.name}, {self.size[0]}x{self.size[1]}{rate}"


def start() -> None:
    """Start GLFW. Raises UserError where there is no display. Calling it again does nothing."""
    if _running:
        return
    if sys.platform == "linux" and os.environ.get("DISPLAY"):
        remove_stale_wm_check()
    glfw.set_error_callback(_remember)
    _words.clear()
    if not glfw.init():
        raise UserError(f"there is no display here ({last_words()}); run with --offscreen to play without a window")
    _running.append(True)


def stop() -> None:
    """End GLFW, with all its windows."""
    _running.clear()
    glfw.terminate()


def _remember(_code: int, text: bytes | str) -> None:
    _words.append(text.decode(errors="replace") if isinstance(text, bytes) else str(text))
    del _words[:-20]


def last_words() -> str:
    """The last thing that GLFW complained about."""
    return _words[-1] if _words else "no reason given"


def monitors() -> tuple[Monitor, ...]:
    """All monitors now. Raises UserError where there is no display."""
    start()
    found: list[Monitor] = []
    for index, handle in enumerate(glfw.get_monitors() or []):
        mode: Any = glfw.get_video_mode(handle)
        if mode is None:
            continue  # it was unplugged between the two calls
        name = _text(glfw.get_monitor_name(handle))
        twin = sum(1 for other in found if other.name == name)
        position = tuple(glfw.get_monitor_pos(handle))
        size = (int(mode.size.width), int(mode.size.height))
        found.append(Monitor(index, name, (position[0], position[1]), size, float(mode.refresh_rate), twin, handle))
    return tuple(found)


def find_monitor(wanted: str | int) -> Monitor:
    """The monitor of a name or an index (also as a word: "1"). Raises UserError that lists what is there."""
    there = monitors()
    word = str(wanted).strip()
    for monitor in there:
        if monitor.name.lower() == word.lower():
            return monitor
    for monitor in there:
        if word == str(monitor.index):
            return monitor
    listed = "; ".join(str(monitor) for monitor in there) or "none at all"
    raise UserError(f'there is no monitor "{wanted}".{nearest(word, [m.name for m in there])} Here are: {listed}')


def _text(name: object) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
