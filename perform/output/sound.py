"""The sound as two small textures, for ISF inputs of the types `audioFFT` and `audio`. Main thread."""

from __future__ import annotations

import moderngl
import numpy as np

from perform.engine.sound import SPECTRUM, WAVE, SoundPicture

KINDS = ("audioFFT", "audio")


class SoundTextures:
    """`textures` by ISF type, grey, 32-bit floats: the spectrum 64 wide and 1 high, 0..1, on a scale of octaves from
    30 Hz to 16 kHz; the wave 512 wide, left in the lower row and right in the upper, around 0.5. Both made once."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self.textures = {"audioFFT": _grey(ctx, SPECTRUM, 1, 0.0), "audio": _grey(ctx, WAVE, 2, 0.5)}
        self._shown: SoundPicture | None = None

    def show(self, picture: SoundPicture | None) -> None:
        """Once a frame: upload the picture (4.4 kB, from the arrays as they are) if it is a new one."""
        if picture is None or picture is self._shown:
            return
        self._shown = picture
        self.textures["audioFFT"].write(picture.spectrum)
        self.textures["audio"].write(picture.wave)

    def release(self) -> None:
        """Give the memory back."""
        for texture in self.textures.values():
            texture.release()


def _grey(ctx: moderngl.Context, width: int, height: int, level: float) -> moderngl.Texture:
    texture = ctx.texture((width, height), 1, np.full((height, width), level, np.float32), dtype="f4")
    texture.swizzle = "RRR1"
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    texture.repeat_x = texture.repeat_y = False
    return texture
