"""How wide it is."""

from __future__ import annotations

from perform.audio.features import Signal
from perform.audio.levels import Follower
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.width",
        "Stereo width: 0 mono, 0.1 to 0.3 a usual mix, 0.5 two sides with nothing in common, 1 opposite in phase. "
        "Follows in 0.1 s; falls to 0 in silence.",
    ),
)


class Feature:
    """The power of the difference of left and right against that of both together."""

    def __init__(self, hop: Hop) -> None:
        self._side = Follower(0.1, 0.1, hop.dt)
        self._all = Follower(0.1, 0.1, hop.dt)
        self._here = Follower(0.02, 0.2, hop.dt)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        sides = hop.sides
        products = (sides.T @ sides).tolist()  # left with left, left with right, ..
        both = products[0][0] + products[1][1]
        side = self._side.step(max(0.5 * both - products[0][1], 0.0))
        whole = self._all.step(both)
        value = self._here.step(0.0 if hop.silent else 1.0) * min(side / max(whole, 1e-12), 1.0)
        return (value if value > 1e-4 else 0.0,)
