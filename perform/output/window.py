"""A window, or a picture without borders on a projector. Main thread: GLFW's rule on every system.

Projectors get a window without decorations of exactly their size and place: GLFW's own fullscreen lands on the wrong
monitor under some window managers. (Wayland lets nobody place a window and macOS has a menu bar; there it is GLFW's.)
"""

from __future__ import annotations

import sys
from typing import Any

from perform.engine.problems import Problems, UserError
from perform.output.canvas import Pixels, Size, is_software, paint_alone, read, renderer
from perform.output.monitors import Monitor, find_monitor, last_words, monitors, start, stop
from perform.output.wall import Key
from perform.output.x11 import Wakefulness

import glfw  # isort: skip  # after monitors, which chooses the library
import moderngl

AWAKE_EVERY = 600  # frames: some ten seconds
ACTIONS = {glfw.PRESS: "press", glfw.REPEAT: "repeat", glfw.RELEASE: "release"}
MODS = (
    (glfw.MOD_SHIFT, "shift"),
    (glfw.MOD_CONTROL, "control"),
    (glfw.MOD_ALT, "alt"),
    (glfw.MOD_SUPER, "super"),
)
KEYS = ("space", "escape", "enter", "tab", "backspace", "insert", "delete", "home", "end", "page_up", "page_down")
ARROWS = ("right", "left", "down", "up")
SPECIAL = {getattr(glfw, f"KEY_{word.upper()}"): word for word in KEYS + ARROWS} | {
    getattr(glfw, f"KEY_F{number}"): f"f{number}" for number in range(1, 26)
}


def key_name(key: int, scancode: int) -> str:
    """What is printed on the key: "h", "1", "space", "f11"; empty for keys without a name."""
    if key in SPECIAL:
        return SPECIAL[key]
    name: Any = glfw.get_key_name(key, scancode)
    if name:
        return str(name.decode() if isinstance(name, bytes) else name).lower()
    if 32 < key < 127:
        return chr(key).lower()
    return ""


class WindowWall:
    """A GLFW window with its context. Use `open_window`."""

    def __init__(self, window: Any, ctx: moderngl.Context, problems: Problems | None) -> None:
        self._window, self.ctx, self.problems = window, ctx, problems
        self._keys: list[Key] = []
        self._desk = (
            (*glfw.get_window_pos(window), *glfw.get_window_size(window)) if _placeable() else (0, 0, 1280, 720)
        )
        self._on: Monitor | None = None
        self._lost = False
        self._changed = False
        self._size: Size = (1, 1)
        self._presented = 0
        self._awake = Wakefulness() if glfw.get_platform() == glfw.PLATFORM_X11 else None
        self._refresh = self._under().refresh if monitors() else 0.0
        self.target = ctx.detect_framebuffer(0)
        glfw.set_key_callback(window, self._key)
        glfw.set_monitor_callback(self._monitor)
        self._measure()

    @property
    def size(self) -> Size:
        """The framebuffer's width and height in pixels. A minimised window keeps its last size."""
        return self._size

    @property
    def refresh(self) -> float:
        """Of the monitor that the window is on, 0 where unknown."""
        return self._refresh

    @property
    def name(self) -> str:
        """What this is, for the HUD."""
        place = f" on {self._on.name}" if self._on else ""
        return f"window {self._size[0]}x{self._size[1]}{place} ({renderer(self.ctx)})"

    @property
    def software(self) -> bool:
        """Whether the pictures are made on the processor."""
        return is_software(self.ctx)

    @property
    def closing(self) -> bool:
        """Whether the window was closed by hand."""
        return bool(glfw.window_should_close(self._window))

    @property
    def fullscreen(self) -> bool:
        """Whether it fills a monitor."""
        return self._on is not None

    def present(self) -> None:
        """Swap, take in the events, and go back to a monitor that returned."""
        glfw.swap_buffers(self._window)
        glfw.poll_events()
        self._presented += 1
        if self._awake is not None and self._presented % AWAKE_EVERY == 0:
            self._awake.touch()
        if self._changed:
            self._changed = False
            self._replace()
        self._measure()

    def keys(self) -> list[Key]:
        """The keys since the last call, oldest first."""
        keys, self._keys = self._keys, []
        return keys

    def read(self) -> Pixels:
        """What has been drawn since the last `present`, `[H, W, 4]` uint8, top row first."""
        return read(self.target, self._size)

    def fill(self, monitor: Monitor, desk: tuple[int, int, int, int] | None = None) -> None:
        """Cover a monitor. `desk` is the window (x, y, width, height) to go back to: where it is now, if not given."""
        if desk is not None:
            self._desk = desk
        elif self._on is None and _placeable():
            self._desk = (*glfw.get_window_pos(self._window), *glfw.get_window_size(self._window))
        self._on, self._refresh = monitor, monitor.refresh
        if _placeable():
            glfw.set_window_attrib(self._window, glfw.DECORATED, glfw.FALSE)
            glfw.set_window_pos(self._window, *monitor.position)
            glfw.set_window_size(self._window, *monitor.size)
        else:
            glfw.set_window_monitor(self._window, monitor.handle, 0, 0, *monitor.size, glfw.DONT_CARE)
        glfw.set_input_mode(self._window, glfw.CURSOR, glfw.CURSOR_HIDDEN)
        self._measure()

    def unfill(self) -> None:
        """Back to a window on the desk."""
        self._on = None
        self._lost = False
        x, y, width, height = self._desk
        if _placeable():
            glfw.set_window_attrib(self._window, glfw.DECORATED, glfw.TRUE)
            glfw.set_window_pos(self._window, x, y)
            glfw.set_window_size(self._window, width, height)
        else:
            nowhere: Any = None
            glfw.set_window_monitor(self._window, nowhere, x, y, width, height, glfw.DONT_CARE)
        glfw.set_input_mode(self._window, glfw.CURSOR, glfw.CURSOR_NORMAL)
        self._measure()

    def toggle_fullscreen(self) -> None:
        """Fill the monitor that most of the window is on, or go back to a window."""
        if self._on is not None:
            self.unfill()
        elif monitors():
            self.fill(self._under())

    def close(self) -> None:
        """Destroy the window and end GLFW."""
        if self._awake is not None:
            self._awake.close()
        glfw.set_monitor_callback(lambda _monitor, _event: None)
        self.ctx.release()
        glfw.destroy_window(self._window)
        stop()

    def _under(self) -> Monitor:
        """The monitor that most of the window is on."""
        return max(monitors(), key=self._overlap)

    def _overlap(self, monitor: Monitor) -> int:
        if not _placeable():
            return 0
        x, y = glfw.get_window_pos(self._window)
        width, height = glfw.get_window_size(self._window)
        (left, top), (across, down) = monitor.position, monitor.size
        wide = min(x + width, left + across) - max(x, left)
        high = min(y + height, top + down) - max(y, top)
        return max(wide, 0) * max(high, 0)

    def _measure(self) -> None:
        width, height = glfw.get_framebuffer_size(self._window)
        if width > 0 and height > 0 and (width, height) != self._size:
            self._size = (width, height)
            self.target.viewport = (0, 0, width, height)

    def _key(self, _window: object, key: int, scancode: int, action: int, mods: int) -> None:
        name = key_name(key, scancode)
        if name:
            held = tuple(word for bit, word in MODS if mods & bit)
            self._keys.append(Key(name, held, ACTIONS.get(action, "press")))

    def _monitor(self, _monitor: object, _event: int) -> None:
        self._changed = True

    def _replace(self) -> None:
        """Monitors came or went: the wall's own is looked for by name, and filled again when it is back."""
        wanted = self._on
        if wanted is None:
            return
        back = [m for m in monitors() if (m.name, m.twin) == (wanted.name, wanted.twin)]
        if back:
            self.fill(back[0])
            if self._lost and self.problems is not None:
                self.problems.clear("wall", f"monitor {wanted.name} is back")
            self._lost = False
        else:
            self._lost = True
            if self.problems is not None:
                self.problems.report(
                    "wall", f"monitor {wanted.name} is gone; plug it in again and the picture goes back by itself"
                )


def _placeable() -> bool:
    """Whether windows can be put where we want, without a frame."""
    return sys.platform != "darwin" and glfw.get_platform() in (glfw.PLATFORM_X11, glfw.PLATFORM_WIN32)


def open_window(
    size: Size = (1280, 720),
    monitor: str | int | None = None,
    fullscreen: bool = False,
    title: str = "perform",
    visible: bool = True,
    problems: Problems | None = None,
) -> WindowWall:
    """A window of `size`, or one that covers `monitor` (a name or an index), or with `fullscreen` the first monitor.

    Raises UserError for an unknown monitor (naming those that are there), without a display (naming --offscreen) and
    without OpenGL 3.3.
    """
    paint_alone()
    start()
    chosen = find_monitor(monitor) if monitor is not None else None
    if chosen is None and fullscreen:
        chosen = next(iter(monitors()), None)
    window = _create(size, chosen, title, visible)
    glfw.make_context_current(window)
    glfw.swap_interval(1)
    wall = WindowWall(window, moderngl.create_context(require=330), problems)
    if chosen is not None:
        wall.fill(chosen, desk=(chosen.position[0] + 60, chosen.position[1] + 60, *size))
    return wall


def _create(size: Size, chosen: Monitor | None, title: str, visible: bool) -> Any:
    glfw.default_window_hints()
    for hint, value in (
        (glfw.CONTEXT_VERSION_MAJOR, 3),
        (glfw.CONTEXT_VERSION_MINOR, 3),
        (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
        (glfw.OPENGL_FORWARD_COMPAT, glfw.TRUE),
        (glfw.DEPTH_BITS, 0),
        (glfw.STENCIL_BITS, 0),
        (glfw.VISIBLE, glfw.TRUE if visible else glfw.FALSE),
        (glfw.AUTO_ICONIFY, glfw.FALSE),
        (glfw.FOCUS_ON_SHOW, glfw.TRUE),
    ):
        glfw.window_hint(hint, value)
    width, height = size
    if chosen is not None and _placeable():
        width, height = chosen.size
        glfw.window_hint(glfw.DECORATED, glfw.FALSE)
        glfw.window_hint(glfw.POSITION_X, chosen.position[0])
        glfw.window_hint(glfw.POSITION_Y, chosen.position[1])
    if width < 1 or height < 1:
        raise UserError(f"a window of {width}x{height} has no pixels; give both sides at least 1")
    window = glfw.create_window(width, height, title, None, None)
    if not window:
        raise UserError(f"no window with OpenGL 3.3 ({last_words()}); update the graphics driver or use --offscreen")
    return window
