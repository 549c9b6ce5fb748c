"""What is done to one network while it plays. Imports torch; made on the loader's thread, played on the generator's.

The order is fixed and part of what a preset means: parents -> blend -> tune -> rewrite give the weights,
z -> walk -> steer gives w, and bend and decode work at their layers of the forward pass. `divergence` scales all of it
but the steering.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from models.bending.bender import Bender, LayerTap
from models.bending.enlarge import Enlarge
from models.bending.wide import plan
from models.blending import Unmixable
from models.blending.blend import Blend
from models.blending.mapping import mixture
from models.blending.relatives import Relative, check, read
from models.checkpoints import Refused
from models.decoding.decoder import Decoder
from models.generators import Generator
from models.generators.stylegan2 import StyleGAN2
from models.resident import Resident, Stage
from models.rewriting.rewriter import Rewriter
from models.steering.bank import Recall
from models.steering.steer import Steer
from perform.engine.captured import Captured, Topology, after
from perform.engine.lore import Lore
from perform.engine.parameters import Part, Values
from perform.engine.rig import NOTHING, Rig
from perform.engine.walk import Array, Walker
from perform.engine.way import Way

if TYPE_CHECKING:
    from torch import Tensor

    from models.forms.mixing import Mixture
    from models.rewriting.glitch import Glitch
    from models.tuning.reel import Reel

Taps = Mapping[str, LayerTap]


class Idle:
    """The stage of weights that does nothing: stands where there is no blend."""

    def marks(self) -> Mapping[str, Hashable]:
        """None."""
        return {}

    def write(self, name: str, before: Tensor, out: Tensor) -> None:
        """Never called."""


class Instruments:
    """All that is done to one network. `muted` says, a line each, what cannot be; `cuts` are the layers with taps.

    `map_z(z, maps)` takes z `[K, D]` to w through `maps` (z, label -> w), or through the network's own for None.
    `patient`: a frame waits for what it needs (films).
    """

    def __init__(
        self,
        generator: Generator,
        name: str,
        map_z: Callable[..., Array],
        rig: Rig = NOTHING,
        lore: Lore | None = None,
        patient: bool = False,
    ) -> None:
        self._generator, self._name, self._map = generator, name, map_z
        self._resident = Resident(generator)
        self._rewriter = Rewriter(generator, self._resident)
        self.way = Way(generator, self._resident, map_z, patient=patient)
        self._mean = np.asarray(generator.w_avg.detach().double().cpu().numpy())
        self._decoder = Decoder(generator)
        self._too_wide, self._layer = "", ""
        self._bent_by: Bender | None = None  # in the frame before
        self.recall = Recall((lore or Lore()).bank, self._mean, generator.num_ws)
        self.know(lore or Lore())
        self._playing: _Rigged | None = None
        self._rigged = self._with(rig)

    @property
    def rig(self) -> Rig:
        """What plays."""
        return self._rigged.rig

    @property
    def cuts(self) -> tuple[str, ...]:
        """The layers of the slots."""
        return self._rigged.bender.cuts

    @property
    def wanders(self) -> bool:
        """Whether something is done at a layer that a fader chooses."""
        return bool(self._decoder.cuts)

    @property
    def mixture(self) -> Mixture | None:
        """What forms follow: the blend of parents, or the trajectory where it is all in memory."""
        return self._rigged.blend or self.way.tune.packing

    @property
    def muted(self) -> tuple[str, ...]:
        """What this network cannot play, a line each."""
        return (
            *self._rigged.words,
            *((self._too_wide,) if self._too_wide else ()),
            *self.way.words,
            *self._rewriter.muted,
            *self._steer.muted,
            *self.recall.muted,
            *self._decoder.muted,
            *self.lore.words,
        )

    @property
    def lacks_statistics(self) -> bool:
        """Whether decoding is asked for and waits for statistics of the neurons."""
        return bool(self._decoder.muted) and self.lore.statistics is None

    def know(self, lore: Lore) -> None:
        """Take in what was found out about the network. Loader's or compiler's thread."""
        self.lore = lore
        generator = self._generator
        self._steer = Steer(self._map, self._mean, generator.z_dim, generator.num_ws, lore.directions)
        if lore.statistics is not None:
            self._decoder.adopt(lore.statistics)

    def equip(self, rig: Rig) -> None:
        """Another rig, from the next frame on. Loader's thread: it may read models to blend with."""
        self._rigged = self._with(rig)

    def _with(self, rig: Rig) -> _Rigged:
        bender = Bender(rig.slots, self._generator, self.lore.clusters)
        words = list(bender.muted)
        before = getattr(self, "_rigged", None)
        if before is not None and before.rig.trajectory == rig.trajectory:
            reel, tuned = before.reel, before.tuned
        else:
            reel, tuned = self.way.open(rig.trajectory)
        if before is not None and before.rig.relatives == rig.relatives:
            return _Rigged(rig, bender, before.blend, before.walkers, before.donor, words, before.kin, reel, tuned)
        blend, donor, kin = self._related(rig)
        walkers: tuple[Walker, ...] = ()
        if blend is not None:
            maps, generator = blend.mappings, self._generator
            walkers = tuple(
                Walker(partial(self._map, maps=partial(maps.map, k)), maps.w_avgs[k], generator.z_dim, generator.num_ws)
                for k in range(len(maps))
            )
        return _Rigged(rig, bender, blend, walkers, donor, words, kin, reel, tuned)

    def _related(self, rig: Rig) -> tuple[Blend | None, Mapping[str, Tensor] | None, tuple[str, ...]]:
        """The blend of a rig, the tensors for splices, and words. What cannot be had is the network itself."""
        if not any(rig.relatives):
            return None, None, ()
        home = {name: self._resident.home(name) for name in self._resident.names}
        relatives, words = [], []
        for name in rig.relatives:
            one = Relative(self._name, home)
            if name:
                try:
                    one = read(name)
                    check(home, self._generator.architecture, one)
                except (Refused, Unmixable, ValueError, OSError) as error:
                    words.append(f"blend: {error}")
                    one = Relative(self._name, home)
            relatives.append(one)
        try:
            blend = Blend(self._resident, self._generator, relatives, self._name)
        except Unmixable as error:  # a network without weights
            return None, None, (*words, f"blend: {error}")
        words += [*blend.warnings, *blend.muted]
        return blend, blend.donor, tuple(words)

    # -- the generator's thread

    def weights(self, values: Values, glitches: Sequence[Glitch]) -> None:
        """Bring the weights to what is played: blend, tune, rewrite. Microseconds where nothing moved."""
        rigged, divergence = self._rigged, values.get("divergence", 1.0)
        if rigged is not self._playing:
            self._playing = rigged
            try:
                self._rewriter.splice_from(rigged.donor)
            except ValueError:  # of another shape: said by the blend
                self._rewriter.splice_from(None)
            if self.way.tune.reel is not rigged.reel:
                self.way.play(rigged.reel)
        if rigged.blend is not None:
            rigged.blend.frame(Part(values, "blend."), divergence)
        self.way.tune.frame(Part(values, "tune."), divergence)
        self._rewriter.frame(glitches, divergence)
        self._resident.update((rigged.first, self.way.tune, self._rewriter))

    def w(self, walker: Walker, values: Values, position: float) -> Array:
        """The latent of this frame `[L, D]`: the walk, of all parents where they are mixed, then the steering."""
        rigged = self._rigged
        shares = rigged.blend.mapping if rigged.blend is not None else (1.0,)
        blended = shares[0] != 1.0

        def plain() -> Array:
            if not blended:
                return walker.w(values, position)
            return mixture(shares, lambda k: rigged.walkers[k].w(values, position))

        w = self.way.w(plain, blended, values, position)
        w = self._steer.apply(
            w, Part(values, "steer."), truncation_psi=values["walk.truncation_psi"],
            truncation_cutoff=int(values["walk.truncation_cutoff"]),
        )  # fmt: skip
        return self.recall.apply(w, Part(values, "walk."))

    def taps(self, values: Values, dt: float) -> Taps:
        """What happens at which layers in this frame."""
        rigged, divergence = self._rigged, values.get("divergence", 1.0)
        decoded = self._decoder.frame(Part(values, "decode."), divergence)
        if not rigged.names:
            return decoded
        bent = self._bend(rigged.bender, rigged.asked(values), dt, divergence)
        return {**bent, **{layer: after(bent.get(layer), tap) for layer, tap in decoded.items()}} if decoded else bent

    def _bend(self, bender: Bender | None, asked: Sequence[float], dt: float, divergence: float) -> Taps:
        """This bender's taps; where another one bent the frame before, it hands over what it remembers."""
        if self._bent_by is not bender:
            if self._bent_by is not None and bender is not None:
                bender.go_on_from(self._bent_by)
            if self._bent_by is not None:
                self._bent_by.forget()
            self._bent_by = bender
        return {} if bender is None else bender.frame(asked, dt, divergence)

    # -- the same, where a card replays captured pictures

    @property
    def topology(self) -> Topology:
        """All that the rig and the place of decoding may ask for. Any thread."""
        rigged, statistics = self._rigged, self.lore.statistics
        slots = rigged.rig.slots if rigged.bender.cuts else ()
        return Topology(slots, rigged.bender.clusters, self._layer if statistics is not None else "", statistics)

    def needed(self, values: Values) -> Topology:
        """What of it this frame asks for."""
        rigged, divergence = self._rigged, values.get("divergence", 1.0)
        self._layer, speaks = self._decoder.asked(Part(values, "decode."), divergence)
        bent = bool(rigged.names) and bool(rigged.bender.write(rigged.asked(values), 0.0, divergence))
        whole = self.topology
        return Topology(whole.slots if bent else (), whole.clusters, whole.layer if speaks else "", whole.statistics)

    def tell(self, captured: Captured, needed: Topology, values: Values, dt: float) -> None:
        """Write the numbers of this frame to where a captured picture reads them."""
        rigged, divergence = self._rigged, values.get("divergence", 1.0)
        if captured.bender is None or not needed.slots:
            self._bend(None, (), dt, divergence)
        if captured.bender is not None:
            if needed.slots:
                self._bend(captured.bender, rigged.asked(values), dt, divergence)
            else:
                captured.bender.frame(captured.bender.defaults, dt, 0.0)
        if captured.decoder is not None:
            if needed.layer:
                captured.decoder.follow(self._decoder)
                captured.decoder.frame(Part(values, "decode."), divergence)
            else:
                captured.decoder.hush()

    def wide(self, values: Values) -> Enlarge | None:
        """How the picture is drawn wider than it was trained, None where it is not."""
        self._too_wide = ""
        asked: Mapping[str, Any] = plan(Part(values, "bend.wide.")) if values.get("divergence", 1.0) > 0.0 else {}
        if not asked:
            return None
        if not isinstance(self._generator, StyleGAN2) or asked["layer"] not in self._generator.layers[:-2]:
            self._too_wide = f"bend.wide: this {self._generator.architecture} cannot be drawn wide at {asked['layer']}"
            return None
        return Enlarge(**asked)

    def forget(self) -> None:
        """The label has changed: all ways from z to w are made anew."""
        self._steer.forget()
        self.way.forget()
        for walker in self._rigged.walkers:
            walker.forget()


class _Rigged:
    """A rig with what was made for it."""

    def __init__(
        self, rig: Rig, bender: Bender, blend: Blend | None, walkers: tuple[Walker, ...],
        donor: Mapping[str, Tensor] | None, words: Sequence[str], kin: tuple[str, ...],
        reel: Reel | None, tuned: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.rig, self.bender, self.blend, self.walkers, self.donor = rig, bender, blend, walkers, donor
        self.kin, self.reel, self.tuned = kin, reel, tuned
        self.words = (*words, *kin, *tuned)
        self.names = [(f"bend.{knob.name}", knob.default) for knob in bender.knobs]
        self.first: Stage = Idle() if blend is None else blend

    def asked(self, values: Values) -> list[float]:
        """The numbers of the slots."""
        return [values.get(name, default) for name, default in self.names]
