"""The methods as taps for a network that plays.

    decoder = Decoder(generator, statistics)         # off the generator's thread; statistics may come later: `adopt`
    taps = decoder.frame(values, divergence)         # each frame: values by the names of `knobs()`
    image = form(w, taps=taps)                       # a compiled form cut at `decoder.cuts`

Which neurons speak is settled on the host, only when the choice is drawn anew or one of its knobs moved: the same
seed, layer and percentiles give the same idea, whatever plays. So a live idea is drawn from neurons that are off in
most pictures; what of it is active in this one is left as it is, for a neuron is only ever raised, never lowered.

A neuron of a plain layer is raised to its on value. A neuron of maps is a channel: its map's mean is raised to the on
value, and what the channel has to say, its map about that mean, is made `on_value` times as loud as the loudest of the
layer. (A constant alone, added to a channel of StyleGAN2, shows next to nothing even at 12 deviations: the next layer
looks for edges, and demodulation takes the rest.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from models.bending.clusters import bendable
from models.decoding.native import KERNELS
from models.decoding.noise import noise_pool
from models.decoding.played import NOISY, REGULAR, knobs
from models.decoding.speakers import Speakers
from models.decoding.statistics import Statistics
from models.generators import Generator

LayerTap = Callable[[Tensor], Tensor]
UNKNOWN = "decode: this network's statistics are not gathered yet"


class Decoder:
    """Decoding of one network. Made off the generator's thread, which then calls `frame` and the taps.

    `cuts` is the layer that is decoded now (none at home), `muted` says in words what is asked for and cannot be had.
    `numbers` [3] float32 on the network's device holds what moves; an engine that sends all its numbers in one copy
    gives its own stretch of that vector, and fills it from `host`.

    `steady` is for a network that is captured once and replayed (CUDA graphs): the tap of the layer is there in every
    frame and does the same work whatever the numbers, bit for bit nothing at home. Another layer asks for another
    capture; an idea that is drawn anew is some small copies to the device.
    """

    def __init__(
        self,
        generator: Generator,
        statistics: Statistics | None = None,
        numbers: Tensor | None = None,
        steady: bool = False,
    ) -> None:
        self.cuts: tuple[str, ...] = ()
        self.muted: tuple[str, ...] = ()
        self._bendable, self._steady = bendable(generator), steady
        device = generator.w_avg.device
        self._host = np.zeros(3, np.float32)
        self.host = torch.from_numpy(self._host)  # not pinned: see `Bender`
        if numbers is None:
            numbers = self.host if device.type == "cpu" else torch.zeros_like(self.host, device=device)
        if numbers.shape != self.host.shape:
            raise ValueError(f"{len(self.host)} numbers move, room is for {len(numbers)}")
        self.numbers = numbers
        self._pool = noise_pool().to(device) if steady else noise_pool()
        self._seed, self._draws, self._pressed = 0.0, 0, False
        self._sent: tuple[float, ...] = ()
        self._drawn: tuple[object, ...] = ()  # what the idea that speaks was drawn by
        self._speakers: dict[str, Speakers] = {}
        self._active: Mapping[str, LayerTap] = {}
        if statistics is not None:
            self.adopt(statistics)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be decoded, in the network's order; none before there are statistics."""
        return tuple(self._speakers)

    def adopt(self, statistics: Statistics) -> None:
        """Decode by these statistics from the next frame on. Any thread but the generator's: milliseconds, the first
        time on a machine some seconds.

        They must be of this network: `load_statistics` refuses a file of another.
        """
        if self.numbers.device.type == "cpu":
            KERNELS.prepare()
        self._speakers = {
            layer: Speakers(statistics.layers[layer], self.numbers, self._pool, self._steady)
            for layer in self._bendable
            if layer in statistics.layers
        }

    def frame(self, values: Mapping[str, float], divergence: float = 1.0) -> Mapping[str, LayerTap]:
        """The taps of this frame, none at home: one small copy to the device (none on a processor).

        `values` by the names of `knobs()`; what is absent or no number becomes its default, what is outside its span
        the nearest inside. `divergence` 0..1 multiplies `amount`. The mapping stands until the next call. Microseconds
        where nothing moved, some milliseconds where an idea is drawn.
        """
        self.write(values, divergence)
        if self.numbers.data_ptr() != self.host.data_ptr():
            self.numbers.copy_(self.host, non_blocking=True)
        return self._active

    def write(self, values: Mapping[str, float], divergence: float = 1.0) -> Mapping[str, LayerTap]:
        """As `frame`, but leaves the copy from `host` to `numbers` to the caller."""
        v = {knob.name: knob.fit(float(values.get(knob.name, knob.default))) for knob in knobs()}
        self._heed(v)
        amount = v["amount"] * _share(divergence)
        numbers = amount, v["on_value"], v["noise_std"]
        if numbers != self._sent:
            self._sent = numbers
            self._host[:] = numbers
            for speakers in self._speakers.values():
                speakers.moved()
        self._settle(v, _speaks(v, amount))
        return self._active

    def asked(self, values: Mapping[str, float], divergence: float = 1.0) -> tuple[str, bool]:
        """Which layer these values mean, "" while there are no statistics, and whether something speaks there.

        Instead of `frame`, where another decoder speaks that `follow`s this one: no idea is drawn here.
        """
        v = {knob.name: knob.fit(float(values.get(knob.name, knob.default))) for knob in knobs()}
        self._heed(v)
        layers, speaks = self.layers, _speaks(v, v["amount"] * _share(divergence))
        self.muted = () if layers or not speaks else (UNKNOWN,)
        return (layers[_place(v, layers)] if layers else ""), speaks

    def follow(self, other: Decoder) -> None:
        """Speak as another decoder of the same network would: the same idea of the same seed. Before `frame`."""
        self._seed, self._draws, self._pressed = other._seed, other._draws, other._pressed

    def at(self, layer: str) -> LayerTap:
        """What speaks at this layer. KeyError where nothing can."""
        return self._speakers[layer]

    def hush(self) -> None:
        """Nothing speaks anywhere, whatever `frame` was told before; for `steady`."""
        self._drawn = ()
        for speakers in self._speakers.values():
            speakers.hush()

    def _heed(self, v: Mapping[str, float]) -> None:
        """Count the ideas of a seed."""
        if v["seed"] != self._seed:
            self._seed, self._draws = v["seed"], 0
        pressed, before = v["repick"] > 0, self._pressed
        self._draws += pressed and not before
        self._pressed = pressed

    def _settle(self, v: Mapping[str, float], speaks: bool) -> None:
        """Say where it speaks, and draw an idea if what it depends on has moved."""
        speakers = self._speakers  # another thread may put others there
        self._active, self.cuts, self.muted = {}, (), ()
        if not speakers:
            if speaks:
                self.muted = (UNKNOWN,)
            return
        layer = tuple(speakers)[_place(v, tuple(speakers))]
        at = speakers[layer]
        if speaks:
            by = (at, *(v[name] for name in _DRAWN_BY), self._draws)
            if by != self._drawn:
                self._drawn = by
                at.draw(v, self._draws)
        elif self._steady:
            self._drawn = ()
            at.hush()
        if speaks or self._steady:
            self._active, self.cuts = {layer: at}, (layer,)

    def tap(self, layer: str, x: Tensor) -> Tensor:
        """The tap of an uncompiled network, for the values of the last `frame`."""
        change = self._active.get(layer)
        return x if change is None else change(x)

    def forget(self) -> None:
        """Begin again with the first idea of the seed, as after loading."""
        self._draws, self._drawn = 0, ()


def _share(divergence: float) -> float:
    return min(divergence, 1.0) if divergence > 0 else 0.0  # NaN is 0, too


def _place(v: Mapping[str, float], layers: tuple[str, ...]) -> int:
    return round(v["layer"] * (len(layers) - 1))


def _speaks(v: Mapping[str, float], amount: float) -> bool:
    some = v["n_neurons"] > 0
    if v["method"] == NOISY:
        some = v["noise_std"] > 0 and (some or v["noise_share"] > 0)
    return amount > 0 and v["method"] != REGULAR and some


_DRAWN_BY = ("method", "n_neurons", "percentile_lo", "percentile_hi", "noise_share", "seed")
