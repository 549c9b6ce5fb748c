"""The clock of the ear: it runs on by itself, through breaks too, and is drawn to where the bar pointer sees the beat.

So beats are predicted: the phase reaches 1 when the beat sounds, not when it has been heard.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perform.audio.bar import Bar
from perform.audio.beat.activation import AGE, BEAT, FRAMES, ONE, Activation
from perform.audio.beat.bars import TURNS, Bars
from perform.audio.beat.front import BANDS
from perform.audio.beat.offbeat import NEAR, Offbeat, odds
from perform.audio.beat.periods import TEMPI, Periods
from perform.audio.beat.pointer import STEP, Pointer
from perform.audio.beat.weights import under
from perform.audio.levels import Follower

Floats = NDArray[np.float32]

LATE = 0.009  # seconds: how long after a beat its novelty has passed through the window
PULL, TURN = 0.25, 1.0  # seconds: how fast phase and period follow the pointer
FAR = 0.06  # a period that is off by more than this is another tempo
WRONG, PATIENCE, HASTE = 0.15, 0.4, 0.15  # beats; seconds of disagreement before a jump, when sure and when not
OCTAVES = (1.0, 2.0, 0.5)  # how often the pointer may beat in a beat of the clock, and both be right
HOLD, HELD = 30.0, 0.5  # seconds of another octave before a jump at most; as a share of the time at this tempo
SURE = 0.2  # below this the pointer has not made up its mind
APART = 0.4  # beats: no two beats are nearer
SOONEST = 64  # frames before the networks are asked
EVERY = 24  # frames between two questions
COUNTED, TOLD, LEANING = 0.2, 0.7, 0.2  # weight of an answer: of the tempo (periods, activation), of the off-beat
SETTLE = 0.15  # share of a new answer of the tempo (activation)
FAINT, CLEAR, LEAST = 0.25, 0.7, 0.15  # the best answer of late that is no beat, and a beat; what no beat counts
LINGER = 3.0  # seconds over which the best answer is forgotten
ATTACK, STRIKE = 0.15, 0.4  # seconds after which novelty is old; of how much an answer counts (in breaks it dreams on)
DOUBT = 0.004  # least chance that is given to a tempo
LEARNED = 256 / 48000  # seconds a hop in the music that the networks learned from


class Tracker:
    """One `step` a hop. One thread."""

    def __init__(self, weights: Mapping[str, Any], centres: NDArray[np.floating], dt: float) -> None:
        """`weights` of the three networks, as "activation.", "tempi." and "bars."; `centres` of the mel bands (hertz);
        `dt` a hop."""
        self._dt, self._frame = dt, STEP * dt
        self._ago = AGE * FRAMES * STEP * dt
        self._pointer = Pointer(dt, AGE * FRAMES * STEP - LATE / dt)  # to it a beat is when its novelty is
        self._activation = Activation(under("activation.", weights))
        self._periods = Periods(under("tempi.", weights), centres, self._frame)
        self._bars = Bars(under("bars.", weights), centres)
        self._counted = _Classes(self._pointer.bpm)
        self._told = _Classes(self._pointer.bpm * dt / LEARNED)  # it knows no seconds, only steps
        self._tempo = np.zeros(len(TEMPI) - 1, np.float32)
        self._bar = Bar()
        self._now, self._rise = np.zeros(BANDS, np.float32), np.zeros(BANDS, np.float32)
        self._novelty = 0.0
        self._hops = 0
        self.period = 0.5
        self._phase = 0.0
        self._off = self._age = 0.0  # seconds of disagreement, and at this tempo
        self._offbeat = Offbeat()
        self._one = 0.0  # the chance that the beat that passes is a one
        self._heard = 0.0  # where in the beat the last answer was
        self._since = 1.0  # beats since the last one
        self._sure = Follower(0.3, 3.0, 2 * self._frame)
        self._clear = Follower(0.0, LINGER, FRAMES * self._frame)
        self._attack = Follower(0.0, ATTACK, self._frame)

    @property
    def phase(self) -> float:
        """0 on the beat, 1 just before the next."""
        return min(max(self._phase, 0.0), 1.0)

    @property
    def confidence(self) -> float:
        """How sure it is, 0..1: of one tempo and phase above all others, and that there are beats at all."""
        return self._sure.value * self._clarity

    @property
    def _clarity(self) -> float:
        """How much there is to go by: 1 where beats are heard, `LEAST` in a breakdown."""
        return min(max((self._clear.value - FAINT) / (CLEAR - FAINT), LEAST), 1.0)

    @property
    def count(self) -> int:
        """Which beat of the bar it is, from 0."""
        return self._bar.count

    def step(self, novelty: float, now: Floats, rise: Floats) -> bool:
        """One hop: how much is new in it (0..1), level and rise of the mel bands. Whether a beat begins in it."""
        self._hops += 1
        if self._hops % STEP:
            self._novelty = novelty
            self._now[:], self._rise[:] = now, rise
        else:
            self._hear(self._novelty + novelty, now, rise)
        ahead = self._dt / self.period
        self._phase += ahead
        self._since += ahead
        if self._phase < 1.0:
            return False
        self._phase -= 1.0
        if self._since < APART:
            return False
        self._since = self._phase
        self._bar.beat()
        return True

    def _hear(self, novelty: float, now: Floats, rise: Floats) -> None:
        """A frame is complete."""
        self._now += now
        self._now *= 0.5
        np.maximum(self._rise, rise, out=self._rise)
        self._pointer.step(novelty)
        self._attack.step(novelty)
        self._periods.add(self._rise)
        self._bars.add(self._now, self._rise)
        if self._activation.add(self._now, self._rise):
            self._believe()
        frames = self._hops // STEP
        if frames >= SOONEST and frames % EVERY == 0:
            self._count_tempo()
        elif frames >= 2 * SOONEST and frames % EVERY == EVERY // 2:
            self._place_bar()
        if frames % 2 == 0:
            self._steer()

    def _believe(self) -> None:
        """The network has answered."""
        chance, told = float(self._activation.seen[BEAT]), self._activation.tempo
        self._pointer.believe(odds(chance))
        self._clear.step(chance * min(self._attack.value / STRIKE, 1.0))
        phase = (self._phase - self._ago / self.period) % 1.0
        self._offbeat.hear(phase, chance)
        self._hear_one(phase, float(self._activation.seen[ONE]))
        chances = np.exp(told - told.max())
        self._tempo += (np.log(chances / chances.sum() + DOUBT) - self._tempo) * np.float32(SETTLE)

    def _hear_one(self, phase: float, chance: float) -> None:
        """A moment of the beat and the chance that a bar began there."""
        if phase < NEAR or phase > 1.0 - NEAR:
            self._one = max(self._one, chance)
        if self._heard < 0.5 <= phase:
            self._bar.hear(odds(self._one), int(self._phase % 1.0 < phase))
            self._one = 0.0
        self._heard = phase

    def _count_tempo(self) -> None:
        """Ask at which tempo this would be counted."""
        chance = COUNTED * self._counted.of(np.log(self._periods.read() + DOUBT)) + TOLD * self._told.of(self._tempo)
        self._pointer.prefer(np.exp(chance - chance.max()).astype(np.float32))

    def _place_bar(self) -> None:
        """Ask whether it is the beat or the off-beat, and which beat is the one."""
        chances = self._bars.read(self.period / self._frame, self._phase % 1.0)
        self._offbeat.fold(float(chances[::2].sum()))
        if self._offbeat.contrary:
            self._offbeat.turn()
            self._pointer.turn_over()
            self._phase += 0.5 if self._phase < 0.5 else -0.5
            return
        if self._offbeat.log_odds > 0.0:
            on = 1.0 / (1.0 + math.exp(-LEANING * self._offbeat.log_odds))
            self._pointer.lean(self.period, self._phase - LATE / self.period, on)
        self._bar.weigh([float(chances[turn]) + 0.02 for turn in range(0, TURNS, 2)])

    def _steer(self) -> None:
        """Draw the clock to the pointer, every other frame."""
        self._pointer.forget(2)
        period, phase, sure = self._pointer.read()
        self._sure.step(sure)
        step = 2 * self._frame
        self._age += step
        phase += LATE / period
        octave = next((ratio for ratio in OCTAVES if abs(period * ratio / self.period - 1.0) <= FAR), 0.0)
        if octave == 2.0:  # the pointer beats twice as often
            error = _nearest(phase - 2.0 * self._phase) / 2.0
        else:
            error = _nearest(phase * (2.0 if octave == 0.5 else 1.0) - self._phase)
        wrong = octave != 1.0 or abs(error) > WRONG
        self._off = self._off + step if wrong else 0.0
        clarity = self._clarity
        patience = (HASTE + (PATIENCE - HASTE) * min(self._sure.value * 1.5, 1.0)) / clarity
        if octave in (0.5, 2.0):
            patience = max(patience, min(HOLD, HELD * self._age))
        if wrong and sure > SURE and self._off > patience:
            self._jump(period, phase, octave)
            return
        weight = min(1.0, sure * 1.5) * clarity**2  # so that it runs on by itself where nothing beats
        if octave:
            self.period += (period * octave - self.period) * (1.0 - math.exp(-step / TURN)) * weight
        self._phase += error * (1.0 - math.exp(-step / PULL)) * weight

    def _jump(self, period: float, phase: float, octave: float) -> None:
        """Go on from where the pointer is."""
        error = _nearest(phase - self._phase)
        self.period, self._off = period, 0.0
        self._phase += error
        if octave != 1.0:
            self._offbeat.forget()
            self._age = 0.0
        elif abs(error) > 0.25:
            self._offbeat.turn()


def _nearest(beats: float) -> float:
    """The way to the nearest beat, -0.5 to 0.5."""
    return (beats + 0.5) % 1.0 - 0.5


class _Classes:
    """Chances of classes of tempo (`periods.TEMPI`) as chances of the tempi of the pointer.

    In between by cubics (Catmull-Rom): a bell over three classes keeps its top where it is, and is not drawn to the
    middle of a class.
    """

    def __init__(self, bpm: NDArray[np.floating]) -> None:
        place = np.log2(bpm / TEMPI[0]) / np.log2(TEMPI[1] / TEMPI[0]) - 0.5
        place = np.clip(place, 0.0, len(TEMPI) - 2.0)
        low = np.floor(place)
        part = place - low
        self._at = np.clip(low[:, None] + np.arange(-1, 3), 0, len(TEMPI) - 2).astype(np.intp)
        self._shares = 0.5 * np.stack(
            [
                -part + 2 * part**2 - part**3,
                2 - 5 * part**2 + 3 * part**3,
                part + 4 * part**2 - 3 * part**3,
                -(part**2) + part**3,
            ],
            axis=1,
        )

    def of(self, chances: Floats) -> Floats:
        """[tempi] of logarithms of chances [classes]."""
        return np.asarray(np.einsum("tn,tn->t", chances[self._at], self._shares), np.float32)
