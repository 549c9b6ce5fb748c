"""Runs in a process of its own on a real X display, and prints what it saw as JSON: GLX and EGL do not share one well.

python window_probe.py CASE  (with DISPLAY set)
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from output_tools import SHADERS, picture, tree
from PIL import ImageGrab

from perform.engine.clock import FixedClock
from perform.engine.frame import Frame
from perform.engine.problems import Problems, UserError
from perform.output.canvas import Pixels
from perform.output.chain import Chain
from perform.output.stage import Stage
from perform.output.window import WindowWall, open_window

import glfw  # isort: skip  # after monitors, which chooses the library


def grab() -> Pixels:
    return np.asarray(ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).convert("RGB"))


class Player:
    """A show on a window."""

    def __init__(self, wall: WindowWall) -> None:
        self.wall = wall
        self.problems = wall.problems or Problems()
        self.chain = Chain(wall.ctx, wall.size, SHADERS, self.problems, watch=False)
        self.chain.compile_all()
        self.chain.order(["mirror", "grade"])
        self.stage = Stage(wall, self.chain, self.problems)
        self.values = tree().play(tree().base * 0.0)
        self.clock = FixedClock(30.0)
        self.frame = Frame(picture(side=128), self.clock.tick())
        self.drawn: Pixels | None = None

    def draw(self, true: Callable[[], bool], seconds: float = 15.0) -> bool:
        """Frames until something is so; whether it came to that."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.stage.draw(self.frame, self.values, self.clock.tick())
            if true():
                return True
            time.sleep(0.02)
        return False

    def seen(self, x: int, y: int) -> bool:
        """Whether the picture is on the screen with its top left corner at (x, y), pixel by pixel."""
        width, height = self.wall.size
        source = self.stage._picture
        if source is None or source.size != self.wall.size:
            return False
        raw = np.frombuffer(source.framebuffer.read(components=3, alignment=1), np.uint8).reshape(height, width, 3)[
            ::-1
        ]
        shown = grab()[y : y + height, x : x + width]
        return shown.shape == raw.shape and bool((np.abs(shown.astype(int) - raw) <= 1).all()) and raw.std() > 10


def window() -> dict[str, object]:
    """Draw, compare with the screen, resize, fill the monitor, come back, press keys, close by hand."""
    wall = open_window((320, 180), title="probe")
    player = Player(wall)
    result: dict[str, object] = {"size": wall.size, "refresh": wall.refresh, "name": wall.name}
    x, y = glfw.get_window_pos(wall._window)
    result["shown"] = player.draw(lambda: player.seen(x, y))
    glfw.set_window_size(wall._window, 400, 300)
    result["resized"] = player.draw(lambda: wall.size == (400, 300) and player.seen(x, y))
    wall.toggle_fullscreen()
    result["filled"] = player.draw(lambda: wall.size == (1280, 720) and player.seen(0, 0))
    wall.toggle_fullscreen()
    result["back"] = player.draw(lambda: wall.size == (400, 300) and player.seen(*glfw.get_window_pos(wall._window)))
    press(wall, 43, 1)  # h with shift
    press(wall, 9, 0)  # escape
    keys = []
    player.draw(lambda: len(keys.extend(wall.keys()) or keys) >= 4)
    result["keys"] = keys
    result["open"] = not wall.closing
    glfw.set_window_should_close(wall._window, True)
    result["closing"] = wall.closing
    player.stage.close()
    wall.close()
    return result


class KeyEvent(ctypes.Structure):
    """XKeyEvent, padded to the size of an XEvent."""

    _fields_ = (
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong), ("root", ctypes.c_ulong), ("subwindow", ctypes.c_ulong), ("time", ctypes.c_ulong),
        ("x", ctypes.c_int), ("y", ctypes.c_int), ("x_root", ctypes.c_int), ("y_root", ctypes.c_int),
        ("state", ctypes.c_uint), ("keycode", ctypes.c_uint), ("same_screen", ctypes.c_int),
        ("pad", ctypes.c_long * 24),
    )  # fmt: skip


def press(wall: WindowWall, keycode: int, state: int) -> None:
    """A key pressed and let go, from another client of the X server."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    number = ctypes.c_ulong(glfw.get_x11_window(wall._window))
    for kind, mask in ((2, 1), (3, 2)):
        event = KeyEvent(type=kind, window=number.value, state=state, keycode=keycode, same_screen=1, time=0)
        x11.XSendEvent(display, number, 1, ctypes.c_long(mask), ctypes.byref(event))
    x11.XSync(display, 0)
    x11.XCloseDisplay(display)


def hidden() -> dict[str, object]:
    """An invisible window draws too."""
    wall = open_window((160, 90), visible=False)
    wall.target.clear(1.0, 0.5, 0.0, 1.0)
    pixels = wall.read()
    wall.close()
    return {"pixel": pixels[0, 0].tolist(), "shape": pixels.shape}


def unknown() -> dict[str, object]:
    """A monitor that is not there."""
    try:
        open_window(monitor="projector")
    except UserError as error:
        return {"error": str(error)}
    return {}


PROPERTY = "_NET_SUPPORTING_WM_CHECK"


def stale() -> dict[str, object]:
    """A window manager that ended badly: its check window is gone."""
    subprocess.run(
        ["xprop", "-root", "-f", PROPERTY, "32x", "-set", PROPERTY, "0x123456"],
        check=True,
        timeout=20,
    )
    wall = open_window((64, 64))
    wall.close()
    left = subprocess.run(["xprop", "-root", PROPERTY], check=True, capture_output=True, timeout=20)
    return {"left": left.stdout.decode()}


def unplug() -> dict[str, object]:
    """On the second of two monitors; it is unplugged and plugged in again while the show plays."""
    problems = Problems()
    wall = open_window((320, 200), monitor="DUMMY1", problems=problems)
    player = Player(wall)
    result: dict[str, object] = {"size": wall.size, "name": wall.name, "refresh": wall.refresh}
    result["shown"] = player.draw(lambda: player.seen(640, 0))
    xrandr = ["xrandr", "--output", "DUMMY1"]
    subprocess.run([*xrandr, "--off"], check=True, timeout=20)
    result["told"] = player.draw(lambda: "wall" in problems.current)
    result["problem"] = problems.current["wall"].text if "wall" in problems.current else ""
    result["goes on"] = player.draw(lambda: True)
    subprocess.run([*xrandr, "--mode", "640x480", "--pos", "640x0"], check=True, timeout=20)
    result["back"] = player.draw(lambda: "wall" not in problems.current and player.seen(640, 0))
    wall.toggle_fullscreen()
    result["window"] = player.draw(lambda: wall.size == (320, 200) and player.seen(700, 60))
    player.stage.close()
    wall.close()
    return result


class Counter(ctypes.Structure):
    """XSyncSystemCounter."""

    _fields_ = (("name", ctypes.c_char_p), ("counter", ctypes.c_ulong), ("resolution", ctypes.c_int * 2))


def idle_time() -> int:
    """Milliseconds since somebody touched something, as the X server counts them."""
    x11, extension = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXext.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    numbers = [ctypes.c_int() for _ in range(3)]
    extension.XSyncInitialize(display, ctypes.byref(numbers[0]), ctypes.byref(numbers[1]))
    extension.XSyncListSystemCounters.restype = ctypes.POINTER(Counter)
    counters = extension.XSyncListSystemCounters(display, ctypes.byref(numbers[2]))
    found = next(c for c in counters[: numbers[2].value] if c.name == b"IDLETIME")
    value = (ctypes.c_uint * 2)()
    extension.XSyncQueryCounter(display, ctypes.c_ulong(found.counter), ctypes.byref(value))
    x11.XCloseDisplay(display)
    return max(value)  # one half is zero; which one is the machine's affair


def awake() -> dict[str, object]:
    """The screen saver is held back while a show plays that nobody touches."""
    wall = open_window((64, 64))
    wall.present()
    time.sleep(1.5)
    before = idle_time()
    for _ in range(600):
        wall.present()
    after = idle_time()
    wall.close()
    return {"before": before, "after": after}


def no_display() -> dict[str, object]:
    """Without DISPLAY."""
    try:
        open_window()
    except UserError as error:
        return {"error": str(error)}
    return {}


if __name__ == "__main__":
    case = {f.__name__: f for f in (window, hidden, unknown, stale, unplug, awake, no_display)}[sys.argv[1]]
    sys.stdout.write(json.dumps(case()) + "\n")
