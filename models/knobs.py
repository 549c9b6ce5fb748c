"""How a plain function says what can be played.

A knob is an argument of a plain function together with its span, unit and one line of documentation. It is declared
where the argument is, with `Annotated`, so that the code and the instrument can never disagree:

    def melt(x: Tensor, *, radius: Annotated[float, Span(0, 32, "px", "how far colours run")] = 4.0) -> Tensor: ...

`knobs_of(melt)` then gives `(Knob("radius", 4.0, 0, 32, "px", ...),)`. The engine gives each knob a full name in its
one tree of parameters (`bend.melt.radius`); nothing else has to be written for a fader, a route or a preset to reach
it.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

Kind = Literal["float", "int", "bool", "choice", "trigger", "text"]


@dataclass(frozen=True, slots=True)
class Span:
    """The playable range of an argument: `low`..`high` in `unit`, with one line of `doc`.

    `trigger=True` marks a button: it fires once when it is set above zero and holds no value.
    """

    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    doc: str = ""
    trigger: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """An argument that is one of a list of words. It is stored as the index of the word."""

    words: tuple[str, ...]
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Knob:
    """One number that can be played: its short name, default, span, unit, kind and documentation.

    Numbers of every kind are floats: a bool is 0 or 1, a choice is the index of its word.
    """

    name: str
    default: float
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    doc: str = ""
    kind: Kind = "float"
    choices: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.default <= self.high):
            raise ValueError(f"knob {self.name!r}: default {self.default} is not inside {self.low}..{self.high}")
        if self.kind == "choice" and not self.choices:
            raise ValueError(f"knob {self.name!r}: a choice needs its words")

    def fit(self, value: float) -> float:
        """The nearest playable value: clamped to the span, whole where the kind is not float. NaN gives the default."""
        if math.isnan(value):
            return self.default
        value = min(max(value, self.low), self.high)
        return value if self.kind == "float" else float(round(value))

    def named(self, name: str) -> Knob:
        """The same knob under another name."""
        return replace(self, name=name)


def choice(name: str, words: tuple[str, ...], default: str, doc: str = "") -> Knob:
    """A knob that picks one of `words`. Raises ValueError if `default` is none of them."""
    if default not in words:
        raise ValueError(f"knob {name!r}: {default!r} is none of {', '.join(words)}")
    return Knob(name, float(words.index(default)), 0.0, float(len(words) - 1), "", doc, "choice", words)


def trigger(name: str, doc: str = "") -> Knob:
    """A button: it fires once each time it is set above zero."""
    return Knob(name, 0.0, 0.0, 1.0, "", doc, "trigger")


def text(name: str, doc: str = "") -> Knob:
    """A button that takes a word, such as a file's name: it fires with the word and holds no value."""
    return Knob(name, 0.0, 0.0, 0.0, "", doc, "text")


def toggle(name: str, default: bool = False, doc: str = "") -> Knob:
    """A switch: 0 or 1."""
    return Knob(name, float(default), 0.0, 1.0, "", doc, "bool")


def knobs_of(function: Callable[..., Any]) -> tuple[Knob, ...]:
    """The knobs that a plain function declares, in the order of its signature.

    An argument is a knob when its annotation is `Annotated[type, Span(...)]` or `Annotated[str, Choice(...)]`.
    Raises ValueError where a knob has no default.
    """
    hints = get_type_hints(function, include_extras=True)
    found = []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name)
        if get_origin(hint) is not Annotated:
            continue
        base, *marks = get_args(hint)
        for mark in marks:
            if isinstance(mark, Span | Choice):
                if parameter.default is inspect.Parameter.empty:
                    raise ValueError(f"{function.__qualname__}: knob {parameter.name!r} needs a default")
                found.append(_knob(parameter.name, base, mark, parameter.default))
    return tuple(found)


def declared(path: Path, function: str) -> tuple[Knob, ...]:
    """What `knobs_of` says of a function in a source file, without importing it: for files that import torch.

    Spans are made of numbers and words, or of names that the file has from another one of its package, where they are
    plain numbers. Raises ValueError where something else stands there.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function), None)
    if found is None:
        raise ValueError(f"{path.name} has no function {function}")
    everywhere = {"float": float, "int": int, "bool": bool, "str": str, "Scalar": float}
    known = everywhere | {"Span": Span, "Choice": Choice} | _constants(tree, path)
    arguments = found.args
    named: list[tuple[ast.arg, ast.expr | None]] = [
        *zip(arguments.args[len(arguments.args) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    knobs = []
    for argument, default in named:
        hint = argument.annotation
        if isinstance(hint, ast.Subscript) and ast.unparse(hint.value) == "Annotated" and default is not None:
            base, mark = (_plain(part, known) for part in hint.slice.elts)  # type: ignore[attr-defined]
            knobs.append(_knob(argument.arg, base, mark, _plain(default, known)))
    return tuple(knobs)


def _constants(tree: ast.Module, path: Path) -> dict[str, Any]:
    """Plain numbers by the names under which a file has them from its own package."""
    package = path.parents[path.parent.parts[::-1].index("models")]
    known: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("models."):
            source = package.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py")
            wanted = {alias.name for alias in node.names}
            for line in ast.parse(source.read_text(encoding="utf-8")).body if source.is_file() else ():
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
                    names = [target.id for target in line.targets if isinstance(target, ast.Name)]
                    known |= {name: line.value.value for name in names if name in wanted}
    return known


def _plain(node: ast.expr, known: dict[str, Any]) -> Any:
    """The value of a number, a word, a known name, or a known thing made of such."""
    match node:
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Call(func=ast.Name(id=name)) if name in known:
            named = {str(word.arg): _plain(word.value, known) for word in node.keywords}
            return known[name](*(_plain(part, known) for part in node.args), **named)
    return ast.literal_eval(node)


def _knob(name: str, base: Any, mark: Span | Choice, default: Any) -> Knob:
    if isinstance(mark, Choice):
        return choice(name, mark.words, default, mark.doc)
    if mark.trigger:
        return trigger(name, mark.doc)
    if base is bool:
        return toggle(name, bool(default), mark.doc)
    return Knob(name, float(default), mark.low, mark.high, mark.unit, mark.doc, "int" if base is int else "float")
