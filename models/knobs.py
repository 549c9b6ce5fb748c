"""How a plain function says what can be played.

A knob is an argument of a plain function together with its span, unit and one line of documentation. It is declared
where the argument is, with `Annotated`, so that the code and the instrument can never disagree:

    def melt(x: Tensor, *, radius: Annotated[float, Span(0, 32, "px", "how far colours run")] = 4.0) -> Tensor: ...

`knobs_of(melt)` then gives `(Knob("radius", 4.0, 0, 32, "px", ...),)`. The engine gives each knob a full name in its
one tree of parameters (`bend.melt.radius`); nothing else has to be written for a fader, a route or a preset to reach
it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
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


def _knob(name: str, base: Any, mark: Span | Choice, default: Any) -> Knob:
    if isinstance(mark, Choice):
        return choice(name, mark.words, default, mark.doc)
    if mark.trigger:
        return trigger(name, mark.doc)
    if base is bool:
        return toggle(name, bool(default), mark.doc)
    return Knob(name, float(default), mark.low, mark.high, mark.unit, mark.doc, "int" if base is int else "float")
