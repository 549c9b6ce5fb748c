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
ALL_LAYERS = 64  # a truncation of all layers, as the walk has it
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
_AMOUNTS = tuple(f"{fader}.amount" for fader in range(1, FADERS + 1))
_PLACES = tuple(f"{fader}.{part}" for fader in range(1, FADERS + 1) for part in ("component", "from", "to"))


def style_shares(layers: int, crossover: float, softness: float = 0.0) -> Array:
    """How much of the second w each layer takes `[L]`, never falling: 0 below the crossover, 1 from it on.

    The step is `softness` layers wide, and one melts where `crossover` is not whole. At 0 all are 1, at `layers` and
    beyond all are 0, whatever the softness.
    """
    crossover = min(max(crossover, 0.0), float(layers))
    begin = crossover * (layers + softness) / layers - softness  # softness 0: the crossover itself
    return np.asarray(np.clip((np.arange(layers) + 1.0 - begin) / (1.0 + softness), 0.0, 1.0))


def style_mix(w: Array, other: Array, shares: Array) -> Array:
    """w `[L, D]` with `shares` `[L]` (never falling) of `other` `[D]` or `[L, D]`: w itself where all are 0; a layer of
    share 0 or 1 has the numbers of its parent, bit for bit.
    """
    begin, whole = int((shares <= 0.0).sum()), int((shares < 1.0).sum())
    if begin == len(w):
        return w
    out = w.copy()
    rows = other if other.ndim == 1 else other[begin:whole]
    if begin < whole:
        out[begin:whole] += shares[begin:whole, None] * (rows - out[begin:whole])
    out[whole:] = other if other.ndim == 1 else other[whole:]
    return out


@dataclass(frozen=True, slots=True)
class Reach:
    """What a fader is assigned to: a direction (from 1) and the layers `first`..`last`; and why it cannot move."""

    place: int
    first: int = 0
    last: int = -1
    fault: str = ""


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
        self._why = why or "no directions are known of this model; perform directions MODEL finds them"
        self._seed, self._second = -1, w_avg
        self._assigned: list[float] = []  # component, from and to of each fader, as `_assign` saw them
        self._reaches: list[Reach] = []
        self._steps, self._mask = np.zeros((FADERS, len(w_avg))), np.zeros((num_ws, FADERS))
        self._amounts: list[float] = []  # of each fader, as `_add_up` saw them
        self._offset, self._span = np.zeros((num_ws, len(w_avg))), (0, 0)
        self._crossing: tuple[float, float] = (-1.0, -1.0)
        self._shares = np.zeros(num_ws)
        self.muted: tuple[str, ...] = ()

    def forget(self) -> None:
        """Map the second landmark anew: what `map_z` does has changed (another label, other weights)."""
        self._seed = -1

    def apply(
        self, w: Array, values: Mapping[str, float], divergence: float = 1.0, *,
        truncation_psi: float = 1.0, truncation_cutoff: int = ALL_LAYERS,
    ) -> Array:  # fmt: skip
        """w `[L, D]` of the walk, steered; w itself, the same object, where nothing is asked for.

        `values` are the knobs of `steer_knobs` by their names, `divergence` 0..1 scales all amounts. The truncation is
        that of the walk, for the second landmark. Below 0.05 ms; a new seed costs one z through the mapping network.
        """
        divergence = min(max(divergence, 0.0), 1.0) if math.isfinite(divergence) else 0.0
        amount = _number(values, "style_mix_amount") * divergence
        mixed = w if amount <= 0.0 else self._mixed(w, values, amount, truncation_psi, truncation_cutoff)
        raw = _read(values, _AMOUNTS)
        if divergence == 0.0 or not any(raw):
            self.muted, self._amounts = (), []
            return mixed
        assigned = _read(values, _PLACES)
        if assigned != self._assigned:
            self._assign(assigned)
        amounts = [KNOBS[name].fit(value) * divergence for name, value in zip(_AMOUNTS, raw, strict=True)]
        if amounts != self._amounts:
            self._add_up(amounts)
        first, end = self._span
        if first == end:
            return mixed
        out = mixed.copy() if mixed is w else mixed
        out[first:end] += self._offset[first:end]
        return out

    def _mixed(self, w: Array, values: Mapping[str, float], amount: float, psi: float, cutoff: int) -> Array:
        """w `[L, D]` with the second landmark in the layers from the crossover on; w itself where that is none."""
        crossing = _number(values, "style_mix_layer"), _number(values, "style_mix_softness")
        if crossing != self._crossing:
            self._crossing = crossing
            layer = self._num_ws if crossing[0] >= LAYERS else crossing[0]
            self._shares = style_shares(self._num_ws, layer, crossing[1])
        other = self._other(int(_number(values, "style_mix_seed")), psi, cutoff)
        return style_mix(w, other, self._shares if amount == 1.0 else self._shares * amount)

    def _assign(self, assigned: list[float]) -> None:
        """Look up what the faders are assigned to: component, from and to of each. Where it changed."""
        fitted = [int(KNOBS[name].fit(value)) for name, value in zip(_PLACES, assigned, strict=True)]
        self._reaches = [self._reach(*fitted[3 * fader : 3 * fader + 3]) for fader in range(FADERS)]
        self._mask[:], self._steps[:] = 0.0, 0.0
        for fader, reach in enumerate(self._reaches):
            if not reach.fault:
                entry = self._entries[reach.place - 1]
                self._steps[fader] = entry.sigma * entry.vector
                self._mask[reach.first : reach.last + 1, fader] = 1.0
        self._assigned, self._amounts = assigned, []

    def _reach(self, place: int, first: int, last: int) -> Reach:
        """A direction and its layers, those of the file where `first` or `last` is -1; either order."""
        if not self._entries:
            return Reach(place, fault=self._why)
        if place > len(self._entries):
            return Reach(place, fault=f"this model has no direction {place}, they are 1 to {len(self._entries)}")
        entry, top = self._entries[place - 1], self._num_ws - 1
        first, last = (entry.first if first < 0 else first), (entry.last if last < 0 else last)
        first, last = min(first, last), max(first, last)
        if first > top:
            return Reach(place, fault=f"this model has no layer {first}, its last one is {top}")
        return Reach(place, first, top if last >= LAYERS else min(last, top))

    def _add_up(self, amounts: list[float]) -> None:
        """What the faders add to w, into `_offset`; in `_span` the layers it touches: first, end. Where it changed.

        The faders that are not at 0 and cannot move anything are told in `muted`.
        """
        self._amounts = amounts
        moving = [(fader, self._reaches[fader]) for fader in range(FADERS) if amounts[fader] != 0.0]
        self.muted = tuple(f"steer.{fader + 1}: {reach.fault}" for fader, reach in moving if reach.fault)
        spans = [(reach.first, reach.last + 1) for _, reach in moving if not reach.fault]
        self._span = (min(first for first, _ in spans), max(end for _, end in spans)) if spans else (0, 0)
        np.matmul(self._mask * amounts, self._steps, out=self._offset)

    def _other(self, seed: int, psi: float, cutoff: int) -> Array:
        """The second landmark's w, truncated as the walk is: `[D]` for all layers, or `[L, D]` where they differ."""
        if seed != self._seed:
            self._second = self._map(landmark(seed, self._z_dim)[None])[0]
            self._seed = seed
        if psi == 1.0 or cutoff <= 0:
            return self._second
        near = self._w_avg + psi * (self._second - self._w_avg)
        if cutoff >= self._num_ws:
            return np.asarray(near)
        out = np.empty((self._num_ws, len(near)))
        out[:cutoff], out[cutoff:] = near, self._second
        return out


def _read(values: Mapping[str, float], names: tuple[str, ...]) -> list[float]:
    """The values of some knobs as they are; the default of one that is missing."""
    try:
        return [values[name] for name in names]
    except KeyError:
        return [_number(values, name) for name in names]


def _number(values: Mapping[str, float], name: str) -> float:
    """A knob's value, playable; its default where it is missing or no number."""
    knob = KNOBS[name]
    try:
        value = values[name]
    except KeyError:
        return knob.default
    return value if value == knob.default else knob.fit(value)
