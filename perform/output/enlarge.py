"""Enlarging that follows the lines in a picture, so that 256 pixels look drawn, not built of squares, at 1080 lines.

A kernel on a grid enlarges slanted lines into stairs. Here the picture is asked first where its lines run: the
structure tensor (Bigun & Granlund 1987), smoothed a little, gives at each place a direction and how sure it is. The
cubic kernel (Keys 1981, "Cubic convolution interpolation") is then stretched along the line and narrowed across it
(after Takeda, Farsiu & Milanfar 2007, "Kernel regression for image processing"); where there is no line it is the plain
cubic on the grid. The result is held near the four pixels around it, so that no halos ring. At equal size it is the
picture itself.

Three passes: two of the picture's own size, one of the wall's.
"""

from __future__ import annotations

import moderngl

from perform.output.canvas import Pass, Size, Target, target

# Noise of the wall's own fineness: something for the eye to rest on; it also hides the steps of 8 bits.
FILM = """
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
    float body = 0.25 + 2.2 * light * (1.0 - light);
    return c + (mono + 0.35 * tint) * (grain * 0.11 * body + step(0.001, grain) * 0.004);
}
"""

TENSOR = """#version 330 core
out vec4 tensor;
uniform sampler2D image;

float light(ivec2 p) {
    return dot(texelFetch(image, clamp(p, ivec2(0), textureSize(image, 0) - 1), 0).rgb, vec3(0.3, 0.55, 0.15));
}

void main() {
    ivec2 p = ivec2(gl_FragCoord.xy);
    float nw = light(p + ivec2(-1, -1)), n = light(p + ivec2(0, -1)), ne = light(p + ivec2(1, -1));
    float w = light(p + ivec2(-1, 0)), e = light(p + ivec2(1, 0));
    float sw = light(p + ivec2(-1, 1)), s = light(p + ivec2(0, 1)), se = light(p + ivec2(1, 1));
    float x = (3.0 * (ne - nw + se - sw) + 10.0 * (e - w)) / 32.0;  // Scharr
    float y = (3.0 * (sw - nw + se - ne) + 10.0 * (s - n)) / 32.0;
    tensor = vec4(x * x, y * y, x * y, 1.0);
}
"""

SMOOTH = """#version 330 core
in vec2 isf_FragNormCoord;
out vec4 tensor;
uniform sampler2D image;

void main() {
    vec2 t = 1.25 / vec2(textureSize(image, 0));
    vec2 p = isf_FragNormCoord;
    tensor = 0.25 * texture(image, p);
    tensor += 0.125 * (texture(image, p + vec2(t.x, 0.0)) + texture(image, p - vec2(t.x, 0.0)));
    tensor += 0.125 * (texture(image, p + vec2(0.0, t.y)) + texture(image, p - vec2(0.0, t.y)));
    tensor += 0.0625 * (texture(image, p + t) + texture(image, p - t));
    tensor += 0.0625 * (texture(image, p + vec2(t.x, -t.y)) + texture(image, p + vec2(-t.x, t.y)));
}
"""

DRAW = """#version 330 core
out vec4 color;
uniform sampler2D image;
uniform sampler2D tensor;
uniform vec2 wall;       // pixels
uniform vec2 scale;      // how much of the picture is on the wall along each axis
uniform int wrap;        // 0: the rim goes on, 1: mirrors, 2: black
uniform float a;
uniform float steer;     // 0: the plain cubic
uniform float grain;
uniform uint seed;
FILM
vec2 fold(vec2 k, vec2 count) {
    vec2 period = 2.0 * count;  // there and back again
    vec2 turned = k - period * floor((k + 0.5) / period);
    turned = min(turned, period - 1.0 - turned);
    return clamp(wrap == 1 ? turned : k, vec2(0.0), count - 1.0);
}

float cubic(float x) {
    float inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    float outer = ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    return x < 1.0 ? inner : x < 2.0 ? outer : 0.0;
}

void main() {
    vec2 count = vec2(textureSize(image, 0));
    vec2 here = vec2(gl_FragCoord.x, wall.y - gl_FragCoord.y);  // the picture has its top row first, the wall its last
    vec2 place = ((here / wall - 0.5) * scale + 0.5) * count - 0.5;
    vec2 first = floor(place), f = place - first;

    vec3 t = texture(tensor, (fold(place, count) + 0.5) / count).xyz;
    vec2 mirrored = mod(floor((place + 0.5) / count), 2.0);
    if (wrap == 1 && mirrored.x != mirrored.y) t.z = -t.z;
    float root = sqrt((t.x - t.y) * (t.x - t.y) + 4.0 * t.z * t.z);
    float sure = root / (t.x + t.y + 0.0003);
    sure = steer * smoothstep(0.15, 0.75, sure);
    vec2 across = t.x >= t.y ? vec2(t.x - t.y + root, 2.0 * t.z) : vec2(2.0 * t.z, t.y - t.x + root);
    across *= inversesqrt(dot(across, across) + 1e-20);

    ivec2 place_of[4];
    vec2 plain[4];
    for (int i = 0; i < 4; i++) {
        place_of[i] = ivec2(fold(first + float(i - 1), count));
        vec2 d = abs(float(i - 1) - f);
        plain[i] = vec2(cubic(d.x), cubic(d.y));
    }
    vec3 sum = vec3(0.0), low = vec3(1.0), high = vec3(0.0);
    float total = 0.0;
    for (int j = 0; j < 4; j++) {
        for (int i = 0; i < 4; i++) {
            vec3 c = texelFetch(image, ivec2(place_of[i].x, place_of[j].y), 0).rgb;
            vec2 d = vec2(i - 1, j - 1) - f;
            vec2 r = vec2(dot(d, across) * 1.15, (d.y * across.x - d.x * across.y) * 0.5);
            float weight = mix(plain[i].x * plain[j].y, cubic(length(r)), sure);
            sum += weight * c;
            total += weight;
            if (i > 0 && i < 3 && j > 0 && j < 3) {
                low = min(low, c);
                high = max(high, c);
            }
        }
    }
    vec3 c = sum / total;
    c = mix(c, clamp(c, low, high), 0.9);
    if (wrap == 2) {
        vec2 inside = step(-0.5, place) * step(place, count - 0.5);
        c *= inside.x * inside.y;
    }
#ifdef GRAIN
    c = film(c, ivec2(gl_FragCoord.xy));
#endif
    color = vec4(c, 1.0);
}
"""


class Enlarge:
    """Draws a picture (top row first) larger into a canvas (bottom row first). Main thread."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._tensor = Pass(ctx, TENSOR)
        self._smooth = Pass(ctx, SMOOTH)
        code = DRAW.replace("FILM", FILM, 1)
        self._plain = Pass(ctx, code)
        self._grainy = Pass(ctx, code.replace("core\n", "core\n#define GRAIN\n", 1))
        self._raw: Target | None = None
        self._smoothed: Target | None = None
        self._version = -1

    def draw(
        self,
        picture: moderngl.Texture,
        canvas: Target,
        *,
        scale: tuple[float, float],
        wrap: int,
        a: float,
        grain: float,
        seed: int,
        version: int,
    ) -> None:
        """Fill `canvas`; the words are those of `fit.py`."""
        smoothed = self._lines(picture, version)
        zoom = min(canvas.size[axis] / (picture.size[axis] * scale[axis]) for axis in (0, 1))
        program = self._grainy if grain > 0.0 else self._plain
        program.sample("image", picture)
        program.sample("tensor", smoothed.texture)
        program.draw(
            canvas.framebuffer,
            {
                "wall": (float(canvas.size[0]), float(canvas.size[1])),
                "scale": scale,
                "wrap": wrap,
                "a": a,
                "steer": min(max(2.0 * (zoom - 1.0), 0.0), 1.0),
                "grain": grain,
                "seed": seed,
            },
        )

    def _lines(self, picture: moderngl.Texture, version: int) -> Target:
        """Where the lines of the picture run: worked out once a picture, however often it is shown."""
        raw, smoothed = self._room(picture.size)
        if version != self._version:
            self._version = version
            self._tensor.sample("image", picture)
            self._tensor.draw(raw.framebuffer)
            self._smooth.sample("image", raw.texture)
            self._smooth.draw(smoothed.framebuffer)
        return smoothed

    def _room(self, size: Size) -> tuple[Target, Target]:
        if self._raw is None or self._smoothed is None or self._raw.size != size:
            self.release_room()
            self._raw, self._smoothed = target(self._ctx, size, "f2"), target(self._ctx, size, "f2")
            self._version = -1
        return self._raw, self._smoothed

    def release_room(self) -> None:
        """Give the pictures back that depend on a size."""
        for room in (self._raw, self._smoothed):
            if room is not None:
                room.release()
        self._raw = self._smoothed = None

    def release(self) -> None:
        """Give everything back."""
        self.release_room()
        for program in (self._tensor, self._smooth, self._plain, self._grainy):
            program.release()
