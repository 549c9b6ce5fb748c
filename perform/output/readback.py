"""Finished pictures on their way to a file, without making the frame wait for the device."""

from __future__ import annotations

import moderngl
import numpy as np

from perform.engine.clock import Tick
from perform.output.canvas import Pixels, Size, Target


class Readback:
    """Asks for a picture in one frame and takes it in the next, through a pixel buffer. Main thread."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._buffer: moderngl.Buffer | None = None
        self._asked: tuple[Size, Tick] | None = None

    def ask(self, picture: Target, tick: Tick) -> None:
        """Begin to copy `picture`. Take the last one first."""
        width, height = picture.size
        size = width * height * 4
        if self._buffer is None or self._buffer.size != size:
            if self._buffer is not None:
                self._buffer.release()
            self._buffer = self._ctx.buffer(reserve=size)
        picture.framebuffer.read_into(self._buffer, components=4, alignment=1)
        self._asked = (picture.size, tick)

    def take(self) -> tuple[Pixels, Tick] | None:
        """The picture that was asked for, `[H, W, 4]` uint8, top row first, with its tick; None where none was.

        The array is new each time, on purpose: it goes to another thread's queue.
        """
        if self._asked is None or self._buffer is None:
            return None
        (width, height), tick = self._asked
        self._asked = None
        raw = np.frombuffer(self._buffer.read(), dtype=np.uint8).reshape(height, width, 4)
        return np.ascontiguousarray(raw[::-1]), tick

    def release(self) -> None:
        """Give the buffer back."""
        if self._buffer is not None:
            self._buffer.release()
            self._buffer = None
        self._asked = None
