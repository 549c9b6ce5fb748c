"""A trajectory as one network plays it: checked, and its states in memory before they are needed.

The frame never reads a file. A background thread calls `work`, which takes the states nearest to where the fader stands
out of the file and lays them out like the network's own weights; the frame asks `around` for the two that are there.
All states of a small network stay in memory; of a large one those around the fader do, as many as `KEPT` bytes hold.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from models.blending.mapping import ROOT, Mappings
from models.checkpoints import Refused
from models.tuning.trajectory import Reader, fingerprint

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator
    from models.resident import Resident

KEPT = 512 << 20  # bytes of states in memory
LEAST = 4  # states that are kept whatever they take
SNAP = 1e-6  # of the whole way: a position this near to a saved state is that state, as 32-bit faders round
SERIALS = count()


class Foreign(ValueError):
    """A trajectory of another network; the message says of which."""


@dataclass(frozen=True, eq=False)
class State:
    """One saved state, never written. `tensors` are all of it by name, on the network's device and in its layout;
    `block` is the memory in which they lie, if the network has one. `maps` is its mapping network, if there is one.
    """

    index: int
    sha256: str
    tensors: Mapping[str, Tensor]
    block: Tensor | None
    maps: Mappings


class Reel:
    """One trajectory beside one network. Made on a loading thread: raises Refused for a file that is none, Foreign for
    another network's.

    `home` is the index of the state that the network came with. `aim` is where the fader stands, an index. `version`
    counts how often something came or went. `differing` are the names that differ from home anywhere.
    """

    def __init__(self, path: Path, generator: Generator, resident: Resident) -> None:
        self._reader = Reader(path)
        self._at_home = {name: resident.home(name) for name in resident.names}
        self.home = belongs(self._reader, generator, self._at_home)
        self.path, self.serial = path, next(SERIALS)
        self.name = path.stem if path.stem != "trajectory" else path.parent.name  # that of a training's folder
        self._generator, self._resident = generator, resident
        self.version, self.aim = 0, float(self.home)
        self.grown = False  # whether it has grown while it was played
        self._bytes = sum(4 * t.numel() for t in self._at_home.values()) + 1
        self._most = max(LEAST, KEPT // self._bytes)
        self._survey()
        self._hold({self.home: self._laid_out(self.home, self._at_home)})

    def _survey(self) -> None:
        """What depends on how far the file goes."""
        self.count = len(self._reader)
        self.differing = tuple(dict.fromkeys(name for k in range(self.count) for name in self._reader.changed(k)))

    def _hold(self, states: dict[int, State]) -> None:
        self._held = (states, tuple(sorted(states)))  # one object, so that a frame sees both or none
        self.version += 1

    @property
    def size(self) -> int:
        """Bytes that all states take in memory."""
        return self.count * self._bytes

    @property
    def states(self) -> tuple[State, ...]:
        """What is in memory."""
        return tuple(self._held[0].values())

    @property
    def at_home(self) -> State:
        """The state that the network came with."""
        return self._held[0][self.home]

    @property
    def words(self) -> tuple[str, ...]:
        """What is to be said of the file: that it ends in the middle of a step, unless somebody is writing it."""
        return () if self.grown else self._reader.words

    @property
    def maps_differ(self) -> bool:
        """Whether the way from z to w changes, too."""
        return any(name.startswith(ROOT) for name in self.differing)

    def __len__(self) -> int:
        return self.count

    # -- the frame

    def index(self, position: float, divergence: float) -> float:
        """Where a fader of 0..1 stands: an index, whole at saved states. `divergence` 0..1 brings it home."""
        place = self.home + divergence * (position * (self.count - 1) - self.home)
        near = round(place)
        return float(near) if abs(place - near) <= SNAP * self.count else place

    def around(self, place: float) -> tuple[State, State, float]:
        """The two states that are in memory on both sides of an index, and the share of the second, 0..1."""
        states, ready = self._held
        below = max(bisect_right(ready, place) - 1, 0)
        above = min(bisect_left(ready, place), len(ready) - 1)
        a, b = ready[below], ready[above]
        share = 0.0 if b <= a else min(max((place - a) / (b - a), 0.0), 1.0)
        return states[a], states[b], share

    # -- the background thread, or the only one

    @property
    def complete(self) -> bool:
        """Whether every state is in memory."""
        return len(self._held[1]) == self.count

    def work(self) -> bool:
        """Take one more state out of the file, or see that the file has grown; whether there was something to do.

        Milliseconds to some tenths of a second. Raises Refused where the file cannot be read any more.
        """
        if self._reader.follow():
            self._regrow()
            return True
        states = self._held[0]
        missing = [k for k in self._wanted() if k not in states]
        if missing:
            self.fetch(missing[0])
        return bool(missing)

    def _regrow(self) -> None:
        """The file has grown, or a training was rolled back and writes on from an earlier step."""
        places = self._reader.places
        if self.home >= len(places):
            raise Refused(f"{self.path}: was cut short before the state that plays")
        self.grown = True
        self._survey()
        self._hold({
            k: state for k, state in self._held[0].items() if k < len(places) and state.sha256 == places[k].sha256
        })  # fmt: skip

    def describe(self) -> str:
        """One line for the HUD."""
        reading = "" if len(self._held[1]) >= min(self.count, self._most) else " · reading"
        return f"{self.name} · place {self.aim:.1f} of {self.count - 1}{reading}"

    def fetch(self, index: int) -> State:
        """The state at an index, out of the file if it is not in memory. Raises Refused."""
        states = self._held[0]
        if index not in states:
            if len(states) > self._most:
                kept = {*self._wanted(), self.home}
                states = {k: state for k, state in states.items() if k in kept}
            self._hold({**states, index: self._laid_out(index, self._reader.state(index))})
        return self._held[0][index]

    def attend(self, place: float) -> None:
        """Have the states on both sides of an index in memory, however long that takes. Raises Refused."""
        below = min(int(place), self.count - 1)
        for index in (below,) if below == place else (below, min(below + 1, self.count - 1)):
            self.fetch(index)

    def _wanted(self) -> list[int]:
        """The states that should be in memory, nearest to the fader first."""
        return sorted(range(self.count), key=lambda k: abs(k - self.aim))[: self._most]

    def _laid_out(self, index: int, tensors: Mapping[str, Tensor]) -> State:
        resident = self._resident
        with torch.inference_mode(False), torch.no_grad():
            block = None
            if resident.block is not None:
                block = resident.home_block if index == self.home else resident.laid_out(tensors)
            made = {}
            for name, home in self._at_home.items():
                if block is not None and resident.place(name) is not None:
                    made[name] = resident.view(block, name)
                else:
                    made[name] = home if name not in self.differing else torch.empty_like(home).copy_(tensors[name])
            return State(index, self._reader.places[index].sha256, made, block, Mappings(self._generator, [made]))


def belongs(reader: Reader, generator: Generator, home: Mapping[str, Tensor]) -> int:
    """The index of the state that `home`, the weights of `generator` as it came, are. Raises Foreign with words."""
    header, name = reader.header, reader.path.stem
    architecture = header.get("architecture", generator.architecture)
    if architecture != generator.architecture:
        raise Foreign(f"{name} is the way of a {architecture}, not of a {generator.architecture}")
    first = reader.state(0)
    theirs, config = header.get("config", {}), generator.config
    differs = [key for key in theirs if config.get(key, theirs[key]) != theirs[key]]
    if differs:
        key = differs[0]
        raise Foreign(f"{name} is the way of a network of another shape ({key} {theirs[key]}, not {config[key]})")
    shapes: list[dict[str, Any]] = [{n: (list(t.shape), t.dtype) for n, t in one.items()} for one in (first, home)]
    if shapes[0] != shapes[1]:
        raise Foreign(f"{name} is the way of a network of another shape")
    found = reader.find(fingerprint(home))
    if found is None:
        which = header.get("parent_name")
        raise Foreign(
            f"{name} is the way of another network of this shape"
            + (f": load {which}, where it began" if which else ", none of whose states is the model that plays")
        )
    return found
