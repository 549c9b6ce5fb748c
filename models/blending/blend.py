"""The stage of `models.resident` that makes the network's weights a mixture of its parents'.

    blend = Blend(resident, generator, [Relative(...), ...])    # loader's thread: checks, lays the parents out
    blend.frame(values, divergence)                             # each frame, values by the names of `blend_knobs`
    resident.update([blend, ...])

Parent 0 is the network as it came. Parents are copied once, laid out like the network's own block of memory, and never
written. Where a row of the matrix has a single share the tensor is a copy of that parent's, bit for bit; two shares are
one `lerp`; more are added up. A tensor that is the same in all parents is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from models.blending import rows
from models.blending.cells import Cells
from models.blending.mapping import Mappings
from models.blending.parents import Mark, Parents, Row
from models.blending.relatives import Relative, check, kinship
from models.resident import Resident

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator

SERIALS = count()  # tells one blend's marks from another's


class Blend:
    """The parents of one network, and how much of each is in which layer now.

    Made on the loader's thread: raises Unmixable for a parent of another shape, ValueError for none or too many. All
    else belongs to the generator's thread. `name` and `lineage` are the network's own. `warnings` are words about
    strangers, `muted` about what cannot be mixed. `mapping` are the shares of the mapping, for
    `models.blending.mapping.mixture`; `mappings` does the mapping. `parents` and `mixed` are what forms follow
    (`models.forms.mixing.Mixture`).
    """

    def __init__(
        self,
        resident: Resident,
        generator: Generator,
        relatives: Sequence[Relative],
        name: str = "",
        lineage: frozenset[str] = frozenset(),
    ) -> None:
        if not 1 <= len(relatives) < rows.MODELS:
            raise ValueError(f"a blend has 1 to {rows.MODELS - 1} relatives beside the network itself")
        home = {name: resident.home(name) for name in resident.names}
        words = [check(home, generator.architecture, one) for one in relatives]
        self.muted: tuple[str, ...] = tuple(word for said in words for word in said)
        own = Relative(name or "the network on the deck", home, generator.architecture, lineage)
        found = [kinship(own, one) for one in relatives]
        self.likeness: tuple[float, ...] = tuple(alike for alike, _ in found)
        self.warnings: tuple[str, ...] = tuple(word for _, word in found if word)
        self.names: tuple[str, ...] = (own.name, *(one.name for one in relatives))
        self._parents = Parents(resident, [own, *relatives])
        self.mappings = Mappings(generator, self._parents.tensors)
        self._cells = Cells(generator)
        self._mixed = [(name, self._cells.of[name]) for name in self._parents.differing]
        self._serial = next(SERIALS)
        self._given: tuple[float, ...] = ()  # what was played last
        self._divergence = 1.0
        self._away = False  # whether it was ever away from home: then coming home is a mixture like others
        self._even: tuple[float, Row] | None = None  # reach and goal where they are the same for all layers
        self._play(rows.played(rows.numbers({})))
        self._marks: dict[str, Mark] = {}
        self.mixed: dict[str, tuple[int, Mark]] = {}
        self.mapping: Row = (1.0, *(0.0 for _ in relatives))

    def frame(self, values: Mapping[str, float], divergence: float = 1.0) -> None:
        """What is played in this frame: values by the short names of `rows.blend_knobs`. Microseconds if none moved.

        What is no number becomes its default, what is outside its span the nearest inside. `divergence` 0..1 scales
        alpha: at 0 the network is at home.
        """
        given = rows.listed(values)
        if given != self._given:
            if given[1:] != self._given[1:]:  # alpha, the first, is what moves most
                self._play(rows.played(rows.numbers(values)))
            self._given = given
        elif divergence == self._divergence:
            return
        self._divergence = divergence
        alpha = rows.ALPHA.fit(given[0])
        if self._even is not None:
            self._settle_all(rows.between(alpha * rows.share(divergence) * self._even[0], self._even[1]))
        else:
            self._settle(rows.matrix(alpha, self._goal, self._reach, divergence), self._now, divergence)

    def mix(self, matrix: Sequence[Sequence[float]]) -> None:
        """Any matrix [layers, models] in place of `frame`'s; rows are normalised. ValueError for another size."""
        self._given = ()
        layers = rows.check(matrix, len(self._cells.layers), len(self.names))
        self._settle(layers, rows.played(rows.numbers({})), 1.0)

    def _play(self, now: rows.Played) -> None:
        """Work out what does not depend on alpha."""
        self._now = now
        self._goal = goal = rows.mixture(now, self._cells.depth, len(self.names))
        self._reach = reach = rows.reach(now, self._cells.depth)
        together = now.mapping == now.torgb == now.noise == "mixed" and not now.norm_match
        even = together and (goal == goal[0]).all() and (reach == reach[0]).all()
        self._even = (float(reach[0]), tuple(goal[0].tolist())) if even else None

    def _settle(self, layers: rows.Array, now: rows.Played, divergence: float) -> None:
        shares, mapping = self._cells.rows(layers, now, divergence)
        self.mapping = tuple(mapping.tolist())
        marks = [(self._serial, row, now.norm_match and max(row) < 1.0) for row in map(tuple, shares.tolist())]
        self._take({name: marks[cell] for name, cell in self._mixed})

    def _settle_all(self, row: Row) -> None:
        """The same shares for everything: plain interpolation, which costs a few microseconds."""
        self.mapping = row
        self._take(dict.fromkeys(self._parents.differing, (self._serial, row, False)))

    def _take(self, marks: dict[str, Mark]) -> None:
        if not self._away:  # at home from the beginning there is nothing to write
            marks = {name: mark for name, mark in marks.items() if mark[1][0] != 1.0}
            self._away = bool(marks)
        self._marks = marks

    @property
    def parents(self) -> Sequence[Mapping[str, Tensor]]:
        """See `models.forms.mixing.Mixture`."""
        return self._parents.tensors

    @property
    def donor(self) -> Mapping[str, Tensor]:
        """All tensors of the first relative, in memory once, for who takes something from it (`models.rewriting`)."""
        return self._parents.donor

    @property
    def pairs(self) -> Sequence[tuple[int, int]]:
        """See `models.forms.mixing.Mixture`: everybody with everybody."""
        places = range(len(self._parents.tensors))
        return [(i, j) for i in places for j in places[i:]]

    def marks(self) -> Mapping[str, Mark]:
        """See `models.resident.Stage`."""
        return self._marks

    def write(self, name: str, before: Tensor, out: Tensor) -> None:
        """See `models.resident.Stage`. `before` stands for parent 0."""
        self._parents.write(name, before, out, self._marks[name])

    def write_home(self, names: Sequence[str], resident: Resident) -> None:
        """See `models.resident.Wholesale`."""
        marks = [self._marks[name] for name in names]
        self._parents.write_home(names, marks, resident)
        versions = [live._version for live in resident.lives(names)]
        self.mixed.update(zip(names, zip(versions, marks, strict=True), strict=True))
