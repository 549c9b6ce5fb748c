"""Frames become textures: the one place that knows on which device a picture is.

Below this line a picture is a GL texture; above it, the show does not care how it got there. A picture on an
accelerator takes one copy through the host ("download"); CUDA-GL interop belongs here and nowhere else.
"""

from __future__ import annotations

from typing import Any

import moderngl
import numpy as np

from perform.engine.frame import Frame
from perform.output.canvas import Pixels


class FrameTexture:
    """The newest frame as an RGBA8 texture, top row first (`fit.py` turns it over). Main thread.

    `path` says how the picture came, for the HUD: "none", "upload" (host memory) or "download" (accelerator, through
    the host).
    """

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._frame: Frame | None = None
        self.texture: moderngl.Texture | None = None
        self.path = "none"
        self.uploads = 0

    def update(self, frame: Frame | None) -> moderngl.Texture | None:
        """The texture of `frame`, uploaded only if it is a new one. None before the first frame.

        Raises ValueError for pixels that are not `[H, W, 4]` uint8; the last good picture stays.
        """
        if frame is None or frame is self._frame:
            return self.texture
        self._frame = frame
        pixels, path = host_pixels(frame.pixels)
        height, width = pixels.shape[:2]
        if self.texture is None or self.texture.size != (width, height):
            if self.texture is not None:
                self.texture.release()
            self.texture = self._ctx.texture((width, height), 4)
            self.texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
            self.texture.repeat_x = self.texture.repeat_y = False
        self.texture.write(pixels)
        self.path = path
        self.uploads += 1
        return self.texture

    def release(self) -> None:
        """Give the memory back."""
        if self.texture is not None:
            self.texture.release()
            self.texture = None
        self._frame = None


def host_pixels(pixels: Any) -> tuple[Pixels, str]:
    """Contiguous `[H, W, 4]` uint8 in host memory, and how it got there. A tensor is known by its `cpu`: no torch here.

    Raises ValueError for anything else.
    """
    path = "upload"
    if not isinstance(pixels, np.ndarray):
        if not hasattr(pixels, "cpu"):
            raise ValueError(f"a frame holds an array or a tensor, not {type(pixels).__name__}")
        path = "upload" if getattr(pixels.device, "type", "cpu") == "cpu" else "download"
        pixels = pixels.detach().cpu().numpy()
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 4 or 0 in pixels.shape:
        raise ValueError(f"a frame is uint8 [H, W, 4], not {pixels.dtype} {list(pixels.shape)}")
    return np.ascontiguousarray(pixels), path
