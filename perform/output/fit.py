"""From the generator's square picture to the wall's shape, so that 256 pixels look meant at 1080 lines.

Two passes, one an axis: a cubic kernel (Keys 1981, "Cubic convolution interpolation", `a` from -0.5 to -1 with the knob
`sharpen`), held between its two nearest pixels so that no halos ring around edges, then a film grain that gives the
eye a detail of the wall's own size to rest on and hides the steps of 8 bits. Where the picture is larger than the wall
the kernel widens, so nothing flickers. With equal sizes and no grain it is exactly the picture.
"""

from __future__ import annotations

import math

import moderngl

from models.knobs import Knob, choice
from perform.output.canvas import Pass, Size, Target, target

FITS = ("cover", "contain", "stretch", "mirror")
CLAMP, MIRROR, BLACK = 0, 1, 2
MOST_TAPS = 16

FRAGMENT = """#version 330 core
out vec4 color;
uniform sampler2D image;
uniform int axis;        // 0: across, 1: up
uniform float scale;     // how much of the picture is on the wall along this axis
uniform float offset;    // and where it begins
uniform float pixels;    // of the wall along this axis
uniform int count;       // of the picture along this axis
uniform int wrap;
uniform float a;
uniform float grain;
uniform uint seed;

int fold(int k) {
    if (wrap == 1) {
        int period = 2 * count;
        k = ((k % period) + period) % period;
        return k < count ? k : period - 1 - k;
    }
    return clamp(k, 0, count - 1);
}

vec3 fetch(int k, ivec2 here) {
    return texelFetch(image, axis == 0 ? ivec2(fold(k), here.y) : ivec2(here.x, fold(k)), 0).rgb;
}

float kernel(float x) {
    x = abs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    return 0.0;
}

uint scramble(uint v) {  // PCG, Jarzynski & Olano 2020, "Hash functions for GPU rendering"
    v = v * 747796405u + 2891336453u;
    v = ((v >> ((v >> 28u) + 4u)) ^ v) * 277803737u;
    return (v >> 22u) ^ v;
}

vec3 film(vec3 c, ivec2 here) {
    uint h = scramble(uint(here.x) + scramble(uint(here.y) + scramble(seed)));
    vec4 r = vec4(h & 255u, (h >> 8u) & 255u, (h >> 16u) & 255u, h >> 24u) / 255.0;
    float mono = r.x + r.y - 1.0;
    vec3 tint = vec3(r.z, r.w, r.x) - 0.5;
    float light = dot(c, vec3(0.25, 0.6, 0.15));
    float body = 0.25 + 2.2 * light * (1.0 - light) ;
    return c + (mono + 0.35 * tint) * (grain * 0.11 * body + step(0.001, grain) * 0.004);
}

void main() {
    ivec2 here = ivec2(gl_FragCoord.xy);
    float along = axis == 0 ? gl_FragCoord.x : pixels - gl_FragCoord.y;
    float place = (offset + along / pixels * scale) * float(count) - 0.5;
    int first = int(floor(place));
    vec3 c;
#if TAPS == 4
    float f = place - float(first);
    vec3 p1 = fetch(first, here), p2 = fetch(first + 1, here);
    vec3 p0 = fetch(first - 1, here), p3 = fetch(first + 2, here);
    c = p0 * kernel(f + 1.0) + p1 * kernel(f) + p2 * kernel(1.0 - f) + p3 * kernel(2.0 - f);
    vec3 low = min(p1, p2), high = max(p1, p2);
    c = mix(c, clamp(c, low, high), 0.8);
#else
    float shrink = float(count) * scale / pixels;
    float total = 0.0;
    c = vec3(0.0);
    for (int k = -TAPS / 2 + 1; k <= TAPS / 2; k++) {
        float weight = kernel((place - float(first + k)) / shrink);
        c += weight * fetch(first + k, here);
        total += weight;
    }
    c /= total;
#endif
    if (wrap == 2) c *= step(-0.5, place) * step(place, float(count) - 0.5);
    if (grain > 0.0) c = film(c, here);
    color = vec4(c, 1.0);
}
"""


def output_knobs() -> tuple[Knob, ...]:
    """What can be played on the way to the wall; the tree has them as `output.<name>`."""
    return (
        choice("fit", FITS, "cover", "how a square picture fills a wide wall"),
        Knob("sharpen", 0.5, 0.0, 1.0, "", "crispness of the enlargement"),
        Knob("grain", 0.25, 0.0, 1.0, "", "film grain, moving"),
        Knob("level", 1.0, 0.0, 1.0, "", "brightness of everything: the master fader"),
    )


def extent(fit: str, picture: Size, wall: Size) -> tuple[float, float]:
    """How much of the picture the wall shows along each axis: 1 is all of it, less is cropped, more is repeated."""
    across, up = wall[0] / picture[0], wall[1] / picture[1]
    if fit == "stretch":
        return 1.0, 1.0
    zoom = max(across, up) if fit == "cover" else min(across, up)
    return across / zoom, up / zoom


class Fit:
    """Draws a picture (top row first) into a canvas (bottom row first), scaled. Main thread."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._passes: dict[int, Pass] = {}
        self._between: Target | None = None
        self._pass(4)

    def draw(
        self, picture: moderngl.Texture, canvas: Target, *, fit: str, sharpen: float, grain: float, seed: int
    ) -> None:
        """Fill `canvas`. `seed` moves the grain: the number of the frame."""
        (width, height), (across, up) = picture.size, canvas.size
        if self._between is None or self._between.size != (across, height):
            if self._between is not None:
                self._between.release()
            self._between = target(self._ctx, (across, height))
        scale = extent(fit, (width, height), canvas.size)
        wrap = {"mirror": MIRROR, "contain": BLACK}.get(fit, CLAMP)
        common: dict[str, object] = {"a": -0.5 - 0.5 * sharpen, "wrap": wrap, "seed": seed & 0xFFFFFFFF}
        self._axis(0, width, across, scale[0], 0.0, common, picture, self._between)
        self._axis(1, height, up, scale[1], grain, common, self._between.texture, canvas)

    def _axis(
        self,
        axis: int,
        count: int,
        pixels: int,
        scale: float,
        grain: float,
        common: dict[str, object],
        image: moderngl.Texture,
        into: Target,
    ) -> None:
        shrink = count * scale / pixels
        taps = 4 if shrink <= 1.0 else min(2 * math.ceil(2.0 * shrink), MOST_TAPS)
        program = self._pass(taps)
        program.sample("image", image)
        places = {"axis": axis, "count": count, "pixels": float(pixels), "scale": scale, "offset": 0.5 - 0.5 * scale}
        program.draw(into.framebuffer, {**common, **places, "grain": grain})

    def _pass(self, taps: int) -> Pass:
        if taps not in self._passes:
            self._passes[taps] = Pass(self._ctx, FRAGMENT.replace("330 core", f"330 core\n#define TAPS {taps}", 1))
        return self._passes[taps]

    def release(self) -> None:
        """Give everything back."""
        for program in self._passes.values():
            program.release()
        if self._between is not None:
            self._between.release()
