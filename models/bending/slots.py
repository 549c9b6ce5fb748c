"""What a performer sets up: a list of slots, in order. Plain data, torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from models.knobs import Knob

Kind = Literal["all", "random", "cluster"]


@dataclass(frozen=True, slots=True)
class Features:
    """Which channels of a layer a slot works on.

    "all"; "random": int(C * fraction) different channels, drawn from `seed`, more of them for a larger fraction of
    the same seed; "cluster": the channels of group `cluster` (`models.bending.clusters`).
    """

    kind: Kind = "all"
    seed: int = 0
    fraction: float = 1.0
    cluster: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("all", "random", "cluster"):
            raise ValueError(f"features are all, random or cluster, not {self.kind!r}")

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What of the choice can be played."""
        if self.kind == "random":
            return (
                Knob("fraction", self.fraction, 0, 1, "", "the share of channels that is bent"),
                Knob("seed", self.seed, 0, 2**24 - 1, "", "which channels are drawn", "int"),  # a float32 holds it
            )
        if self.kind == "cluster":
            return (Knob("cluster", self.cluster, 0, 63, "", "which group of channels is bent", "int"),)
        return ()


@dataclass(frozen=True, slots=True)
class Slot:
    """One transform at one layer. `amount` 0..1 mixes what it makes with what came in; 0 is exactly what came in.

    `knobs` are the transform's own numbers where they shall not begin at their defaults.
    """

    layer: str
    transform: str
    features: Features = Features()
    amount: float = 1.0
    knobs: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    name: str = ""


def named(slots: Sequence[Slot]) -> tuple[Slot, ...]:
    """The slots with a name for each: its own, or its transform's; numbers behind those that are taken."""
    taken: set[str] = set()

    def free(wanted: str) -> str:
        count, name = 1, wanted
        while name in taken:
            count += 1
            name = f"{wanted}{count}"
        taken.add(name)
        return name

    return tuple(replace(slot, name=free(slot.name or slot.transform)) for slot in slots)


def slot_knobs(slot: Slot, transform_knobs: Sequence[Knob]) -> Iterator[Knob]:
    """All that moves in a slot: its amount, its choice of channels, its transform's knobs, beginning as it says.

    ValueError if it sets a knob that the transform has not.
    """
    own = {knob.name for knob in transform_knobs}
    if foreign := sorted(set(slot.knobs) - own):
        raise ValueError(f"{slot.transform} has no {foreign[0]}; it has {', '.join(sorted(own)) or 'no knobs'}")
    yield Knob("amount", min(max(slot.amount, 0.0), 1.0), 0, 1, "", "how much of what it makes comes through")
    yield from slot.features.knobs
    for knob in transform_knobs:
        yield replace(knob, default=knob.fit(float(slot.knobs.get(knob.name, knob.default))))


def draw(seed: int, fraction: float, count: int) -> tuple[int, ...]:
    """int(count * fraction) different channels of `count`, ascending; the same for the same numbers everywhere."""
    wanted = int(count * min(max(fraction, 0.0), 1.0))
    return tuple(sorted(np.random.RandomState(seed).permutation(count)[:wanted].tolist()))
