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
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(aspect, 1.0) * 2.2;
    vec2 q = p;
    float glow = 0.0;
    for (int i = 1; i <= 5; i++) {
        float k = float(i);
        q += vec2(sin(q.y * 1.3 + time * 0.21 + k * 1.7), cos(q.x * 1.1 - time * 0.17 + k * 2.3)) * (0.75 / k);
        glow += exp(-abs(sin(q.x + q.y * 0.6 + k)) * 5.0) / k;
    }
    vec3 deep = 0.5 + 0.5 * cos(vec3(3.9, 2.9, 2.2) + q.x * 0.45 + q.y * 0.3 + time * 0.05);
    vec3 light = deep * deep * (0.10 + 0.55 * glow);
    light += vec3(1.0, 0.72, 0.45) * pow(glow * 0.52, 4.0) * 0.35;
    light *= smoothstep(2.1, 0.2, length(p));
    color = vec4(light / (1.0 + light * 0.45) * strength, strength);
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
