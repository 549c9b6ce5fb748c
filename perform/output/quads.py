"""Boxes and letters in one draw call: what the HUD is made of. Main thread only.

A `Quads` is filled on the processor (a few times a second) and drawn every frame; a row is one rectangle on the screen:
x, y, width, height (pixels, y down) · u, v, width, height in the sheet of letters · r, g, b, a · corner radius, or -1
for a letter, or -2 - n for a bar as long as the n-th of the `levels` says. The levels are uniforms, because writing
into a buffer that is being drawn from makes the driver wait.
"""

from __future__ import annotations

from typing import Any, Literal

import moderngl
import numpy as np
from numpy.typing import NDArray

from perform.output.font import Face

Colour = tuple[float, float, float, float]
Align = Literal["left", "right", "centre"]
Size = tuple[int, int]

PAPER: Colour = (0.02, 0.02, 0.03, 0.76)
BRIGHT: Colour = (0.96, 0.97, 0.98, 1.0)
DIM: Colour = (0.70, 0.73, 0.78, 1.0)
FAINT: Colour = (1.0, 1.0, 1.0, 0.14)
CYAN: Colour = (0.36, 0.83, 0.86, 1.0)
AMBER: Colour = (1.0, 0.72, 0.30, 1.0)

COLUMNS = 13
CAPACITY = 6000
LEVELS = 128
_CACHE = 2000
_BLEND: Any = (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE)  # colour, then alpha

VERTEX = """#version 330 core
in vec4 rect;
in vec4 glyph;
in vec4 tint;
in float radius;
uniform vec2 screen;
uniform float levels[128];
out vec2 inside;
out vec2 texel;
flat out vec2 extent;
flat out vec4 colour;
flat out float corner;
void main() {
    vec2 unit = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    extent = rect.zw;
    if (radius <= -1.5) extent.x *= levels[int(-1.5 - radius)];
    inside = unit * extent;
    texel = glyph.xy + unit * glyph.zw;
    colour = tint;
    corner = radius <= -1.5 ? 0.0 : radius;
    vec2 place = (rect.xy + inside) / screen * 2.0 - 1.0;
    gl_Position = vec4(place.x, -place.y, 0.0, 1.0);
}
"""

FRAGMENT = """#version 330 core
in vec2 inside;
in vec2 texel;
flat in vec2 extent;
flat in vec4 colour;
flat in float corner;
uniform sampler2D letters;
uniform float opacity;
out vec4 pixel;
void main() {
    float cover;
    if (corner < 0.0) {
        cover = texelFetch(letters, ivec2(texel), 0).r;
    } else {
        vec2 away = abs(inside - extent * 0.5) - extent * 0.5 + corner;
        float edge = length(max(away, 0.0)) + min(max(away.x, away.y), 0.0) - corner;
        cover = corner > 0.0 ? clamp(0.5 - edge, 0.0, 1.0) : 1.0;
    }
    pixel = vec4(colour.rgb, colour.a * cover * opacity);
}
"""


class Quads:
    """Rows waiting to be drawn. What does not fit into `CAPACITY` is left out."""

    def __init__(self) -> None:
        self.rows: NDArray[np.float32] = np.zeros((CAPACITY, COLUMNS), np.float32)
        self.count = 0
        self.stale = True
        self._laid_out: dict[tuple[int, str], tuple[NDArray[np.float32], float]] = {}

    def clear(self) -> None:
        """Begin again."""
        self.count = 0
        self.stale = True

    def box(self, x: float, y: float, width: float, height: float, colour: Colour, radius: float = 0.0) -> int:
        """A rectangle; returns its row."""
        row = min(self.count, CAPACITY - 1)
        self.rows[row, :4] = x, y, width, height
        self.rows[row, 4:8] = 0.0
        self.rows[row, 8:12] = colour
        self.rows[row, 12] = min(radius, width / 2, height / 2)
        self.count = row + 1
        return row

    def text(self, face: Face, text: str, x: float, y: float, colour: Colour, align: Align = "left") -> float:
        """Letters with their baseline at `y`; returns their width."""
        placed, width = self._layout(face, text)
        if align != "left":
            x -= width if align == "right" else width / 2
        rows = self.rows[self.count : self.count + len(placed)]
        rows[:, :8] = placed[: len(rows)]
        rows[:, 0] += round(x)
        rows[:, 1] += round(y)
        rows[:, 8:12] = colour
        rows[:, 12] = -1.0
        self.count += len(rows)
        return width

    def bar(self, number: int, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A bar `width` long at level 1; its level is the `number`-th."""
        self.rows[self.box(x, y, width, height, colour), 12] = -2.0 - number

    def columns(
        self, heights: NDArray[np.float32], x: float, y: float, step: int, colours: NDArray[np.float32]
    ) -> None:
        """Thin columns `[N]` (pixels high) standing on `y`, `step` apart, each in its colour `[N, 4]`: a sparkline."""
        rows = self.rows[self.count : self.count + len(heights)]
        tall = heights[: len(rows)]
        rows[:, 0] = x + np.arange(len(rows)) * step
        rows[:, 1] = y - tall
        rows[:, 2] = max(step - 1, 1)
        rows[:, 3] = tall
        rows[:, 4:8] = 0.0
        rows[:, 8:12] = colours[: len(rows)]
        rows[:, 12] = 0.0
        self.count += len(rows)

    def _layout(self, face: Face, text: str) -> tuple[NDArray[np.float32], float]:
        """Most words are the same as a tenth of a second ago."""
        if len(self._laid_out) > _CACHE:
            self._laid_out.clear()
        key = (face.size, text)
        found = self._laid_out.get(key)
        if found is None:
            found = self._laid_out[key] = face.layout(text)
        return found


class Ink:
    """The program, the sheet of letters and a buffer for each layer, in one GL context."""

    def __init__(self, ctx: moderngl.Context, sheet: NDArray[np.uint8], layers: int) -> None:
        self.ctx = ctx
        self._program: Any = ctx.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        height, width = sheet.shape
        self._letters = ctx.texture((width, height), 1, np.ascontiguousarray(sheet).tobytes(), alignment=1)
        self._buffers = [ctx.buffer(reserve=CAPACITY * COLUMNS * 4) for _ in range(layers)]
        content = ("4f 4f 4f 1f/i", "rect", "glyph", "tint", "radius")
        self._arrays = [ctx.vertex_array(self._program, [(buffer, *content)]) for buffer in self._buffers]

    def begin(self, size: Size, levels: NDArray[np.float32]) -> None:
        """Set up for drawing into the bound framebuffer of `size` pixels; `levels` `[128]` are those of the bars."""
        self._program["levels"].write(levels.data)
        self._program["screen"] = size
        self._letters.use(0)
        self.ctx.enable_only(moderngl.BLEND)
        self.ctx.blend_func = _BLEND

    def draw(self, layer: int, quads: Quads, opacity: float) -> None:
        """Draw one layer; its rows go over only when they changed."""
        if quads.stale:
            self._buffers[layer].orphan()
            self._buffers[layer].write(quads.rows[: quads.count].data)
            quads.stale = False
        self._program["opacity"] = opacity
        self._arrays[layer].render(moderngl.TRIANGLE_STRIP, vertices=4, instances=quads.count)

    def end(self) -> None:
        """Leave the context as the pictures need it."""
        self.ctx.enable_only(moderngl.NOTHING)

    def release(self) -> None:
        """Give everything back."""
        things: tuple[Any, ...] = (*self._arrays, *self._buffers, self._letters, self._program)
        for thing in things:
            thing.release()
