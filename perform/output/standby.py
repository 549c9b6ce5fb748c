"""The picture before the first picture: slow light while the network loads, so that the wall is never empty."""

from __future__ import annotations

import moderngl

from perform.output.canvas import Pass, Target

FRAGMENT = """#version 330 core
in vec2 isf_FragNormCoord;
out vec4 color;
uniform float time;
uniform float aspect;
uniform float strength;

void main() {
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(aspect, 1.0);
    float rim = dot(p, p);
    p *= 3.4;
    for (int i = 1; i <= 5; i++) {
        float k = float(i);
        p += vec2(sin(1.5 * k * p.y + 0.31 * time + 0.7 * k), cos(1.3 * k * p.x - 0.23 * time + 1.9 * k)) * (0.62 / k);
    }
    float silk = 0.5 + 0.5 * sin(p.x + p.y + 0.15 * time);
    float fold = 0.5 + 0.5 * sin(p.x - 0.7 * p.y);
    vec3 c = mix(vec3(0.01, 0.012, 0.05), vec3(0.20, 0.05, 0.42), silk);
    c = mix(c, vec3(0.02, 0.36, 0.50), fold * fold * (1.0 - silk) * 0.9);
    c += vec3(0.95, 0.30, 0.42) * pow(silk, 5.0) * (0.25 + 0.75 * fold) * 0.75;
    c += vec3(1.0, 0.80, 0.50) * pow(silk * (0.35 + 0.65 * fold), 9.0) * 0.8;
    c *= 1.0 - 0.9 * smoothstep(0.05, 0.95, rim);
    color = vec4(c / (1.0 + 0.35 * c) * strength, strength);
}
"""


class Standby:
    """Draws the standby picture over what is there, as strong as `strength`. Main thread."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._pass = Pass(ctx, FRAGMENT)

    def draw(self, canvas: Target, time: float, strength: float) -> None:
        """`time` in seconds; `strength` 1 hides what is below, 0 is nothing."""
        width, height = canvas.size
        self._ctx.enable(moderngl.BLEND)
        self._ctx.blend_func = moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        self._pass.draw(canvas.framebuffer, {"time": time, "aspect": width / height, "strength": strength})
        self._ctx.disable(moderngl.BLEND)

    def release(self) -> None:
        """Give the program back."""
        self._pass.release()
