"""The built-in track: one minute of house music, made by arithmetic alone.

It plays when there is no sound input, it is the material of the tests, and its beats and drum hits are known to the
sample. 125 bpm at 48 kHz makes a beat of exactly 23,040 samples; 32 bars (61.44 s) that loop without a seam: tails and
reverberation of the end run into the start.

    bars  0-3   kick, pad            bars 16-19  break: pad and arpeggio, snare roll and riser from 18
    bars  4-7   + bass, hats         bars 20-27  everything, brighter
    bars  8-15  + clap, arpeggio     bars 28-31  bass and arpeggio leave, fill into the start
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perform.audio.file import write_sound

Floats = NDArray[np.float32]

RATE = 48000
BPM = 125.0
BEAT = 23040  # samples
STEP = BEAT // 4
BARS = 32
LENGTH = BARS * 4 * BEAT
VERSION = 2

# One chord a bar, as MIDI notes of the pad; the bass plays the first, two octaves down. Am9, Fmaj7, Cmaj9/G, Em7.
CHORDS = ((57, 60, 64, 67, 71), (53, 60, 64, 69, 72), (55, 60, 64, 67, 74), (52, 59, 62, 67, 74))


@dataclass(frozen=True, slots=True)
class Track:
    """Samples [N, 2] at `rate`, and when its beats, bars and drums happen, in seconds from its start."""

    samples: Floats
    rate: int
    bpm: float
    beats: tuple[float, ...]
    downbeats: tuple[float, ...]
    kicks: tuple[float, ...]
    snares: tuple[float, ...]
    hats: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """What is played where: sample positions of each drum with how loud."""

    kicks: tuple[tuple[int, float], ...]
    snares: tuple[tuple[int, float], ...]
    hats: tuple[tuple[int, float], ...]
    open_hats: tuple[tuple[int, float], ...]


def builtin_track(seed: int = 7) -> Track:
    """The track, rendered now (about a second). The same seed gives the same samples on one machine."""
    random = np.random.default_rng(seed)
    score = _score()
    dry = np.zeros((LENGTH, 2), np.float32)
    wet = np.zeros(LENGTH, np.float32)
    _drums(dry, wet, score, random)
    duck = _duck(score)
    _bass(dry, duck)
    _pads(dry, wet, duck)
    _arpeggio(dry, wet, random)
    _riser(dry, wet, random)
    mix = dry + _reverb(wet, random) * duck[:, None] ** 0.5
    mix -= mix.mean(axis=0)
    mix = np.tanh(mix * (1.25 / np.float32(np.percentile(np.abs(mix[::7]), 99.9))))
    mix *= 0.89 / np.abs(mix).max()
    beats = tuple(n * BEAT / RATE for n in range(BARS * 4))

    def seconds(hits: tuple[tuple[int, float], ...]) -> tuple[float, ...]:
        return tuple(at / RATE for at, _ in sorted(hits))

    return Track(
        mix.astype(np.float32), RATE, BPM, beats, beats[::4],
        seconds(score.kicks), seconds(score.snares), seconds(score.hats + score.open_hats),
    )  # fmt: skip


def builtin_file() -> Path:
    """The track as a WAV in the user's cache, rendered the first time. Safe to call from several processes at once."""
    name = f"perform-track-{VERSION}.wav"
    home = os.environ.get("XDG_CACHE_HOME") or (Path.home() / ".cache" if "HOME" in os.environ else "")
    folders = [Path(home) / "perform"] if home else []
    folders.append(Path(tempfile.gettempdir()))
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    track = builtin_track()
    for folder in folders:
        part = folder / f".{name}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_sound(part, track.samples, track.rate)
            part.replace(folder / name)
        except OSError:
            part.unlink(missing_ok=True)
            continue
        return folder / name
    raise OSError("there is no place to write the built-in track to: neither the user's cache nor the temporary folder")


def _score() -> Score:
    kicks, snares, hats, opens = [], [], [], []
    for bar in range(BARS):
        start = bar * 4 * BEAT
        brk, fill = 16 <= bar < 20, bar in (15, 31)
        if not brk:
            kicks += [(start + beat * BEAT, 1.0) for beat in range(3 if bar == 15 else 4)]
            if 20 <= bar < 28 and bar % 2:
                kicks.append((start + 15 * STEP, 0.7))
        if 8 <= bar < 16 or bar >= 20:
            snares += [(start + beat * BEAT, 1.0) for beat in (1, 3)]
        if fill:
            snares += [(start + step * STEP, 0.5 + 0.1 * (step - 12)) for step in (13, 14, 15)]
        if bar >= 4 and not brk:
            soft = {0: 0.55, 1: 0.35, 3: 0.4}
            hats += [(start + step * STEP, soft[step % 4]) for step in range(16) if step % 4 != 2]
            opens += [(start + step * STEP, 0.8) for step in (2, 6, 10, 14)]
        if bar == 18:
            snares += [(start + step * STEP, 0.2 + 0.02 * step) for step in range(0, 16, 2)]
        if bar == 19:
            snares += [(start + step * STEP, 0.4 + 0.03 * step) for step in range(16)]
    return Score(tuple(kicks), tuple(snares), tuple(hats), tuple(opens))


def _add(out: Floats, sound: Floats, at: int, gain: float) -> None:
    """Add a one-shot at a sample position; what runs over the end goes to the start."""
    at %= len(out)
    first = min(len(sound), len(out) - at)
    out[at : at + first] += gain * sound[:first]
    if first < len(sound):
        out[: len(sound) - first] += gain * sound[first:]


def _seconds(length: float) -> Floats:
    return np.arange(int(length * RATE), dtype=np.float32) / np.float32(RATE)


def _fade(sound: Floats, length: int = 240) -> Floats:
    """Take the click out of the end."""
    sound[-length:] *= np.linspace(1, 0, length, dtype=np.float32)
    return sound


def _kick() -> Floats:
    t = _seconds(0.36)
    sweep = 46 * t + (170 / 38) * (1 - np.exp(-38 * t)) + (900 / 300) * (1 - np.exp(-300 * t)) * 0.35
    body = np.sin(2 * np.pi * sweep) * np.exp(-t * 11) * (1 - np.exp(-t * 2500))
    return _fade(np.tanh(1.6 * body).astype(np.float32))


def _noise(length: float, low: float, high: float, random: np.random.Generator) -> Floats:
    """Noise between two frequencies, peak 1."""
    count = int(length * RATE)
    spectrum = np.fft.rfft(random.standard_normal(count))
    f = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= 1 / (1 + (low / np.maximum(f, 1)) ** 6) / (1 + (f / high) ** 6)
    sound = np.fft.irfft(spectrum, count)
    return np.asarray(sound / np.abs(sound).max(), np.float32)


def _clap(random: np.random.Generator) -> Floats:
    t = _seconds(0.24)
    noise = _noise(0.24, 900, 7000, random)
    bursts = sum(np.where(t >= start, np.exp(-(t - start) * 180), 0) for start in (0.0, 0.009, 0.019))
    tail = np.where(t >= 0.026, np.exp(-(t - 0.026) * 22), 0)
    snap = 0.5 * np.sin(2 * np.pi * 190 * t) * np.exp(-t * 35)
    return _fade((noise * (0.7 * bursts + 0.8 * tail) + snap).astype(np.float32))


def _hat(length: float, fall: float, random: np.random.Generator) -> Floats:
    t = _seconds(length)
    metal = sum(np.sign(np.sin(2 * np.pi * f * t)) for f in (3117.0, 4203.0, 5391.0, 6787.0, 7919.0))
    sound = _noise(length, 7000, 16000, random) + 0.08 * np.diff(metal, prepend=metal[:1])
    return _fade((sound * np.exp(-t * fall)).astype(np.float32), 120)


def _drums(dry: Floats, wet: Floats, score: Score, random: np.random.Generator) -> None:
    kick, clap = _kick(), _clap(random)
    closed, opened = _hat(0.06, 75, random), _hat(0.22, 17, random)
    for at, gain in score.kicks:
        _add(dry[:, 0], kick, at, 0.66 * gain)
        _add(dry[:, 1], kick, at, 0.66 * gain)
    for at, gain in score.snares:
        _add(dry[:, 0], clap, at, 0.62 * gain)
        _add(dry[:, 1], clap, at, 0.56 * gain)
        _add(wet, clap, at, 0.25 * gain)
    for hits, sound, sides in ((score.hats, closed, (0.24, 0.34)), (score.open_hats, opened, (0.30, 0.23))):
        for at, gain in hits:
            _add(dry[:, 0], sound, at, sides[0] * gain)
            _add(dry[:, 1], sound, at, sides[1] * gain)


def _duck(score: Score) -> Floats:
    """The side chain [N]: all that sounds steps back for the kick, and comes back by the next off-beat."""
    t = _seconds(0.34)
    dip = (np.exp(-((t / 0.16) ** 2)) * np.minimum(1, t / 0.004)).astype(np.float32)
    duck = np.zeros(LENGTH, np.float32)
    for at, gain in score.kicks:
        _add(duck, dip, at, 0.8 * gain)
    return 1 - np.minimum(duck, 0.85)


def _hertz(note: float) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _table(brightness: float, partials: int) -> Floats:
    """One cycle of a saw [4096] whose partials fall off by `brightness` (0 dull .. 1 a plain saw)."""
    cycle = np.arange(4096) / 4096
    wave = sum(
        np.sin(2 * np.pi * n * cycle + 0.3 * n * n) / n ** (1.0 + 1.2 * (1 - brightness)) for n in range(1, partials)
    )
    return np.asarray(wave / np.abs(wave).max(), np.float32)


def _wave(table: Floats, hertz: float, count: int, phase: float = 0.0) -> Floats:
    """`count` samples of a cycle read at `hertz`."""
    step = int(hertz / RATE * 2**32)
    place = (np.arange(count, dtype=np.uint32) * np.uint32(step) + np.uint32(int(phase * 2**32) % 2**32)) >> np.uint32(
        20
    )
    wave: Floats = table[place]
    return wave


def _bass(dry: Floats, duck: Floats) -> None:
    table = _table(0.55, 14)
    rhythm = ((2, 0.9), (3, 0.6), (6, 1.0), (7, 0.6), (10, 0.9), (11, 0.7), (14, 1.0), (15, 0.5))
    line = np.zeros(LENGTH, np.float32)
    t = _seconds(1.6 * STEP / RATE)
    fall = (np.exp(-t * 9) * np.minimum(1, t / 0.003)).astype(np.float32)
    for bar in range(4, 28):
        if 16 <= bar < 20:
            continue
        note = CHORDS[bar % 4][0] - 24
        for step, gain in rhythm:
            up = 12 if bar % 4 == 3 and step in (7, 15) else 0
            hertz = _hertz(note + up)
            sound = _wave(table, hertz, len(t)) * fall + 0.7 * np.sin(2 * np.pi * hertz * t) * np.exp(-t * 6)
            _add(line, _fade(sound.astype(np.float32), 480), bar * 4 * BEAT + step * STEP, gain)
    dry += (0.26 * line * duck)[:, None]


def _pads(dry: Floats, wet: Floats, duck: Floats) -> None:
    count = 4 * BEAT + BEAT // 2
    t = np.arange(count, dtype=np.float32) / np.float32(count)
    shape = np.minimum(np.minimum(1, t * 12), np.minimum(1, (1 - t) * 8)).astype(np.float32)
    for place, chord in enumerate(CHORDS):
        dull, bright = np.zeros((2, count, 2), np.float32)
        for part, table in ((dull, _table(0.0, 12)), (bright, _table(0.75, 26))):
            for voice, note in enumerate(chord):
                for side in (0, 1):
                    for detune in (-0.07, 0.05):
                        cents = detune * (1 if side else -1)
                        part[:, side] += _wave(table, _hertz(note + cents), count, 0.13 * voice + 0.37 * side + detune)
        for bar in range(place, BARS, 4):
            open_from, open_to = _openness(bar), _openness(bar + 1)
            mix = (open_from + (open_to - open_from) * t)[:, None]
            sound = (dull * (1 - mix) + bright * mix * 0.6) * shape[:, None]
            at = bar * 4 * BEAT
            span = np.arange(at, at + count) % LENGTH
            ducked = sound * duck[span, None]
            for side in (0, 1):
                _add(dry[:, side], ducked[:, side], at, 0.075)
            _add(wet, sound.mean(axis=1), at, 0.09)


def _openness(bar: int) -> float:
    """How bright the pad is at the start of a bar, 0..1."""
    bars = (0, 4, 8, 16, 20, 28, 32)
    return float(np.interp(bar, bars, (0.1, 0.3, 0.35, 0.1, 1.0, 0.5, 0.1)))


def _arpeggio(dry: Floats, wet: Floats, random: np.random.Generator) -> None:
    table = _table(0.4, 10)
    t = _seconds(0.28)
    fall = (np.exp(-t * 14) * np.minimum(1, t / 0.002)).astype(np.float32)
    order = (0, 2, 4, 1, 3, 4, 2, 3)
    line = np.zeros((LENGTH, 2), np.float32)
    for bar in range(8, 28):
        chord = CHORDS[bar % 4]
        for step in range(16):
            if step % 16 in (0, 5, 11) and bar < 16:
                continue
            note = chord[order[(step + bar) % 8]] + 12 + (12 if bar >= 20 and step % 8 == 6 else 0)
            gain = (0.6 + 0.4 * (step % 4 == 2)) * float(random.uniform(0.8, 1.0))
            sound = _fade(_wave(table, _hertz(note), len(t)) * fall)
            side = 0.5 + 0.4 * float(np.sin(step * 2.1 + bar))
            for delay, level in ((0, 1.0), (3 * STEP, 0.4), (6 * STEP, 0.16)):
                at = bar * 4 * BEAT + step * STEP + delay
                left = side if delay != 3 * STEP else 1 - side
                _add(line[:, 0], sound, at, gain * level * left)
                _add(line[:, 1], sound, at, gain * level * (1 - left))
    dry += 0.27 * line
    wet += 0.11 * line.sum(axis=1)


def _riser(dry: Floats, wet: Floats, random: np.random.Generator) -> None:
    """Noise that rises through bars 18 and 19, and a crash on the first beat of bars 8 and 20."""
    count = 8 * BEAT
    rise = np.linspace(0, 1, count, dtype=np.float32)
    low, high = _noise(count / RATE, 500, 2500, random), _noise(count / RATE, 3000, 12000, random)
    sound = (low * (1 - rise) + high * rise) * rise**2
    start = 18 * 4 * BEAT
    dry[start : start + count] += 0.22 * sound[:, None]
    t = _seconds(2.0)
    crash = _fade(_noise(2.0, 4000, 15000, random) * np.exp(-t * 2.2).astype(np.float32), 4800)
    for bar in (8, 20):
        _add(wet, crash, bar * 4 * BEAT, 0.10)
        _add(dry[:, 0], crash, bar * 4 * BEAT, 0.20)
        _add(dry[:, 1], crash, bar * 4 * BEAT, 0.17)


def _reverb(send: Floats, random: np.random.Generator) -> Floats:
    """A room [N, 2] for the send [N]: two noise tails of 1.6 s, convolved around the loop so that it has no seam."""
    t = np.arange(int(1.6 * RATE)) / RATE
    spectrum = np.fft.rfft(send)  # of float32 where numpy can (2.0), at half the time
    out = np.zeros((LENGTH, 2), np.float32)
    for side in (0, 1):
        tail = random.standard_normal(len(t)) * np.exp(-t * 4.2) * np.minimum(1, t / 0.012)
        tail = tail - np.convolve(tail, np.full(64, 1 / 64), "same") * 0.9  # no rumble in the room
        out[:, side] = np.fft.irfft(
            spectrum * np.fft.rfft((tail / np.sqrt(np.sum(tail**2))).astype(np.float32), LENGTH), LENGTH
        )
    return 1.1 * out
