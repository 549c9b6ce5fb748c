"""The stage of `models.resident` that makes the network's weights those of a place on its own training.

    tune = Tune(resident)
    tune.play(Reel(path, generator, resident))      # loader's thread
    tune.frame({"position": 0.4}, divergence)       # each frame
    resident.update([blend, tune, rewrite])

At a saved state the weights are that state, bit for bit; between two they are interpolated (METHODS, "Trajectory
scrubbing"). On weights that a blend has moved the way is added: what training changed, on top of the mixture.
`divergence` walks the way back to the state that the network came with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from models.blending.parents import mix_lists_into, shares
from models.blending.rows import share
from models.generators.plain.block import ALIGNED
from models.tuning import POSITION

if TYPE_CHECKING:
    from torch import Tensor

    from models.resident import Resident
    from models.tuning.reel import Reel, State

Row = tuple[float, ...]
Mark = tuple[int, int, int, float]  # which reel, the states on both sides, the share of the second
PACKED = 160 << 20  # bytes of states, up to which compiled forms keep all of them packed, too


class Tune:
    """The place on the trajectory of one network. All but `play` belongs to the generator's thread.

    Nothing is done without a trajectory, nor where the place is home. `patient`: a frame waits for the states that it
    needs (films); else it takes the nearest ones that are in memory. `now` are the states on both sides of the place
    and the share of the second, None at home. `packing` is what compiled forms follow.
    """

    def __init__(self, resident: Resident, patient: bool = False) -> None:
        self._resident, self._patient = resident, patient
        self._live = {name: resident.live(name) for name in resident.names}
        self.reel: Reel | None = None
        self.now: tuple[State, State, float] | None = None
        self._between: tuple[State, State, float] | None = None  # the same, also at home
        self._away = False  # whether it was ever away from home: then coming home is a place like others
        self._playing: Reel | None = None
        self._key: tuple[float, int] = (-1.0, -1)
        self._marks: dict[str, Mark] = {}
        self._stretches: dict[tuple[str, ...], tuple[list[str], list[slice]]] = {}
        self.packing: Packing | None = None

    def play(self, reel: Reel | None) -> None:
        """Another trajectory from the next frame on, or none. Loader's thread."""
        self.reel, self._stretches = reel, {}

    def frame(self, values: Mapping[str, float], divergence: float = 1.0) -> None:
        """What is played in this frame: `position` 0..1; what is no number counts as 0. Microseconds if none moved."""
        reel = self.reel
        if reel is None:
            self.now, self._marks, self._playing = None, {}, None
            return
        if reel is not self._playing:
            self._playing, self._key, self._away = reel, (-1.0, -1), False
        place = reel.index(POSITION.fit(values.get("position", 0.0)), share(divergence))
        reel.aim = place
        if self._patient:
            reel.attend(place)
        if (place, reel.version) == self._key:
            return
        self._key = (place, reel.version)
        a, b, portion = self._between = reel.around(place)
        home = a.index == b.index == reel.home
        self.now = None if home else self._between
        self._away = self._away or not home
        mark = (reel.serial, a.index, b.index, portion)
        self._marks = dict.fromkeys(reel.differing, mark) if self._away else {}

    def marks(self) -> Mapping[str, Mark]:
        """See `models.resident.Stage`."""
        return self._marks

    def write(self, name: str, before: Tensor, out: Tensor) -> None:
        """See `models.resident.Stage`. On a tensor that is not home, what the way changed is added to it."""
        assert self._between is not None
        a, b, portion = self._between
        home = self._resident.home(name)
        if self.now is None:
            if before is not out:
                out.copy_(before)
        elif before is home:
            mix(out, a.tensors[name], b.tensors[name], portion)
        elif out.is_floating_point():
            moved = before - home  # before `out` is written: they may be one tensor
            mix(out, a.tensors[name], b.tensors[name], portion)
            out.add_(moved)

    def write_home(self, names: Sequence[str], resident: Resident) -> None:
        """See `models.resident.Wholesale`: neighbours in memory are one pass."""
        assert self._between is not None
        a, b, portion = self._between
        if resident.block is None or a.block is None or b.block is None:
            self._write_lists(names, resident)
            return
        found = self._stretches.get(tuple(names))
        if found is None:
            within = [name for name in names if resident.place(name) is not None]
            found = self._stretches[tuple(names)] = (within, stretches(within, resident))
        within, parts = found
        for part in parts:
            mix(resident.block[part], a.block[part], b.block[part], portion)
        for name in names:
            if resident.place(name) is None:
                mix(resident.live(name), a.tensors[name], b.tensors[name], portion)
        resident.wrote(within)
        packing = self.packing
        if packing is not None and packing.reel is self._playing and (row := packing.row(self._between)) is not None:
            said = (self._key, row, False)
            packing.mixed.update((name, (self._live[name]._version, said)) for name in within)

    def _write_lists(self, names: Sequence[str], resident: Resident) -> None:
        """The same by torch's loops over lists, which are one launch on a card."""
        assert self._between is not None
        a, b, portion = self._between
        floats = [name for name in names if resident.live(name).is_floating_point()]
        states = [[state.tensors[name] for name in floats] for state in (a, b)]
        mix_lists_into([resident.live(name) for name in floats], states, shares((1.0 - portion, portion)))
        for name in names:
            if name not in floats:
                mix(resident.live(name), a.tensors[name], b.tensors[name], portion)

    def pack(self) -> bool:
        """Have compiled forms keep every state packed, if all are in memory and small enough; whether that changed, so
        that they are to follow `packing` anew. Background thread.
        """
        reel, before = self.reel, self.packing
        if before is not None and before.reel is reel and reel.complete and not reel.grown:
            return False
        self.packing = None
        if before is None and reel is not None and reel.complete and not reel.grown and reel.size <= PACKED:
            self.packing = Packing(reel)
        return self.packing is not before


class Packing:
    """All states of a trajectory as parents that only neighbours are mixed of: a `models.forms.mixing.Mixture`."""

    def __init__(self, reel: Reel) -> None:
        self.reel = reel
        self.parents: Sequence[Mapping[str, Tensor]] = [reel.fetch(k).tensors for k in range(len(reel))]
        places = range(len(self.parents))
        self.pairs: Sequence[tuple[int, int]] = [(k, j) for k in places for j in (k, k + 1) if j in places]
        self.mixed: dict[str, tuple[int, tuple[object, Row, bool]]] = {}

    def row(self, now: tuple[State, State, float]) -> Row | None:
        """The shares of the states; None where two are mixed that are no neighbours."""
        a, b, portion = now
        if b.index - a.index > 1 or b.index >= len(self.parents):
            return None
        row = [0.0] * len(self.parents)
        row[b.index] = portion
        row[a.index] += 1.0 - portion
        return tuple(row)


def mix(out: Tensor, a: Tensor, b: Tensor, portion: float) -> None:
    """out = a + portion (b - a) in place; the very numbers of one of them at the ends and for whole numbers."""
    if portion in {0.0, 1.0} or not out.is_floating_point():
        out.copy_(a if portion < 0.5 else b)
    else:
        torch.lerp(a, b, portion, out=out)


def stretches(names: Sequence[str], resident: Resident) -> list[slice]:
    """Where tensors lie in the network's block, neighbours together."""
    places = sorted((place.start, place.stop) for name in names if (place := resident.place(name)) is not None)
    found: list[list[int]] = []
    for start, stop in places:
        if found and start - found[-1][1] < ALIGNED:
            found[-1][1] = stop
        else:
            found.append([start, stop])
    return [slice(*one) for one in found]
