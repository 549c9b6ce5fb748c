"""Steer w while it is played: style mixing per layer, and eight faders along directions.

Style mixing (Karras et al. 2019, section 3.1): layers below `style_mix_layer` keep the w of the walk, those from it on
take that of another landmark. Directions (Härkönen et al. 2020, "GANSpace"; Shen and Zhou 2021, "SeFa"):
w += x sigma v on a range of layers, x from -3 to 3.

The order is: walk with its truncation, style mixing, faders; so a fader moves what is on the wall, whichever of the
two landmarks a layer comes from, and its step is not shortened by truncation (as in GANSpace's own editing).

Numpy on a few thousand numbers; no torch. Legend: L layers (num_ws), D width of w.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from models.knobs import Knob
from models.latents import Array, landmark
from models.steering.directions import Directions

FADERS = 8
REACH = 3.0  # sigma, to either side
LAYERS = 20  # the highest number of a layer on a fader; the largest StyleGAN2 (2048 x 2048) has as many
COMPONENTS = 80
AS_NAMED = -1


def steer_knobs() -> tuple[Knob, ...]:
    """All knobs of steering, for the tree under `steer`; they do not depend on a model."""
    return (*mix_knobs(), *(knob for fader in range(1, FADERS + 1) for knob in fader_knobs(fader)))


def mix_knobs() -> tuple[Knob, ...]:
    """Style mixing."""
    return (
        Knob("style_mix_amount", 0.0, 0.0, 1.0, "", "how far the layers go over to the second landmark"),
        Knob(
            "style_mix_layer", 4.0, 0.0, LAYERS, "layers",
            "layers from this one on go over: 0 all of them, at the highest none; between two whole numbers one melts",
        ),
        Knob("style_mix_softness", 0.0, 0.0, LAYERS, "layers", "over how many layers the crossover is spread"),
        Knob("style_mix_seed", 1.0, 0.0, 99999.0, "", "the second landmark", "int"),
    )  # fmt: skip


def fader_knobs(fader: int) -> tuple[Knob, ...]:
    """One fader (from 1): how far, along which direction, in which layers."""
    said = "-1: as the directions file says"
    return (
        Knob(f"{fader}.amount", 0.0, -REACH, REACH, "sigma", "how far along the direction"),
        Knob(f"{fader}.component", float(fader), 1.0, COMPONENTS, "", "which line of the directions file", "int"),
        Knob(f"{fader}.from", AS_NAMED, AS_NAMED, LAYERS, "layers", f"the first layer that moves; {said}", "int"),
        Knob(f"{fader}.to", AS_NAMED, AS_NAMED, LAYERS, "layers", f"the last layer that moves; {said}", "int"),
    )


KNOBS: Mapping[str, Knob] = {knob.name: knob for knob in steer_knobs()}
_FADERS = tuple(tuple(f"{fader}.{part}" for part in ("amount", "component", "from", "to")) for fader in range(1, 9))


def style_shares(layers: int, crossover: float, softness: float = 0.0) -> Array:
    """How much of the second w each layer takes `[L]`, never falling: 0 below the crossover, 1 from it on.

    The step is `softness` layers wide, and one melts where `crossover` is not whole. At 0 all are 1, at `layers` and
    beyond all are 0, whatever the softness.
    """
    crossover = min(max(crossover, 0.0), float(layers))
    begin = crossover * (layers + softness) / layers - softness  # softness 0: the crossover itself
    return np.asarray(np.clip((np.arange(layers) + 1.0 - begin) / (1.0 + softness), 0.0, 1.0))


def style_mix(w: Array, other: Array, shares: Array) -> Array:
    """w `[L, D]` with `shares` `[L]` (never falling) of `other` `[L, D]`: w itself where all are 0; a layer of share 0
    or 1 has the numbers of its parent, bit for bit.
    """
    begin, whole = (int(np.searchsorted(shares, level, side)) for level, side in ((0.0, "right"), (1.0, "left")))  # type: ignore[call-overload]
    if begin == len(w):
        return w
    out = w.copy()
    if begin < whole:
        out[begin:whole] += shares[begin:whole, None] * (other[begin:whole] - out[begin:whole])
    out[whole:] = other[whole:]
    return out


@dataclass(frozen=True, slots=True)
class Reach:
    """A fader that moves: which direction (from 0), how far in sigma, on the layers `first`..`last`."""

    place: int
    amount: float
    first: int
    last: int


class Steer:
    """What steering needs of ONE loaded network. Made by the loader's thread; `apply` is the generator's.

    `map_z` takes z `[K, D]` to w `[K, D]` without truncation; `w_avg` `[D]` is the mean. `directions` None: none are
    known (or the network has none), the faders do nothing and `muted` says `why`. `muted` is one line for each thing
    that is asked for and cannot be.
    """

    def __init__(
        self, map_z: Callable[[Array], Array], w_avg: Array, z_dim: int, num_ws: int,
        directions: Directions | None = None, why: str = "",
    ) -> None:  # fmt: skip
        self._map, self._w_avg, self._z_dim, self._num_ws = map_z, w_avg, z_dim, num_ws
        self._entries = directions.entries if directions is not None else ()
        if self._entries and len(self._entries[0].vector) != len(w_avg):
            width = len(self._entries[0].vector)
            why, self._entries = f"directions of {width} numbers do not fit a w of {len(w_avg)}", ()
        self._steps = [entry.sigma * entry.vector for entry in self._entries]
        self._why = why or "no directions are known of this model; perform directions MODEL finds them"
        self._seed, self._second = -1, w_avg
        self._idle: list[tuple[int, int]] = []
        self.muted: tuple[str, ...] = ()

    def forget(self) -> None:
        """Map the second landmark anew: what `map_z` does has changed (another label, other weights)."""
        self._seed = -1

    def apply(
        self, w: Array, values: Mapping[str, float], divergence: float = 1.0, *,
        truncation_psi: float = 1.0, truncation_cutoff: int = LAYERS,
    ) -> Array:  # fmt: skip
        """w `[L, D]` of the walk, steered; w itself, the same object, where nothing is asked for.

        `values` are the knobs of `steer_knobs` by their names, `divergence` 0..1 scales all amounts. The truncation is
        that of the walk, for the second landmark. Below 0.05 ms; a new seed costs one z through the mapping network.
        """
        divergence = min(max(divergence, 0.0), 1.0) if math.isfinite(divergence) else 0.0
        moving = self._moving(values, divergence)
        amount = _number(values, "style_mix_amount") * divergence
        if amount > 0.0:
            crossover = _number(values, "style_mix_layer")
            shares = style_shares(
                self._num_ws, math.inf if crossover >= LAYERS else crossover, _number(values, "style_mix_softness")
            )
            other = self._other(int(_number(values, "style_mix_seed")), truncation_psi, truncation_cutoff)
            w = style_mix(w, other, shares if amount == 1.0 else shares * amount)
        if not moving:
            return w
        out = w.copy()
        for reach in moving:
            out[reach.first : reach.last + 1] += reach.amount * self._steps[reach.place]
        return out

    def _moving(self, values: Mapping[str, float], divergence: float) -> list[Reach]:
        """The faders that are not at 0 and can move something; the others of them are told in `muted`."""
        found, idle = [], []
        for number, (name, component, first, last) in enumerate(_FADERS, 1):
            amount = _number(values, name) * divergence
            if amount == 0.0:
                continue
            place = int(_number(values, component))
            if place > len(self._entries):
                idle.append((number, place))
                continue
            entry = self._entries[place - 1]
            begin, end = int(_number(values, first)), int(_number(values, last))
            begin, end = (entry.first if begin < 0 else begin), (entry.last if end < 0 else end)
            begin, end = min(begin, end), max(begin, end)
            if begin >= self._num_ws:
                idle.append((number, -begin))
                continue
            found.append(Reach(place - 1, amount, begin, self._num_ws - 1 if end >= LAYERS else end))
        if idle != self._idle:
            self._idle = idle
            self.muted = tuple(self._told(number, what) for number, what in idle)
        return found

    def _told(self, number: int, what: int) -> str:
        """Why a fader does nothing: `what` is a direction that there is not, or below 0 a layer."""
        if not self._entries:
            return f"steer.{number}: {self._why}"
        if what < 0:
            return f"steer.{number}: this model has no layer {-what}, its last one is {self._num_ws - 1}"
        return f"steer.{number}: this model has no direction {what}, they are 1 to {len(self._entries)}"

    def _other(self, seed: int, psi: float, cutoff: int) -> Array:
        """The second landmark's w `[L, D]`, truncated as the walk is."""
        if seed != self._seed:
            self._second = self._map(landmark(seed, self._z_dim)[None])[0]
            self._seed = seed
        out = np.empty((self._num_ws, len(self._second)))
        cutoff = self._num_ws if cutoff >= LAYERS else cutoff
        out[:] = self._second
        if psi != 1.0:
            out[:cutoff] = self._w_avg + psi * (self._second - self._w_avg)
        return out


def _number(values: Mapping[str, float], name: str) -> float:
    """A knob's value, playable; its default where it is missing or no number."""
    knob = KNOBS[name]
    try:
        return knob.fit(values[name])
    except KeyError:
        return knob.default
