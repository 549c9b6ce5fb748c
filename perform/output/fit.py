"""From the generator's square picture to the wall's shape, so that 256 pixels look meant at 1080 lines.

Enlarging is `enlarge.py`'s, or one plain pass on machines that are short of time. Where the wall has fewer pixels than
the picture along an axis, it is two passes, one an axis, with a cubic kernel as wide as the pixels that fall together,
so that nothing flickers. With equal sizes and no grain it is exactly the picture.
"""

from __future__ import annotations

import math

import moderngl

from models.knobs import Knob, choice
from perform.output.canvas import Pass, Size, Target, target
from perform.output.enlarge import FILM, Enlarge

FITS = ("cover", "contain", "stretch", "mirror")
CLAMP, MIRROR, BLACK = 0, 1, 2
MOST_TAPS = 16

FRAGMENT = """#version 330 core
out vec4 color;
uniform sampler2D image;
uniform float scale;     // how much of the picture is on the wall along this axis
uniform float offset;    // and where it begins
uniform float pixels;    // of the wall along this axis
uniform float count;     // of the picture along this axis
uniform int wrap;
uniform float a;
uniform float grain;
uniform uint seed;

float fold(float k) {
    float period = 2.0 * count;  // there and back again
    float turned = k - period * floor((k + 0.5) / period);
    turned = min(turned, period - 1.0 - turned);
    return clamp(wrap == 1 ? turned : k, 0.0, count - 1.0);
}

vec3 fetch(float k) {
#if AXIS == 0
    return texelFetch(image, ivec2(int(fold(k)), int(gl_FragCoord.y)), 0).rgb;
#else
    return texelFetch(image, ivec2(int(gl_FragCoord.x), int(fold(k))), 0).rgb;
#endif
}

float kernel(float x) {
    x = abs(x);
    float inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    float outer = ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    return x < 1.0 ? inner : x < 2.0 ? outer : 0.0;
}

FILM
void main() {
#if AXIS == 0
    float along = gl_FragCoord.x;
#else
    float along = pixels - gl_FragCoord.y;  // the picture has its top row first, the wall its bottom row
#endif
    float place = (offset + along / pixels * scale) * count - 0.5;
    float first = floor(place);
    vec3 c;
#if TAPS == 4
    float f = place - first, g = 1.0 - f;
    vec3 p1 = fetch(first), p2 = fetch(first + 1.0);
    float w0 = a * f * g * g, w3 = a * f * f * g, w1 = ((a + 2.0) * f - (a + 3.0)) * f * f + 1.0;
    c = p1 * w1 + p2 * (1.0 - w0 - w1 - w3) + fetch(first - 1.0) * w0 + fetch(first + 2.0) * w3;
    c = mix(c, clamp(c, min(p1, p2), max(p1, p2)), 0.8);
#else
    float shrink = count * scale / pixels;
    float total = 0.0;
    c = vec3(0.0);
    for (int k = 1 - TAPS / 2; k <= TAPS / 2; k++) {
        float weight = kernel((place - first - float(k)) / shrink);
        c += weight * fetch(first + float(k));
        total += weight;
    }
    c /= total;
#endif
    if (wrap == 2) c *= step(-0.5, place) * step(place, count - 0.5);
#ifdef GRAIN
    c = film(c, ivec2(gl_FragCoord.xy));
#endif
    color = vec4(c, 1.0);
}
"""

QUICK = """#version 330 core
in vec2 isf_FragNormCoord;
out vec4 color;
uniform sampler2D image;
uniform vec2 extent;     // how much of the picture is on the wall
uniform vec2 count;      // of the picture's pixels
uniform int wrap;
uniform float sharpen;
uniform float grain;
uniform uint seed;
FILM
void main() {
    vec2 at = (isf_FragNormCoord - 0.5) * vec2(extent.x, -extent.y) + 0.5;  // the picture has its top row first
    vec2 inside = step(abs(at - 0.5), vec2(0.5));
    if (wrap == 1) at = 1.0 - abs(1.0 - mod(at, 2.0));
    vec2 place = at * count - 0.5, first = floor(place), f = place - first;
    f = mix(f, f * f * (3.0 - 2.0 * f), sharpen);  // steeper between two pixels: crisper, for nothing
    vec3 c = texture(image, (first + f + 0.5) / count).rgb;
    if (wrap == 2) c *= inside.x * inside.y;
#ifdef GRAIN
    c = film(c, ivec2(gl_FragCoord.xy));
#endif
    color = vec4(c, 1.0);
}
"""


def output_knobs() -> tuple[Knob, ...]:
    """What can be played on the way to the wall; the tree has them as `output.<name>`."""
    return (
        choice("fit", FITS, "cover", "how a square picture fills a wide wall"),
        Knob("sharpen", 0.3, 0.0, 1.0, "", "crispness of the enlargement"),
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

    def __init__(self, ctx: moderngl.Context, *, fine: bool = True) -> None:
        """Without `fine` enlarging is one bilinear pass, for machines that are short of time."""
        self._ctx = ctx
        self._quick: dict[bool, Pass] = {}
        self._passes: dict[tuple[int, int, bool], Pass] = {}
        self._between: Target | None = None
        self._enlarge = Enlarge(ctx) if fine else None

    def draw(
        self,
        picture: moderngl.Texture,
        canvas: Target,
        *,
        fit: str,
        sharpen: float,
        grain: float,
        seed: int,
        version: int,
    ) -> None:
        """Fill `canvas`. `seed` moves the grain; `version` tells a new picture from an old one."""
        (width, height), (across, up) = picture.size, canvas.size
        scale = extent(fit, (width, height), canvas.size)
        wrap = {"mirror": MIRROR, "contain": BLACK}.get(fit, CLAMP)
        a, seed = -0.5 - 0.5 * sharpen, seed & 0xFFFFFFFF
        if width * scale[0] <= across + 0.5 and height * scale[1] <= up + 0.5:
            if self._enlarge is not None:
                self._enlarge.draw(
                    picture, canvas, scale=scale, wrap=wrap, a=a, grain=grain, seed=seed, version=version
                )
            else:
                self._at_once(picture, canvas, {"extent": scale, "wrap": wrap, "sharpen": sharpen, "seed": seed}, grain)
            return
        if self._between is None or self._between.size != (across, height):
            if self._between is not None:
                self._between.release()
            self._between = target(self._ctx, (across, height))
        common: dict[str, object] = {"a": a, "wrap": wrap, "seed": seed}
        self._axis(0, width, across, scale[0], 0.0, common, picture, self._between)
        self._axis(1, height, up, scale[1], grain, common, self._between.texture, canvas)

    def _at_once(self, picture: moderngl.Texture, canvas: Target, uniforms: dict[str, object], grain: float) -> None:
        """Both axes in one bilinear pass: 0.5 ms of a core where two cubic ones take 1.7."""
        grainy = grain > 0.0
        if grainy not in self._quick:
            case = "core\n#define GRAIN\n" if grainy else "core\n"
            self._quick[grainy] = Pass(self._ctx, QUICK.replace("core\n", case, 1).replace("FILM", FILM, 1))
        program = self._quick[grainy]
        program.sample("image", picture)
        width, height = picture.size
        program.draw(canvas.framebuffer, {**uniforms, "count": (float(width), float(height)), "grain": grain})

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
        program = self._pass(taps, axis, grain > 0.0)
        program.sample("image", image)
        places = {"count": float(count), "pixels": float(pixels), "scale": scale, "offset": 0.5 - 0.5 * scale}
        program.draw(into.framebuffer, {**common, **places, "grain": grain})

    def _pass(self, taps: int, axis: int, grain: bool) -> Pass:
        """A program a case, because software GL runs both sides of every branch."""
        key = (taps, axis, grain)
        if key not in self._passes:
            case = f"#define TAPS {taps}\n#define AXIS {axis}\n" + ("#define GRAIN\n" if grain else "")
            self._passes[key] = Pass(
                self._ctx, FRAGMENT.replace("330 core\n", f"330 core\n{case}", 1).replace("FILM", FILM, 1)
            )
        return self._passes[key]

    def release(self) -> None:
        """Give everything back."""
        if self._enlarge is not None:
            self._enlarge.release()
        for program in (*self._passes.values(), *self._quick.values()):
            program.release()
        if self._between is not None:
            self._between.release()
