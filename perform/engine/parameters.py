"""The one tree of everything that can be played.

A parameter is a knob with a full name: `walk.truncation_psi` in a preset and on the HUD, `/walk/truncation_psi` in OSC.
Each has a *base* value (what the preset or the hand set) and, once a frame, a *played* value (base plus its routes).
All values live in two flat arrays, so a frame costs no allocation per parameter; numbers of every kind are floats.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from models.knobs import Knob
from perform.engine.problems import UserError

Floats = NDArray[np.float64]


def dotted(address: str) -> str:
    """The parameter's name for an OSC address: `/walk/speed` is `walk.speed`."""
    return address.strip("/").replace("/", ".")


def address(name: str) -> str:
    """The OSC address of a parameter: `walk.speed` is `/walk/speed`."""
    return "/" + name.replace(".", "/")


def nearest(word: str, words: Iterable[str]) -> str:
    """' Did you mean "x"?' for the word closest to `word`, or nothing where none is close."""
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f' Did you mean "{found[0]}"?' if found else ""


class Values:
    """What all parameters are worth in one frame. Read-only; safe to hand to another thread."""

    __slots__ = ("_array", "_knobs", "_places")

    def __init__(self, places: Mapping[str, int], knobs: tuple[Knob, ...], array: Floats) -> None:
        self._places = places
        self._knobs = knobs
        self._array = array

    def __getitem__(self, name: str) -> float:
        return float(self._array[self._places[name]])

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def get(self, name: str, default: float) -> float:
        """The value, or `default` for a name that was not in the tree yet."""
        place = self._places.get(name)
        return default if place is None else float(self._array[place])

    def flag(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self._array[self._places[name]] >= 0.5)

    def word(self, name: str) -> str:
        """The word that a choice parameter stands on."""
        place = self._places[name]
        return self._knobs[place].choices[round(float(self._array[place]))]

    def items(self) -> Iterator[tuple[str, float]]:
        """All names with their values, in the order they were added."""
        for name, place in self._places.items():
            yield name, float(self._array[place])


class Part(Mapping[str, float]):
    """The values of one part of the tree by their short names: `alpha` for `blend.alpha`. A view, nothing is copied."""

    __slots__ = ("_prefix", "_values")

    def __init__(self, values: Values, prefix: str) -> None:
        self._values, self._prefix = values, prefix

    def __getitem__(self, name: str) -> float:
        return self._values[self._prefix + name]

    def get(self, name: str, default: float = 0.0) -> float:  # type: ignore[override]
        """The value, or `default` where the tree has none."""
        return self._values.get(self._prefix + name, default)

    def __contains__(self, name: object) -> bool:
        return self._prefix + str(name) in self._values

    def __iter__(self) -> Iterator[str]:
        length = len(self._prefix)
        return (name[length:] for name, _ in self._values.items() if name.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Parameters:
    """The tree: knobs by full name, their base values, and the buttons that fired. Main thread only.

    `add` everything before the show starts. While it runs the tree only grows (`grow`: the slots of a preset), so a
    controller's map stays right from preset to preset.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._knobs: tuple[Knob, ...] = ()
        self.base: Floats = np.zeros(0)
        self._low: Floats = np.zeros(0)
        self._high: Floats = np.zeros(0)
        self._whole: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._fired: list[str] = []
        self._said: list[tuple[str, str]] = []

    def add(self, prefix: str, knobs: Iterable[Knob]) -> None:
        """Put knobs under `prefix` ("" for the root). Raises ValueError on a name that is there already."""
        for knob in knobs:
            name = f"{prefix}.{knob.name}" if prefix else knob.name
            if name in self._places:
                raise ValueError(f"parameter {name!r} is there already")
            self._places[name] = len(self._places)
            self._knobs += (knob.named(name),)
        self.base = np.concatenate([self.base, [knob.default for knob in self._knobs[len(self.base) :]]])
        self._measure()

    def _measure(self) -> None:
        self._low = np.array([knob.low for knob in self._knobs])
        self._high = np.array([knob.high for knob in self._knobs])
        self._whole = np.array([knob.kind != "float" for knob in self._knobs])

    def grow(self, knobs: Iterable[Knob]) -> None:
        """Take in knobs by their full names during the show. One that is there already is replaced where it stands.

        `Values` that were handed out before know nothing of it.
        """
        places, all_knobs = dict(self._places), list(self._knobs)
        base = self.base.tolist()
        for knob in knobs:
            if knob.name in places:
                place = places[knob.name]
                all_knobs[place], base[place] = knob, knob.fit(base[place])
            else:
                places[knob.name] = len(all_knobs)
                all_knobs.append(knob)
                base.append(knob.default)
        self._places, self._knobs, self.base = places, tuple(all_knobs), np.array(base)
        self._measure()

    def trial(self, knobs: Iterable[Knob]) -> Parameters:
        """A copy that has grown, for looking at what would be."""
        copy = Parameters()
        copy._places, copy._knobs, copy.base = self._places, self._knobs, self.base
        copy.grow(knobs)
        return copy

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __len__(self) -> int:
        return len(self._places)

    def names(self) -> tuple[str, ...]:
        return tuple(self._places)

    def knob(self, name: str) -> Knob:
        """The knob of a full name. Raises UserError with the nearest name where there is none."""
        return self._knobs[self.place(name)]

    def place(self, name: str) -> int:
        """Where in the arrays a parameter lives. Raises UserError with the nearest name where there is none."""
        if name not in self._places:
            raise UserError(f'there is no parameter "{name}".{nearest(name, self._places)}')
        return self._places[name]

    def number(self, name: str, value: float | str) -> float:
        """The playable number for what somebody gave: a word of a choice, or a number, clamped into the span.

        Raises UserError for an unknown name or word and for a number that is not finite.
        """
        knob = self.knob(name)
        if knob.kind == "text":
            raise UserError(f"{name} takes a word, not {value}")
        if isinstance(value, str):
            if value not in knob.choices:
                known = f" It is one of: {', '.join(knob.choices)}." if knob.choices else " It takes a number."
                raise UserError(f'"{value}" is not a value of {name}.{nearest(value, knob.choices)}{known}')
            return float(knob.choices.index(value))
        if not math.isfinite(value):
            raise UserError(f"{name} cannot be {value}; it runs from {knob.low:g} to {knob.high:g}")
        return knob.fit(value)

    def set(self, name: str, value: float | str) -> None:
        """Set the base value, clamped into the span; a button fires instead. Raises UserError as `number` does."""
        if isinstance(value, str) and self.knob(name).kind == "text":
            self._said.append((name, value))
            return
        number = self.number(name, value)
        place = self._places[name]
        if self._knobs[place].kind == "trigger":
            if number > 0:
                self._fired.append(name)
        else:
            self.base[place] = number

    def get(self, name: str) -> float:
        """The base value."""
        return float(self.base[self.place(name)])

    def word(self, name: str) -> str:
        """The word on which a choice parameter's base value stands."""
        place = self.place(name)
        return self._knobs[place].choices[round(float(self.base[place]))]

    def reset(self) -> None:
        """Every base value to its knob's default."""
        self.base[:] = [knob.default for knob in self._knobs]

    def fired(self) -> list[str]:
        """The buttons pressed since the last call."""
        fired, self._fired = self._fired, []
        return fired

    def said(self) -> list[tuple[str, str]]:
        """The words given to buttons that take one since the last call, as (name, word)."""
        said, self._said = self._said, []
        return said

    def play(self, offsets: Floats) -> Values:
        """The played values of a frame: base plus `offsets` `[P]`, clamped, whole where the kind is not float.

        Offsets that were laid out before the tree grew move what they know.

        One new array of a few hundred numbers a frame: it goes to the generator thread, which may read it for longer
        than a frame.
        """
        array = self.base.copy()
        array[: len(offsets)] += offsets
        np.clip(array, self._low, self._high, out=array)
        np.rint(array, out=array, where=self._whole)
        return Values(self._places, self._knobs, array)
