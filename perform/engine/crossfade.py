"""Two decks and a fader between them: how a model comes in on stage. The main thread's half of it."""

from __future__ import annotations

from models.knobs import Knob, text

DECKS = ("A", "B")
RESTING_BPM = 120.0  # what a beat is while nobody has found one


def deck_knobs() -> tuple[Knob, ...]:
    """The knobs of the decks, for the tree under `deck`."""
    return (
        Knob("mix", 0.0, 0.0, 1.0, "", "the fader between the decks: 0 is A, 1 is B, both networks run between"),
        Knob("fade", 4.0, 0.0, 64.0, "beats", "how long a model takes to come in; 0 cuts"),
        text("a.load", "load a model into deck A, by name or file, while B is on the wall"),
        text("b.load", "load a model into deck B, by name or file, while A is on the wall"),
    )


class Crossfade:
    """Moves the fader to a deck over some beats, until a hand takes it. Main thread."""

    def __init__(self) -> None:
        self._goal: float | None = None
        self._left_at = 0.0

    def begin(self, deck: int, mix: float) -> None:
        """Go to `deck` from where the fader stands."""
        self._goal, self._left_at = float(deck), mix

    @property
    def going(self) -> bool:
        """Whether a fade is under way."""
        return self._goal is not None

    def step(self, mix: float, beats: float, bpm: float, dt: float) -> float:
        """Where the fader stands after `dt` seconds: `mix` goes to the goal in `beats` at the tempo `bpm`.

        A fader that is not where it was left has been moved by a hand: the fade is over, the hand has it.
        """
        if self._goal is None:
            return mix
        if abs(mix - self._left_at) > 1e-6:
            self._goal = None
            return mix
        seconds = beats * 60.0 / (bpm if bpm > 0 else RESTING_BPM)
        step = dt / seconds if seconds > 0 else 1.0
        mix = min(mix + step, self._goal) if self._goal > mix else max(mix - step, self._goal)
        self._left_at = mix
        if mix == self._goal:
            self._goal = None
        return mix
