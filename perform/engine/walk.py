"""The walk as a part of the line: how far it has come, and which w a place on it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models import latents
from models.knobs import Knob, knobs_of
from models.steering.bank import slot_knobs
from perform.engine.parameters import Values

Array = latents.Array

ALL_LAYERS = 64  # more than any network has: a cutoff of 64 truncates every layer


def walk_knobs() -> tuple[Knob, ...]:
    """All knobs of the walk, for the tree under `walk`."""
    return (
        *knobs_of(latents.travel),
        *knobs_of(latents.itinerary),
        Knob("offset", 0.0, -4.0, 4.0, "landmarks", "a step ahead on the path that springs back: for routes"),
        Knob("truncation_psi", 0.7, -1.0, 2.0, "", "0 the mean picture, 1 the model as it is, beyond: stranger"),
        Knob("truncation_cutoff", ALL_LAYERS, 0, ALL_LAYERS, "layers", "how many layers the truncation reaches", "int"),
        Knob("noise_strength", 1.0, 0.0, 4.0, "", "how strong the grain of the network is"),
        *knobs_of(latents.accent),
        *slot_knobs(),
    )


class Traveller:
    """How far the walk has come, in landmarks. Main thread, once a frame; the same at any frame rate."""

    def __init__(self) -> None:
        self.position = 0.0

    def step(self, values: Values, bpm: float, dt: float) -> float:
        """Go on by `dt` seconds at the tempo `bpm` and return the position."""
        speed, sync = values["walk.speed"], values.word("walk.sync")
        self.position = latents.travel(self.position, dt, bpm, speed=speed, sync=sync)
        return self.position


class Walker:
    """From a position to w. Generator thread.

    `map_z` takes z `[K, D]` to w `[K, D]` without truncation; `w_avg` `[D]` is the model's mean, `num_ws` its layers.
    Paths are made anew only when a knob of the itinerary moves: a few milliseconds, a cut in the picture anyway.
    """

    def __init__(self, map_z: Callable[[Array], Array], w_avg: Array, z_dim: int, num_ws: int) -> None:
        self._map, self._w_avg, self._z_dim, self._num_ws = map_z, w_avg, z_dim, num_ws
        self._key: tuple[object, ...] = ()
        self._path: latents.Path
        self._accent = w_avg

    def forget(self) -> None:
        """Make the path anew at the next place: what `map_z` does has changed."""
        self._key = ()

    def w(self, values: Values, position: float) -> Array:
        """The latent of this frame `[L, D]`: place on the path, accents, truncation, in this order."""
        sync = values.word("walk.sync")
        interpolation = values.word("walk.interpolation")
        key = (values["walk.seed"], values["walk.landmarks"], interpolation, values["walk.accent_seed"], sync)
        if key != self._key:
            self._lay(int(key[0]), int(key[1]), interpolation, int(key[3]), "segment" if sync == "beats" else "loop")
            self._key = key
        point = self._path.at(position + values["walk.offset"])
        if interpolation == "slerp":
            point = self._map(point[None])[0]
        w = np.broadcast_to(point, (self._num_ws, len(point)))
        w = latents.accent(
            w,
            self._accent,
            coarse=values["walk.coarse"],
            middle=values["walk.middle"],
            fine=values["walk.fine"],
        )
        cutoff = min(int(values["walk.truncation_cutoff"]), self._num_ws)
        return latents.truncate(w, self._w_avg, values["walk.truncation_psi"], cutoff)

    def _lay(self, seed: int, count: int, interpolation: str, accent_seed: int, even: str) -> None:
        z = latents.landmarks(seed, count, self._z_dim)
        if interpolation == "slerp":
            self._path = latents.SlerpPath(z)
        else:
            self._path = latents.SplinePath(self._map(z), self._w_avg, even)
        self._accent = self._map(latents.landmarks(accent_seed, 1, self._z_dim))[0]
