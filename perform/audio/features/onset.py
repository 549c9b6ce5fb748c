"""Where something begins: spectral flux and the onsets that stand out of it."""

from __future__ import annotations

from perform.audio.features import Signal
from perform.audio.levels import Follower, Striker
from perform.audio.spectrum import Hop

SIGNALS = (
    Signal(
        "audio.onset",
        "A pulse where any note or drum begins: 1 for the strongest of late, 0.3 for a faint one. Reported within two "
        "hops (11 ms) or so of the sound.",
        decay=0.15,
    ),
    Signal(
        "audio.flux",
        "How much is new in the sound right now: near 0 on a held chord, 1 on the strongest attack of late. "
        "Rises at once, falls in 0.08 s.",
    ),
)


class Feature:
    """Flux: the mean rise over all mel bands (Boeck and Widmer 2013), with an adaptive threshold, causal."""

    def __init__(self, hop: Hop) -> None:
        self._striker = Striker(hop.dt, spread=1.6, least=0.025, rest=0.06)
        self._flux = Follower(0.0, 0.08, hop.dt)

    def hear(self, hop: Hop) -> tuple[float, ...]:
        strength = 0.0 if hop.silent else hop.flux
        strike = self._striker.step(strength)
        flux = self._flux.step(min(1.0, strength / max(self._striker.peak, 0.08)))
        return strike, flux if flux > 1e-4 else 0.0
