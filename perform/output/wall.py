"""What pictures are put on: the protocol of windows, projectors and offscreen pictures, and the last of these."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, Protocol

import moderngl

from perform.engine.problems import UserError
from perform.output.canvas import Pixels, Size, paint_alone, read, renderer, target


class Key(NamedTuple):
    """A key on the window: its name ("h", "space", "left", "f11"), the modifiers held and what happened to it.

    `mods` holds "shift", "control", "alt", "super" in this order; `action` is "press", "repeat" or "release".
    """

    name: str
    mods: tuple[str, ...]
    action: str


class Wall(Protocol):
    """A picture surface with its GL context. Main thread only."""

    @property
    def ctx(self) -> moderngl.Context:
        """The OpenGL 3.3 core context that everything is drawn with."""
        ...

    @property
    def size(self) -> Size:
        """Width and height of `target` in pixels, now: a window may be resized between two frames."""
        ...

    @property
    def target(self) -> moderngl.Framebuffer:
        """What to draw into."""
        ...

    @property
    def refresh(self) -> float:
        """Pictures a second that the display shows, 0 where nobody knows."""
        ...

    @property
    def name(self) -> str:
        """What this is, in words for the HUD: "window 1280x720 on DP-1"."""
        ...

    @property
    def closing(self) -> bool:
        """Whether somebody asked for the end by closing the window."""
        ...

    def present(self) -> None:
        """Show what was drawn, and take in the window's events. Waits for nothing but the display's own sync."""
        ...

    def keys(self) -> list[Key]:
        """The keys since the last call, oldest first."""
        ...

    def toggle_fullscreen(self) -> None:
        """Fill the monitor, or go back to a window. Does nothing where there is none."""
        ...

    def read(self) -> Pixels:
        """What has been drawn into `target`, `[H, W, 4]` uint8, top row first. Call it before `present`; it waits."""
        ...

    def close(self) -> None:
        """Free the window and the context."""
        ...


class OffscreenWall:
    """A wall that nobody sees: for files, tests and machines without a display."""

    refresh = 0.0
    closing = False

    def __init__(self, ctx: moderngl.Context, size: Size) -> None:
        self.ctx = ctx
        self.size = size
        self._target = target(ctx, size)
        self.target = self._target.framebuffer
        self.name = f"offscreen {size[0]}x{size[1]} ({renderer(ctx)})"

    def present(self) -> None:
        """Wait until the picture is really made.

        Nothing swaps here, so nothing else would hold the commands back from piling up, or make the time of a
        "presented" frame an honest one.
        """
        self.ctx.finish()

    def keys(self) -> list[Key]:
        """None: there is no keyboard here."""
        return []

    def toggle_fullscreen(self) -> None:
        """Nothing to fill."""

    def read(self) -> Pixels:
        """The picture, `[H, W, 4]` uint8, top row first."""
        return read(self.target, self.size)

    def close(self) -> None:
        """Free the context."""
        self._target.release()
        self.ctx.release()


def open_offscreen(size: Size) -> OffscreenWall:
    """A wall without a display, through EGL on Linux. Raises UserError naming what is missing."""
    if min(size) < 1:
        raise UserError(f"a picture of {size[0]}x{size[1]} has no pixels; give both sides at least 1")
    paint_alone()
    try:
        if sys.platform == "linux":
            settings: dict[str, Any] = {"backend": "egl"}
            ctx = moderngl.create_context(standalone=True, require=330, **settings)
        else:
            ctx = moderngl.create_context(standalone=True, require=330)
    except Exception as error:  # glcontext raises bare Exception, whatever is missing
        raise UserError(
            f"no OpenGL 3.3 here ({error}); on Debian and Ubuntu install it with: apt install libegl1 libgl1"
        ) from error
    return OffscreenWall(ctx, size)
