"""A glitch as numbers, what of it can be played, and the history behind keep, undo and home. No torch here.

What is good to play, judged by eye on the shipped network: `layer` 0..0.3 with little `reach` and 20..50 percent breaks
forms up and lets them grow elsewhere; 0.4..0.75 leaves forms and changes light, colour and surface, and bears 60
percent; the last layers hardly show. `reach` 1 is a ruin from 30 percent on, and wants 5 to 10. `delete_taps` and
`alter` are the gentlest, `exchange_layers` is the roughest.

A history belongs to the show, not to a network: the same glitches are played on whatever model is loaded. It is read
and changed on one thread, the engine's; `sounding` gives an immutable tuple that any thread may take.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from models.knobs import Knob, choice, trigger

OPERATIONS = tuple(sorted(found.name for found in iter_modules([str(Path(__file__).parent / "operations")])))
MOST_KEPT = 32

NUMBERS = (
    choice("op", OPERATIONS, "alter", "what is done to the weights"),
    Knob("layer", 0.25, 0, 1, "", "where: 0 the first layer (what is there), 1 the last (how it is painted)"),
    Knob("reach", 0.1, 0, 1, "", "how far around it: 0 one layer, 1 all of them"),
    Knob("percent_change", 30.0, 0, 100, "%", "how many of a layer's filters are meant"),
    Knob("seed", 0.0, 0, 2**24 - 1, "", "which ones; another seed, another picture", "int"),  # a float32 holds it
    Knob("strength", 0.0, 0, 1.5, "", "how far: 0 the trained network, 1 all of it, beyond it goes on"),
)
TRIGGERS = (
    trigger("keep", "make the glitch that plays part of the network; the next one comes on top"),
    trigger("undo", "take back the glitch that plays, or the last that was kept"),
    trigger("home", "take back all of them"),
)
KNOBS: tuple[Knob, ...] = (*NUMBERS, *TRIGGERS)


@dataclass(frozen=True, slots=True)
class Glitch:
    """One change of the weights; equal numbers do the same to the same network, on every machine."""

    op: str = "alter"
    layer: float = 0.25
    reach: float = 0.1
    percent_change: float = 30.0
    seed: int = 0
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.op not in OPERATIONS:
            raise ValueError(f"there is no operation {self.op!r} on weights; there are {', '.join(OPERATIONS)}")
        for knob in NUMBERS[1:]:
            value = getattr(self, knob.name)
            fitted = knob.fit(float(value))
            if fitted != value or math.isnan(value):
                raise ValueError(f"a glitch's {knob.name} is {knob.low:g} to {knob.high:g}, not {value!r}")

    def as_data(self) -> dict[str, Any]:
        """For a preset; `glitch_of` reads it again."""
        return {knob.name: getattr(self, knob.name) for knob in NUMBERS}


def glitch_of(data: Mapping[str, Any]) -> Glitch:
    """A glitch from a preset's table; what is absent is at its default. ValueError names what is wrong in it."""
    known = {one.name for one in fields(Glitch)}
    if foreign := sorted(set(data) - known):
        raise ValueError(f"a glitch has no {foreign[0]}; it has {', '.join(knob.name for knob in NUMBERS)}")
    for name, value in data.items():
        if name != "op" and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"a glitch's {name} is a number, not {value!r}")
    return Glitch(**data)


def glitch_at(values: Mapping[str, float]) -> Glitch:
    """The glitch that the knobs say; what is no number, is absent or lies outside becomes playable."""
    fitted = {knob.name: knob.fit(float(values.get(knob.name, knob.default))) for knob in NUMBERS}
    word = OPERATIONS[int(fitted["op"])]
    return Glitch(
        word, fitted["layer"], fitted["reach"], fitted["percent_change"], int(fitted["seed"]), fitted["strength"]
    )


class History:
    """The glitches that were kept, and the one under the performer's hand. One thread: the engine's.

    What was kept or taken back leaves the hand: the knobs are silent until one of them but `strength` moves, or
    `strength` comes back to 0. Otherwise a kept glitch would be done twice, and undo would show nothing.
    """

    def __init__(self, kept: tuple[Glitch, ...] = ()) -> None:
        self._kept = kept[-MOST_KEPT:]
        self._done: Glitch | None = None  # the glitch, at strength 0, that the hand has let go of
        self._values: tuple[float, ...] | None = None
        self._live = Glitch(strength=0.0)

    @property
    def kept(self) -> tuple[Glitch, ...]:
        """The oldest first: a preset's list."""
        return self._kept

    def recall(self, kept: tuple[Glitch, ...]) -> None:
        """Play a preset's list. ValueError if it is longer than a stack can be."""
        if len(kept) > MOST_KEPT:
            raise ValueError(f"{len(kept)} glitches; a stack holds {MOST_KEPT}")
        self._kept = kept

    def sounding(self, values: Mapping[str, float]) -> tuple[Glitch, ...]:
        """What plays in this frame: all that was kept, then what the knobs say. A few microseconds."""
        live = self._hand(values)
        return (*self._kept, live) if live is not None else self._kept

    def keep(self, values: Mapping[str, float]) -> bool:
        """Put what the knobs say on the stack; False where they say nothing, or the stack is full."""
        live = self._hand(values)
        if live is None or len(self._kept) >= MOST_KEPT:
            return False
        self._kept = (*self._kept, live)
        self._let_go(live)
        return True

    def undo(self, values: Mapping[str, float]) -> bool:
        """Take back what the knobs say, or the last that was kept; False where there is neither."""
        live = self._hand(values)
        if live is not None:
            self._let_go(live)
            return True
        self._kept, had = self._kept[:-1], bool(self._kept)
        return had

    def home(self, values: Mapping[str, float]) -> None:
        """Take back everything."""
        live = self._hand(values)
        if live is not None:
            self._let_go(live)
        self._kept = ()

    def _hand(self, values: Mapping[str, float]) -> Glitch | None:
        """The glitch under the hand, None where there is none."""
        now = tuple(values.get(knob.name, knob.default) for knob in NUMBERS)
        if now != self._values:
            self._values, self._live = now, glitch_at(values)
        live = self._live
        if live.strength == 0 or (self._done is not None and replace(live, strength=0.0) != self._done):
            self._done = None
        return None if live.strength == 0 or live.percent_change == 0 or self._done is not None else live

    def _let_go(self, live: Glitch) -> None:
        self._done = replace(live, strength=0.0)
