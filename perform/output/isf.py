"""Interactive Shader Format: a fragment shader that says in a JSON comment at its top what can be played in it.

Read here: DESCRIPTION, CREDIT, INPUTS (float, bool, long, event, color, point2D, audio, audioFFT and the one image
`inputImage`) and PASSES (TARGET, PERSISTENT, FLOAT, WIDTH, HEIGHT). Each input becomes a `Knob` (a colour four, a point
two, images and sound none), so a new file is a new set of parameters with no other edit. An `audioFFT` is the spectrum
in 64 bands, an `audio` the wave of the last 512 samples, both levelled (`sound.py`); MAX is not heeded, a shader asks
IMG_SIZE. Format: https://docs.isf.video (version 2).

Ours on top of it: a float input may carry `"UNIT"`, and `"PHASE": period`. The second is for speeds: the program
adds the value up over time and gives the shader `<name>_phase` in 0..period. (`TIME * speed` would leap whenever the
fader moves.) Every shader also gets the knob `amount`: how much of it is seen, 0 is not at all.

Not read: further images (IMPORTED), vertex shaders, DATE (no module but one reads a clock). A file that needs them is
refused with a message that says so.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.knobs import Knob, choice, toggle, trigger
from perform.engine.problems import UserError
from perform.output.expression import Expression, ExpressionError

AMOUNT = Knob("amount", 1.0, 0.0, 1.0, "", "how much of this shader is on the wall; 0 takes it out")
UNIFORMS = ("RENDERSIZE", "TIME", "TIMEDELTA", "FRAMEINDEX", "PASSINDEX")
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
RESERVED = frozenset(
    ("amount", "inputImage", "isf_FragNormCoord", "isf_FragColor", "main", "isf_main", "vv_FragNormCoord", *UNIFORMS)
)
MOST_PASSES = 12
SOUNDS = ("audio", "audioFFT")


@dataclass(frozen=True, slots=True)
class Input:
    """One entry of INPUTS: its GLSL name, its kind and its knobs (none for the image and for sound).

    `values` are the numbers behind the words of a long; `phase` is the period of a PHASE, 0 without one.
    """

    name: str
    kind: str
    knobs: tuple[Knob, ...] = ()
    values: tuple[int, ...] = ()
    phase: float = 0.0


@dataclass(frozen=True, slots=True)
class PassSpec:
    """One entry of PASSES. An empty `target` is the shader's own output."""

    target: str = ""
    persistent: bool = False
    floating: bool = False
    width: Expression | None = None
    height: Expression | None = None


@dataclass(frozen=True, slots=True)
class Shader:
    """A file read: what it declares, and its GLSL with the header blanked out so that line numbers stay right."""

    name: str
    path: Path
    description: str
    credit: str
    inputs: tuple[Input, ...]
    passes: tuple[PassSpec, ...]
    code: str

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """All knobs in the order of the header, `amount` first."""
        return (AMOUNT, *(knob for entry in self.inputs for knob in entry.knobs))


class _Bad(Exception):
    """What is wrong with a header; `load` adds the file."""


def load(path: Path) -> Shader:
    """Read a shader file. Raises UserError that names the file and the line or the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path.name}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name}: is not UTF-8 text; save it again as UTF-8") from error
    return parse(text, path)


def parse(text: str, path: Path) -> Shader:
    """Read a shader's text. Raises UserError that names the file and the line or the key."""
    try:
        header, code = _split(text)
        return _shader(header, code, path)
    except _Bad as error:
        raise UserError(f"{path.name}: {error}") from None


def _split(text: str) -> tuple[dict[str, Any], str]:
    start = text.find("/*")
    end = text.find("*/", start)
    if start < 0 or end < 0 or text[:start].strip() or not text[start + 2 : end].strip().startswith("{"):
        raise _Bad("line 1: a shader begins with its header, a comment /*{ ... }*/ of JSON")
    try:
        header = json.loads(text[start + 2 : end])
    except json.JSONDecodeError as error:
        line = text.count("\n", 0, start) + error.lineno
        raise _Bad(f"line {line}: the header is not JSON ({error.msg})") from None
    except RecursionError:
        raise _Bad("line 1: the header is nested too deeply") from None
    blanked = "\n" * text.count("\n", 0, end) + " " * 2 + text[end + 2 :]
    return header, blanked


def _shader(header: dict[str, Any], code: str, path: Path) -> Shader:
    if header.get("IMPORTED"):
        raise _Bad("IMPORTED: images beside the shader are not supported")
    if path.with_suffix(".vs").exists():
        raise _Bad(f"its vertex shader {path.stem}.vs is not supported")
    inputs = tuple(_input(entry, place) for place, entry in enumerate(_rows(header, "INPUTS")))
    if not any(entry.kind == "image" for entry in inputs):
        raise _Bad('INPUTS: the image "inputImage" is missing; a shader of the chain works on the picture before it')
    names = [entry.name for entry in inputs]
    numbers = frozenset(knob.name for entry in inputs for knob in entry.knobs)
    passes = tuple(_pass(entry, place, numbers) for place, entry in enumerate(_rows(header, "PASSES")))
    if len(passes) > MOST_PASSES:
        raise _Bad(f"PASSES: {len(passes)} are too many, {MOST_PASSES} can be played")
    targets = {entry.target for entry in passes if entry.target}
    for name in [name for name in names if names.count(name) > 1 or name in targets]:
        raise _Bad(f'INPUTS "{name}": the name is used twice')
    return Shader(
        path.stem,
        path,
        str(header.get("DESCRIPTION", "")),
        str(header.get("CREDIT", "")),
        inputs,
        passes or (PassSpec(),),
        code,
    )


def _rows(header: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = header.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _Bad(f"{key}: must be a list of objects")
    return rows


def _identifier(name: object, where: str) -> str:
    if not isinstance(name, str) or not IDENTIFIER.match(name) or "__" in name or name.startswith("gl_"):
        raise _Bad(f"{where}: {name!r} is not a GLSL name")
    return name


def _input(row: dict[str, Any], place: int) -> Input:
    name = _identifier(row.get("NAME"), f"INPUTS[{place}] NAME")
    kind = row.get("TYPE")
    where = f'INPUTS "{name}"'
    if kind == "image":
        if name != "inputImage":
            raise _Bad(f'{where}: the only image is "inputImage"')
        return Input(name, "image")
    if name in RESERVED:
        raise _Bad(f"{where}: this name has a meaning of its own; choose another")
    if kind in SOUNDS:
        return Input(name, str(kind))
    make = KINDS.get(str(kind))
    if make is None:
        raise _Bad(f"{where} TYPE: {kind!r} cannot be played; it can be {', '.join((*KINDS, *SOUNDS))}")
    return make(name, row, where, str(row.get("LABEL", name)))


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _Bad(f"{where}: {value!r} is not a number")
    return float(value)


def _span(name: str, low: float, default: float, high: float, where: str, unit: str, doc: str) -> Knob:
    if not low < high:
        raise _Bad(f"{where}: MIN {low:g} is not below MAX {high:g}")
    if not low <= default <= high:
        raise _Bad(f"{where}: DEFAULT {default:g} is not inside MIN {low:g} .. MAX {high:g}")
    return Knob(name, default, low, high, unit, doc)


def _float(name: str, row: dict[str, Any], where: str, doc: str) -> Input:
    low = _number(row.get("MIN", 0.0), f"{where} MIN")
    high = _number(row.get("MAX", 1.0), f"{where} MAX")
    default = _number(row.get("DEFAULT", row.get("IDENTITY", low)), f"{where} DEFAULT")
    phase = _number(row.get("PHASE", 0.0), f"{where} PHASE")
    if phase < 0:
        raise _Bad(f"{where} PHASE: {phase:g} is not a period")
    return Input(name, "float", (_span(name, low, default, high, where, str(row.get("UNIT", "")), doc),), (), phase)


def _long(name: str, row: dict[str, Any], where: str, doc: str) -> Input:
    values = row.get("VALUES")
    if values is None:
        low = _number(row.get("MIN", 0), f"{where} MIN")
        high = _number(row.get("MAX", 1), f"{where} MAX")
        knob = _span(name, low, _number(row.get("DEFAULT", low), f"{where} DEFAULT"), high, where, "", doc)
        return Input(name, "long", (Knob(name, knob.default, low, high, "", doc, "int"),))
    if not isinstance(values, list) or not values or not all(isinstance(value, int) for value in values):
        raise _Bad(f"{where} VALUES: must be a list of whole numbers")
    labels = row.get("LABELS", [str(value) for value in values])
    if not isinstance(labels, list) or len(labels) != len(values) or len(set(map(str, labels))) != len(labels):
        raise _Bad(f"{where} LABELS: must be as many different words as there are VALUES")
    default = row.get("DEFAULT", values[0])
    if default not in values:
        raise _Bad(f"{where} DEFAULT: {default!r} is none of the VALUES")
    words = tuple(str(label) for label in labels)
    return Input(name, "long", (choice(name, words, words[values.index(default)], doc),), tuple(values))


def _bool(name: str, row: dict[str, Any], _where: str, doc: str) -> Input:
    return Input(name, "bool", (toggle(name, bool(row.get("DEFAULT", False)), doc),))


def _event(name: str, _row: dict[str, Any], _where: str, doc: str) -> Input:
    return Input(name, "event", (trigger(name, doc),))


def _color(name: str, row: dict[str, Any], where: str, doc: str) -> Input:
    return Input(name, "color", _vector(name, row, where, doc, "rgba", (0.0, 0.0, 0.0, 1.0)))


def _point(name: str, row: dict[str, Any], where: str, doc: str) -> Input:
    return Input(name, "point2D", _vector(name, row, where, doc, "xy", (0.0, 0.0)))


def _vector(
    name: str, row: dict[str, Any], where: str, doc: str, letters: str, usual: tuple[float, ...]
) -> tuple[Knob, ...]:
    count = len(letters)
    lists: dict[str, list[float]] = {}
    for key, fallback in (("MIN", (0.0,) * count), ("MAX", (1.0,) * count), ("DEFAULT", usual)):
        given = row.get(key, list(fallback))
        if not isinstance(given, list) or len(given) != count:
            raise _Bad(f"{where} {key}: must be a list of {count} numbers")
        lists[key] = [_number(value, f"{where} {key}") for value in given]
    return tuple(
        _span(f"{name}.{letter}", low, default, high, where, "", f"{doc}, {letter}")
        for letter, low, default, high in zip(letters, lists["MIN"], lists["DEFAULT"], lists["MAX"], strict=True)
    )


KINDS = {"float": _float, "bool": _bool, "long": _long, "event": _event, "color": _color, "point2D": _point}


def _pass(row: dict[str, Any], place: int, numbers: frozenset[str]) -> PassSpec:
    where = f"PASSES[{place}]"
    target = row.get("TARGET", "")
    if target:
        _identifier(target, f"{where} TARGET")
        if target in RESERVED:
            raise _Bad(f"{where} TARGET: {target!r} has a meaning of its own; choose another")
    width = _expression(row.get("WIDTH"), f"{where} WIDTH", numbers)
    height = _expression(row.get("HEIGHT"), f"{where} HEIGHT", numbers)
    return PassSpec(str(target), bool(row.get("PERSISTENT", False)), bool(row.get("FLOAT", False)), width, height)


def _expression(value: object, where: str, numbers: frozenset[str]) -> Expression | None:
    if value is None:
        return None
    try:
        made = Expression(str(value))
    except ExpressionError as error:
        raise _Bad(f"{where}: {error}") from None
    unknown = made.names - {"WIDTH", "HEIGHT"} - numbers
    if unknown:
        raise _Bad(f"{where}: ${min(unknown)} is neither $WIDTH, $HEIGHT nor an input")
    return made
