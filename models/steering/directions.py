"""Directions in w: what they are called, how far a fader goes, and which layers they reach.

Legend: D width of w, L layers (num_ws).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from models.latents import Array

LONGEST_NAME = 40
MOST_SIGMA = 1e4
MOST_LAYERS = 64
NO_LAYER = "layers are counted from 0, the first one first"


@dataclass(frozen=True, eq=False)
class Direction:
    """One way through w. `vector` `[D]` has unit length; a fader at 1 moves w by `sigma` along it, in the layers
    `first`..`last` (from 0, both included). `method` and `component` (from 1) say where it was found.
    """

    name: str
    method: str
    component: int
    vector: Array
    sigma: float
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Directions:
    """All that is known of one network, in the faders' order; `model` is its hash, `about` how they were found."""

    entries: tuple[Direction, ...]
    model: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.entries)

    def place(self, name: str) -> int | None:
        """The number (from 1) that faders know a named direction by; None if there is none of this name."""
        return next((k for k, entry in enumerate(self.entries, 1) if entry.name == name), None)

    def changed(self, place: int, **changes: Any) -> Directions:
        """The same with other words on the direction at `place` (from 1). ValueError names what cannot be."""
        if not 1 <= place <= len(self.entries):
            raise ValueError(f"there is no direction {place}; they are 1 to {len(self.entries)}")
        entry = replace(self.entries[place - 1], **changes)
        fault = fault_of(entry)
        if fault:
            raise ValueError(f"direction {place}: {fault}")
        entries = (*self.entries[: place - 1], entry, *self.entries[place:])
        return replace(self, entries=entries)

    def ordered(self, places: Sequence[int]) -> Directions:
        """The same with those at `places` (from 1) first, the others after them as they were. ValueError for a place
        that there is not.
        """
        wrong = [place for place in places if not 1 <= place <= len(self.entries)]
        if wrong:
            raise ValueError(f"there is no direction {wrong[0]}; they are 1 to {len(self.entries)}")
        first = list(dict.fromkeys(places))
        rest = [place for place in range(1, len(self.entries) + 1) if place not in first]
        return replace(self, entries=tuple(self.entries[place - 1] for place in [*first, *rest]))

    def with_words_of(self, old: Directions) -> Directions:
        """These directions, newly found, in the order and with the words that a hand gave the old ones of the same
        network. Those that were not there come after.
        """
        if old.model != self.model:
            return self
        found = {(entry.method, entry.component): entry for entry in self.entries}
        kept = [
            replace(entry, vector=found[key].vector)
            for entry in old.entries
            if (key := (entry.method, entry.component)) in found
        ]
        known = {(entry.method, entry.component) for entry in kept}
        fresh = [entry for key, entry in found.items() if key not in known]
        return replace(self, entries=(*kept, *fresh))


def fault_of(entry: Direction) -> str:
    """What cannot be about a direction, or nothing."""
    if not (entry.name and len(entry.name) <= LONGEST_NAME and entry.name.isprintable()):
        return f"a name has 1 to {LONGEST_NAME} characters that can be seen"
    if not (math.isfinite(entry.sigma) and 0 < abs(entry.sigma) <= MOST_SIGMA):
        return f"sigma must be a number that is not 0, at most {MOST_SIGMA:g}, and not {entry.sigma}"
    if not 0 <= entry.first <= entry.last <= MOST_LAYERS:
        return f"layers {entry.first}-{entry.last} cannot be: {NO_LAYER}"
    return ""
