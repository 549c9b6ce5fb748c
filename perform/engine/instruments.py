"""What is done to one network while it plays. Imports torch; made on the loader's thread, played on the generator's.

The order is fixed and part of what a preset means: parents -> blend -> rewrite give the weights, z -> walk -> steer
gives w, and bend and decode work at their layers of the forward pass. `divergence` scales all of it but the steering.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.bending.bender import Bender, LayerTap
from perform.engine.parameters import Values
from perform.engine.rig import Rig

if TYPE_CHECKING:
    from models.bending.clusters import Clusters
    from models.generators import Generator

NONE: Mapping[str, LayerTap] = {}


class Instruments:
    """A rig at work on one network.

    `muted` says, a line each, what of the rig this network cannot play; `cuts` are the layers that may have taps.
    """

    def __init__(self, generator: Generator, rig: Rig, clusters: Clusters | None = None) -> None:
        self.rig = rig
        self._bender = Bender(rig.slots, generator, clusters)
        self._bends = [(f"bend.{knob.name}", knob.default) for knob in self._bender.knobs]
        self.muted: tuple[str, ...] = self._bender.muted
        self.cuts: tuple[str, ...] = self._bender.cuts

    def taps(self, values: Values, dt: float) -> Mapping[str, LayerTap]:
        """What happens at which layers in this frame. Generator's thread."""
        if not self._bends:
            return NONE
        asked = [values.get(name, default) for name, default in self._bends]
        return self._bender.frame(asked, dt, values.get("divergence", 1.0))
