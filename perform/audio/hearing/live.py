"""One piece through the analysis that the show runs, hop by hop, and when it said what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perform.audio.analysis import Analysis
from perform.audio.file import open_sound
from perform.audio.hearing.pieces import DRUMS, Times
from perform.engine.clock import thread_time

Floats = NDArray[np.float32]

ONSETS = ("onset", *DRUMS)
_CHUNK = 512  # hops that are read from the file at once
_FRAME = 1 / 60  # seconds between two frames of a show, which are told the continuous values


@dataclass
class Heard:
    """What the ear said of a piece.

    `beats` and `downbeats` are the moments for which they were announced; `onsets` those at which kick, snare, hat and
    any onset were reported: the end of the hop that gave them. `bpm` [hops] with `times` [hops]. `cost` [hops] is the
    processor time of each hop, `seconds` the length of the piece. A tracker that hears no bars has no `downbeats`, one
    that hears no drums has no `onsets` of them.
    """

    beats: Times
    downbeats: Times | None
    onsets: dict[str, Times]
    times: Times
    bpm: Times
    cost: Times
    seconds: float

    @property
    def cpu_percent(self) -> float:
        """Processor time for a second of sound, in percent of one core."""
        return 100.0 * float(self.cost.sum()) / max(self.seconds, 1e-9)


@dataclass
class Treatment:
    """What is done to the sound first: a level in dB and pink noise at a signal-to-noise ratio in dB (None: none)."""

    level: float = 0.0
    noise: float | None = None


@dataclass
class _Notes:
    beats: list[float] = field(default_factory=list)
    downbeats: list[float] = field(default_factory=list)
    onsets: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in ONSETS})
    times: list[float] = field(default_factory=list)
    bpm: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    told: float = 0.0  # when a frame was told last


def listen(path: Path, treatment: Treatment | None = None) -> Heard:
    """Hear a file from cold to its end, hop by hop and frame by frame as a show does. Raises UserError for what is not
    sound."""
    stream = open_sound(path)
    rate, notes = stream.rate, _Notes()
    analysis = Analysis(rate)
    size = round(analysis.hop_seconds * rate)
    frames = 0
    for block in _treated(stream.read, size * _CHUNK, treatment or Treatment()):
        for start in range(0, len(block) - size + 1, size):
            frames += size
            _hop(analysis, block[start : start + size], frames / rate, notes)
    stream.close()
    return Heard(
        np.array(notes.beats),
        np.array(notes.downbeats),
        {name: np.array(times) for name, times in notes.onsets.items()},
        np.array(notes.times),
        np.array(notes.bpm),
        np.array(notes.cost),
        frames / rate,
    )


def _hop(analysis: Analysis, block: Floats, time: float, notes: _Notes) -> None:
    began = thread_time()
    events, state = analysis.hear(block, time)
    if state is not None and time - notes.told >= _FRAME:
        analysis.tell(state)
        notes.told = time
    notes.cost.append(thread_time() - began)
    notes.times.append(time)
    notes.bpm.append(0.0 if state is None else state.beat.bpm)
    for event in events:
        match event.name:
            case "beat.pulse":
                notes.beats.append(event.time)
            case "bar.pulse":
                notes.downbeats.append(event.time)
            case name if name.startswith("audio.") and name[6:] in notes.onsets:
                notes.onsets[name[6:]].append(time)


def _treated(read: Callable[[int], Floats], size: int, treatment: Treatment) -> Iterator[Floats]:
    """Blocks of sound at another level and with noise in them; the noise follows the level of the block."""
    random = np.random.default_rng(1)
    gain = np.float32(10.0 ** (treatment.level / 20.0))
    while len(block := read(size)):
        if treatment.noise is not None:
            hiss = pink(len(block), random)
            power = float(np.mean(block.astype(np.float64) ** 2))
            hiss *= np.sqrt(power / max(float(np.mean(hiss**2)), 1e-12)) * 10.0 ** (-treatment.noise / 20.0)
            block = block + hiss[:, None].astype(np.float32)
        yield block * gain


def pink(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls with frequency [count], by shaping a white spectrum."""
    spectrum = np.fft.rfft(random.standard_normal(count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0))
    return np.fft.irfft(spectrum, count)
