"""The captured pictures of one deck on a card: one CUDA graph for each set of taps that a frame may need.

A *topology* is what is done at which layers: the slots of the rig, or none, and the layer that decoding works at, or
none. All numbers lie in buffers on the card, so moving any knob only writes numbers. Three pictures are kept for what
plays: the network alone (nothing is paid for slots that all stand at home), with the slots, and with the slots and
decoding. Another rig, or another layer of decoding, is captured on a thread of its own while the network plays
uncaptured; the graph then takes over between two frames. What cannot be captured plays on uncaptured and is not tried
again; the log says why. Imports torch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.bending.bender import Bender, LayerTap
from models.bending.slots import Slot
from models.decoding.decoder import Decoder
from models.forms.cuda import Capture, CapturedForm
from models.generators import Generator

if TYPE_CHECKING:
    import torch

    from models.bending.clusters import Clusters
    from models.decoding.statistics import Statistics

log = logging.getLogger("perform")

MOST = 6  # captured pictures of a deck; each costs the card some MB, and the memory of one picture is shared by all


@dataclass(frozen=True)
class Topology:
    """What is done at which layers: these slots, with these clusters, and decoding at `layer` ("": none)."""

    slots: tuple[Slot, ...] = ()
    clusters: Clusters | None = None
    layer: str = ""
    statistics: Statistics | None = None

    @property
    def parts(self) -> tuple[object, ...]:
        """What makes two of them the same."""
        return self.slots, id(self.clusters) if self.slots else 0, self.layer, id(self.statistics) if self.layer else 0

    def holds(self, other: Topology) -> bool:
        """Whether it can play what the other asks for: what is not asked for is then off."""
        slots, clusters, layer, statistics = self.parts
        ok = not other.slots or (other.slots, id(other.clusters)) == (slots, clusters)
        return ok and (not other.layer or (other.layer, id(other.statistics)) == (layer, statistics))


class Captured:
    """One of the pictures: its graph, and the instruments whose numbers and memories it knows."""

    def __init__(self, generator: Generator, dtype: str, topology: Topology, capture: Capture) -> None:
        self.topology = topology
        self.bender: Bender | None = None
        self.decoder: Decoder | None = None
        taps: dict[str, LayerTap] = {}
        if topology.slots:
            self.bender = Bender(topology.slots, generator, topology.clusters, steady=True)
            taps |= self.bender.frame(self.bender.defaults)
            self.bender.forget()
        if topology.layer:
            self.decoder = Decoder(generator, topology.statistics, steady=True)
            taps[topology.layer] = after(taps.get(topology.layer), self.decoder.at(topology.layer))
        self._form = CapturedForm(generator, dtype, taps, capture)

    def picture(self, numbers: torch.Tensor) -> torch.Tensor:
        """The picture of these numbers (`models.forms.moving.Moving`), by two or three small copies and one call."""
        self._form.moving.copy_(numbers, non_blocking=True)
        return self._form.replay()


def after(first: LayerTap | None, then: LayerTap) -> LayerTap:
    """Bend, then decode, where both work at one layer."""
    return then if first is None else lambda x: then(first(x))


class Captures:
    """The captured pictures of one deck. `best` from the generator's thread, `fetch` from any other."""

    def __init__(self, generator: Generator, dtype: str, capture: Capture, finish: Callable[[], None]) -> None:
        self._generator, self._dtype, self._capture, self._finish = generator, dtype, capture, finish
        self._made: tuple[Captured, ...] = ()  # changes hands as a whole
        self._hopeless: list[tuple[object, ...]] = []
        self._leaving: list[Captured] = []
        self._one = threading.Lock()

    def best(self, needed: Topology) -> Captured | None:
        """What plays this with the least work; None: play uncaptured. Microseconds."""
        able = [one for one in self._made if one.topology.holds(needed)]
        return min(able, key=lambda one: (bool(one.topology.slots), bool(one.topology.layer)), default=None)

    def missing(self, wanted: Sequence[Topology]) -> list[Topology]:
        """Those that are not here and can be hoped for."""
        here = [one.topology.parts for one in self._made]
        return [one for one in wanted if one.parts not in here and one.parts not in self._hopeless]

    def fetch(self, wanted: Sequence[Topology]) -> None:
        """Capture the first of `wanted` that is missing; those that are not wanted make room. Below a second."""
        with self._one:
            missing = self.missing(wanted)
            if not missing:
                return
            self._bury()
            topology = missing[0]
            try:
                found = Captured(self._generator, self._dtype, topology, self._capture)
            except Exception as error:  # noqa: BLE001 - libraries fail in every way here, and the picture must go on
                self._hopeless.append(topology.parts)
                why = " ".join(str(error).split()) or type(error).__name__
                log.warning("%s is not captured and plays slower: %s", _words(topology), why)
                return
            keep = [one.parts for one in wanted]
            known = [one for one in self._made if one.topology.parts in keep]
            others = [one for one in self._made if one.topology.parts not in keep]
            stay = others[max(0, len(known) + 1 + len(others) - MOST) :]
            self._leaving = [one for one in others if one not in stay]
            self._made = (*stay, *known, found)

    def _bury(self) -> None:
        """Let go of what left at the last capture: by now no frame holds it, and none of the card's work needs it."""
        if self._leaving:
            self._finish()
            self._leaving.clear()


def _words(topology: Topology) -> str:
    slots = f"{len(topology.slots)} slot{'s' * (len(topology.slots) != 1)}" if topology.slots else ""
    decoding = f"decoding at {topology.layer}" if topology.layer else ""
    return "the network with " + " and ".join(filter(None, (slots, decoding))) if slots or decoding else "the network"


def wanted(all_of_it: Topology) -> list[Topology]:
    """What is to be captured where this may be asked for, the most useful first."""
    alone, bent = Topology(), replace(all_of_it, layer="", statistics=None)
    return [alone, *([bent] if bent.slots else []), *([all_of_it] if all_of_it.layer else [])]
