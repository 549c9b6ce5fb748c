"""Frames become textures: the one place that knows on which device a picture is.

Below this line a picture is a GL texture; above it, the show does not care how it got there. A picture in CUDA memory
goes straight across ("cuda-gl") where the driver lets it, else through the host ("download"); any other is uploaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import moderngl
import numpy as np

from perform.engine.frame import Frame
from perform.output.canvas import Pixels
from perform.output.interop import Bridge, NoInterop, open_bridge

log = logging.getLogger("perform")


class FrameTexture:
    """The newest frame as an RGBA8 texture, top row first (`fit.py` turns it over). Main thread.

    `path` says how the picture came, for the HUD: "none", "upload" (host memory), "cuda-gl" (device to texture) or
    "download" (accelerator, through the host). `bridge` opens the way for CUDA; where it fails once, it is not tried
    again.
    """

    def __init__(self, ctx: moderngl.Context, bridge: Callable[[], Bridge] = open_bridge) -> None:
        self._ctx = ctx
        self._open = bridge
        self._bridge: Bridge | None = None
        self._barred = False
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
        if not self._across(frame):
            pixels, self.path = host_pixels(frame.pixels)
            self._sized(*pixels.shape[:2]).write(pixels)
        self.uploads += 1
        return self.texture

    def _across(self, frame: Frame) -> bool:
        """Device to texture, if the picture is in CUDA memory and the driver lets it."""
        if self._barred or not frame.device.startswith("cuda") or isinstance(frame.pixels, np.ndarray):
            return False
        try:
            self._bridge = self._bridge or self._open()
            self._bridge.copy(frame.pixels, frame.ready, self._sized(*frame.pixels.shape[:2]))
        except NoInterop as error:
            log.warning("pictures go through the host: %s", error)
            self._barred = True
            return False
        self.path = "cuda-gl"
        return True

    def _sized(self, height: int, width: int) -> moderngl.Texture:
        """The texture, made anew only for another size."""
        if self.texture is None or self.texture.size != (width, height):
            self._drop()
            self.texture = self._ctx.texture((width, height), 4)
            self.texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
            self.texture.repeat_x = self.texture.repeat_y = False
        return self.texture

    def _drop(self) -> None:
        if self._bridge is not None:
            self._bridge.forget()
        if self.texture is not None:
            self.texture.release()
            self.texture = None

    def release(self) -> None:
        """Give the memory back."""
        self._drop()
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
