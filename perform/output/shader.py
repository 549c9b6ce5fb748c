"""An ISF shader made to run: GLSL 330 out of its text, its buffers, and its numbers every frame. Main thread.

TIME is the tick's time, so a render is the same every time; it starts anew each hour, because a 32-bit float then
still counts quarter milliseconds (a show lasts all night). What should never leap uses a PHASE instead (`isf.py`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import moderngl

from perform.engine.clock import Tick
from perform.engine.parameters import Values
from perform.engine.problems import UserError
from perform.output.canvas import Pass, Size, Target, target
from perform.output.isf import SOUNDS, Input, PassSpec, Shader

log = logging.getLogger("perform")

HOUR = 3600.0
LARGEST = 8192

PREAMBLE = """#version 330 core
in vec2 isf_FragNormCoord;
out vec4 isf_FragColor;
uniform vec2 RENDERSIZE;
uniform float TIME;
uniform float TIMEDELTA;
uniform float amount;
uniform int FRAMEINDEX;
#define vv_FragNormCoord isf_FragNormCoord
#define IMG_SIZE(image) vec2(textureSize(image, 0))
#define IMG_NORM_PIXEL(image, place) texture(image, place)
#define IMG_PIXEL(image, place) texture(image, (place) / IMG_SIZE(image))
#define IMG_THIS_NORM_PIXEL(image) texture(image, isf_FragNormCoord)
#define IMG_THIS_PIXEL(image) texture(image, isf_FragNormCoord)
"""

# A number that is not one would live in a persistent buffer for ever, so none is let out.
CLOSING = """
#undef main
void main() {
    isf_FragColor = vec4(0.0, 0.0, 0.0, 1.0);
    isf_main();
    if (any(isnan(isf_FragColor)) || any(isinf(isf_FragColor))) isf_FragColor = vec4(0.0, 0.0, 0.0, 1.0);
#ifdef LAST
    vec3 dry = texture(inputImage, isf_FragNormCoord).rgb;
    isf_FragColor = vec4(mix(dry, clamp(isf_FragColor.rgb, 0.0, 1.0), amount), 1.0);
#endif
}
"""

MIX = """#version 330 core
in vec2 isf_FragNormCoord;
out vec4 color;
uniform sampler2D dry;
uniform sampler2D wet;
uniform float amount;
void main() {
    vec3 under = texture(dry, isf_FragNormCoord).rgb;
    color = vec4(mix(under, clamp(texture(wet, isf_FragNormCoord).rgb, 0.0, 1.0), amount), 1.0);
}
"""

TYPES = {"float": "float", "bool": "bool", "event": "bool", "long": "int", "color": "vec4", "point2D": "vec2"}
OLD_WORDS = {"gl_FragColor": "isf_FragColor", "texture2D": "texture", "varying": "in"}
OLD = re.compile(r"\b(" + "|".join(OLD_WORDS) + r")\b")
COMPLAINT = re.compile(r"^(?:ERROR:\s*)?\d+[:(](\d+)[):]*(?:\(\d+\))?\s*:?\s*(.*)$")


def glsl(shader: Shader, index: int) -> str:
    """The fragment program of one pass of a shader. The compiler's line numbers are the file's own.

    Each pass is a program of its own with PASSINDEX a constant: software GL runs both sides of every branch, so one
    program for all would pay for all passes in each of them.
    """
    lines = [PREAMBLE, f"#define PASSINDEX {index}"]
    if not shader.passes[index].target:
        lines.append("#define LAST")
    for entry in shader.inputs:
        lines.append(f"uniform {TYPES.get(entry.kind, 'sampler2D')} {entry.name};")
        if entry.phase:
            lines.append(f"uniform float {entry.name}_phase;")
    lines += [f"uniform sampler2D {name};" for name in dict.fromkeys(p.target for p in shader.passes) if name]
    lines += ["#define main isf_main", "#line 1"]
    code = OLD.sub(lambda found: OLD_WORDS[found.group()], shader.code)
    return "\n".join(lines) + "\n" + code + CLOSING


def complaint(error: moderngl.Error, shader: Shader) -> str:
    """The first thing that the compiler did not like, with the line of the shader's own file."""
    for line in str(error).splitlines():
        found = COMPLAINT.match(line.strip())
        if found:
            return f"{shader.path.name}, line {found.group(1)}: {found.group(2)}"
    return f"{shader.path.name}: {' '.join(str(error).split())[:200]}"


@dataclass(slots=True)
class _Buffer:
    """The picture behind one TARGET: what was drawn last, and for a persistent one the picture to draw next."""

    shown: Target
    drawn: Target
    spec: PassSpec

    def swap(self) -> None:
        self.shown, self.drawn = self.drawn, self.shown

    def release(self) -> None:
        self.shown.release()
        if self.drawn is not self.shown:
            self.drawn.release()


class Effect:
    """One compiled shader with its buffers. The chain owns it."""

    def __init__(self, ctx: moderngl.Context, shader: Shader, sound: Mapping[str, moderngl.Texture]) -> None:
        """Compile. `sound` are the textures for inputs of sound. Raises UserError with the shader's own line."""
        self.ctx = ctx
        self.shader = shader
        try:
            self._programs = [Pass(ctx, glsl(shader, index)) for index in range(len(shader.passes))]
        except moderngl.Error as error:
            raise UserError(complaint(error, shader)) from None
        self._mix = Pass(ctx, MIX) if shader.passes[-1].target else None
        self._nothing = target(ctx, (1, 1))
        self._targets = tuple(dict.fromkeys(spec.target for spec in shader.passes if spec.target))
        self._sound = [(entry.name, sound[entry.kind]) for entry in shader.inputs if entry.kind in SOUNDS]
        self._phased = tuple(entry for entry in shader.inputs if entry.phase)
        self._buffers: dict[str, _Buffer] = {}
        self._setters: list[Callable[[Values, Collection[str]], None]] | None = None
        self.phases = {entry.name: 0.0 for entry in shader.inputs if entry.phase}
        self.awake = False

    def sleep(self) -> None:
        """Left out of this frame. When it comes back it starts with empty buffers, not with an old picture."""
        if self.awake:
            self.awake = False
            for buffer in self._buffers.values():
                buffer.shown.clear()
                buffer.drawn.clear()

    def draw(
        self, source: moderngl.Texture, out: Target, values: Values, tick: Tick, amount: float, fired: Collection[str]
    ) -> None:
        """Run all passes on `source` into `out`. `fired` are the full names of the buttons pressed in this frame."""
        self.awake = True
        if self._setters is None:
            self._setters = self._bind(values)
        for setter in self._setters:
            setter(values, fired)
        self._integrate(values, tick.dt)
        self._set("TIME", tick.time % HOUR)
        self._set("TIMEDELTA", tick.dt)
        self._set("FRAMEINDEX", tick.index)
        self._set("amount", amount)
        for index, spec in enumerate(self.shader.passes):
            self._run(index, spec, source, out, values)
        if self._mix is not None:
            self._mix.sample("dry", source)
            self._mix.sample("wet", self._buffers[self.shader.passes[-1].target].shown.texture)
            self._mix.draw(out.framebuffer, {"amount": amount})

    def warm(self, source: moderngl.Texture, out: Target, values: Values) -> None:
        """Draw once into a small picture and forget it: drivers do half of their compiling at the first draw."""
        self.draw(source, out, values, Tick(0, 0.0, 0.0), 1.0, ())
        for buffer in self._buffers.values():
            buffer.release()
        self._buffers.clear()
        self._setters = None
        self.awake = False

    def _set(self, name: str, value: object) -> None:
        for program in self._programs:
            program.set(name, value)

    def _run(self, index: int, spec: PassSpec, source: moderngl.Texture, out: Target, values: Values) -> None:
        program = self._programs[index]
        buffer = self._buffer(spec, out.size, values) if spec.target else None
        into = buffer.drawn if buffer else out
        program.set("RENDERSIZE", tuple(map(float, into.size)))
        program.sample("inputImage", source)
        for name, texture in self._sound:
            program.sample(name, texture)
        for name in self._targets:
            held = self._buffers.get(name)
            readable = held is not None and not (held is buffer and held.shown is held.drawn)
            program.sample(name, held.shown.texture if held and readable else self._nothing.texture)
        program.draw(into.framebuffer)
        if buffer:
            buffer.swap()

    def _buffer(self, spec: PassSpec, canvas: Size, values: Values) -> _Buffer:
        size = self._size(spec, canvas, values)
        held = self._buffers.get(spec.target)
        if held is not None and held.shown.size == size:
            return held
        dtype = "f2" if spec.floating else "f1"
        shown = target(self.ctx, size, dtype)
        made = _Buffer(shown, target(self.ctx, size, dtype) if spec.persistent else shown, spec)
        if held is not None:
            if spec.persistent:
                _carry_over(self.ctx, held.shown, shown)
            held.release()
        self._buffers[spec.target] = made
        return made

    def _size(self, spec: PassSpec, canvas: Size, values: Values) -> Size:
        if spec.width is None and spec.height is None:
            return canvas
        known = {"WIDTH": float(canvas[0]), "HEIGHT": float(canvas[1])}
        if (spec.width and spec.width.names - known.keys()) or (spec.height and spec.height.names - known.keys()):
            known |= {knob.name: played(values, self._full(knob.name), knob.default) for knob in self.shader.knobs}
        width = spec.width(known) if spec.width else canvas[0]
        height = spec.height(known) if spec.height else canvas[1]
        return min(max(int(width), 1), LARGEST), min(max(int(height), 1), LARGEST)

    def _full(self, knob: str) -> str:
        return f"shader.{self.shader.name}.{knob}"

    def _integrate(self, values: Values, dt: float) -> None:
        for entry in self._phased:
            speed = played(values, self._full(entry.name), entry.knobs[0].default)
            self.phases[entry.name] = (self.phases[entry.name] + speed * dt) % entry.phase
            self._set(f"{entry.name}_phase", self.phases[entry.name])

    def _bind(self, values: Values) -> list[Callable[[Values, Collection[str]], None]]:
        """How each input is set, worked out once. A knob that the tree does not have stays at its default."""
        setters = []
        for entry in self.shader.inputs:
            if entry.kind == "image" or entry.kind in SOUNDS:
                continue
            names = [self._full(knob.name) for knob in entry.knobs]
            if all(name in values for name in names):
                setters += [_setter(program, entry, names) for program in self._programs if entry.name in program]
            else:
                log.warning("%s plays at its default; start again to have it in the tree", ", ".join(names))
                self._set(entry.name, _fixed(entry))
        return setters

    def release(self) -> None:
        """Give everything back."""
        for buffer in self._buffers.values():
            buffer.release()
        self._buffers.clear()
        self._nothing.release()
        for program in self._programs:
            program.release()
        if self._mix is not None:
            self._mix.release()


def played(values: Values, name: str, default: float) -> float:
    """A value, or the default of a knob that the tree does not have (it came while the show was running)."""
    if name in values:
        return values[name]
    return default


def _carry_over(ctx: moderngl.Context, old: Target, new: Target) -> None:
    """A persistent picture survives a change of size. Rare (a window was resized), so the program is not kept."""
    copy = Pass(ctx, MIX)
    copy.sample("dry", old.texture)
    copy.sample("wet", old.texture)
    copy.draw(new.framebuffer, {"amount": 1.0})
    copy.release()


def _shaped(entry: Input, numbers: list[float]) -> object:
    if entry.kind == "float":
        return numbers[0]
    if entry.kind in ("bool", "event"):
        return numbers[0] >= 0.5
    if entry.kind == "long":
        index = round(numbers[0])
        return entry.values[index] if entry.values else index
    return tuple(numbers)


def _fixed(entry: Input) -> object:
    return _shaped(entry, [knob.default for knob in entry.knobs])


def _setter(program: Pass, entry: Input, names: list[str]) -> Callable[[Values, Collection[str]], None]:
    name = names[0]
    if entry.kind == "float":
        return lambda values, _: program.set(entry.name, values[name])
    if entry.kind == "event":
        return lambda values, fired: program.set(entry.name, name in fired or values[name] >= 0.5)
    return lambda values, _: program.set(entry.name, _shaped(entry, [values[name] for name in names]))
