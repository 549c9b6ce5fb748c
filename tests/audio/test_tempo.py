from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from perform.audio.analysis import Analysis
from perform.audio.track import Track

RATE = 48000


def beats_of(sound: np.ndarray, rate: int = RATE) -> tuple[np.ndarray, np.ndarray]:
    """When beats were announced, and (time, bpm, phase, confidence, bar) hop by hop [n, 5]."""
    analysis = Analysis(rate)
    size = round(analysis.hop_seconds * rate)
    beats: list[float] = []
    rows = []
    for start in range(0, len(sound) - size + 1, size):
        now: dict[str, float] = {}
        for event in analysis.feed(sound[start : start + size], (start + size) / rate):
            now[event.name] = float(event.value)
            if event.name == "beat.pulse":
                beats.append(event.time)
        rows.append(
            ((start + size) / rate, now["beat.bpm"], now["beat.phase"], now["beat.confidence"], now["bar.phase"])
        )
    return np.array(beats), np.array(rows)


def errors(beats: np.ndarray, period: float, first: float = 0.0) -> np.ndarray:
    """How late each beat is against an even grid (seconds)."""
    return (beats - first + period / 2) % period - period / 2


def drums(bpm: float, seconds: float, rate: int = RATE) -> np.ndarray:
    """Kick on each beat, snare on two and four, hats between, made by the book; first beat at 0.1 s."""
    random = np.random.default_rng(5)
    t = np.arange(int(0.15 * rate)) / rate
    kick = np.sin(2 * np.pi * (50 * t + 5 * (1 - np.exp(-t * 40)))) * np.exp(-t * 20)
    snare = random.standard_normal(len(t)) * np.exp(-t * 35) * 0.5
    hat = np.diff(random.standard_normal(len(t)), prepend=0) * np.exp(-t * 90) * 0.15
    sound = random.standard_normal(int((seconds + 1) * rate)) * 1e-3
    for eighth in range(int((seconds - 0.5) * bpm / 30)):
        at = int((0.1 + eighth * 30 / bpm) * rate)
        sound[at : at + len(t)] += hat
        if eighth % 2 == 0:
            sound[at : at + len(t)] += kick if eighth % 4 == 0 else kick * 0.6 + snare
    return sound[: int(seconds * rate)]


def test_the_built_in_track_is_found_and_kept_to_its_end(track: Track, say: Callable[[str], None]) -> None:
    """The whole track with its break: tempo within 2 %, beats within 30 ms (median) from the sixth second on."""
    beats, rows = beats_of(track.samples.mean(axis=1))
    late = errors(beats[beats > 6], 60 / track.bpm)
    bpm = rows[rows[:, 0] > 6, 1]
    say(f"built-in track: beat error median {np.median(late) * 1e3:.1f} ms, sd {late.std() * 1e3:.1f} ms")
    assert np.abs(bpm / track.bpm - 1).max() < 0.02
    assert np.median(np.abs(late)) < 0.010
    assert np.abs(late).max() < 0.030
    places = np.interp(np.array(track.downbeats[10:]) + 0.05, rows[:, 0], rows[:, 4])
    assert (places < 0.1).mean() > 0.9  # the one is where it is written, from the tenth bar on
    assert len(beats[beats > 6]) == pytest.approx(sum(1 for beat in track.beats if beat > 6), abs=1)


@pytest.mark.parametrize("bpm", [76.0, 95.0, 120.0, 140.0, 172.0])
def test_drums_of_many_tempi(bpm: float) -> None:
    beats, rows = beats_of(drums(bpm, 12))
    ratio = float(np.median(rows[rows[:, 0] > 8, 1])) / bpm
    assert min(abs(ratio - octave) for octave in (0.5, 1.0, 2.0)) < 0.02
    late = errors(beats[beats > 8], 60 / bpm / (2 if ratio > 1.5 else 1), 0.1)
    assert np.median(np.abs(late)) < 0.03


def test_it_runs_on_through_a_break(track: Track) -> None:
    sound = np.concatenate([drums(120, 10.1), np.zeros(4 * RATE)])
    beats, rows = beats_of(sound)
    late = errors(beats[beats > 7], 0.5, 0.1)
    assert len(beats[beats > 10]) >= 7
    assert np.abs(late).max() < 0.06
    assert rows[-1, 3] < rows[int(10 / 14 * len(rows)), 3]


def test_a_breakdown_does_not_lead_it_astray() -> None:
    """Sixteen seconds of a chord between drums: it runs on by itself, and is right again 1.5 s after they come back."""
    t = np.arange(16 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * hertz * t + at) for at, hertz in enumerate((110, 165, 220, 277))) * 0.05
    swell = chord * (1 + 0.2 * np.sin(2 * np.pi * 0.1 * t))
    beats, rows = beats_of(np.concatenate([drums(120, 12), swell, drums(120, 6)]))
    inside = beats[(beats > 14) & (beats < 28)]
    assert len(inside) >= 26
    assert np.abs(errors(inside, 0.5, 0.1)).max() < 0.1
    assert np.abs(errors(beats[beats > 29.5], 0.5, 0.1)).max() < 0.03
    assert rows[int(27 / 34 * len(rows)), 3] < 0.3


def test_it_finds_a_new_tempo() -> None:
    _, rows = beats_of(np.concatenate([drums(100, 9), drums(128, 12)]))
    assert rows[int(9 / 21 * len(rows)) - 10, 1] == pytest.approx(100, rel=0.02)
    assert rows[-1, 1] == pytest.approx(128, rel=0.02)


def test_the_phase_rises_evenly_from_beat_to_beat() -> None:
    _, rows = beats_of(drums(120, 10))
    phase = rows[rows[:, 0] > 7, 2]
    step = np.diff(phase)
    assert ((step > 0) | (step < -0.9)).all()
    assert phase.min() < 0.02
    assert phase.max() > 0.98


def test_silence_and_noise_are_no_beat() -> None:
    _, rows = beats_of(np.zeros(3 * RATE))
    assert not rows[:, 3].any()
    _, rows = beats_of(np.random.default_rng(0).standard_normal(8 * RATE) * 0.1)
    assert rows[-1, 3] < 0.5


def test_the_level_of_the_room_does_not_matter(groove: np.ndarray) -> None:
    quiet, loud = beats_of(groove * 0.01)[0], beats_of(groove)[0]
    late = [np.abs(loud - beat).min() for beat in quiet[quiet > 6]]
    assert max(late) < 0.02


@pytest.mark.parametrize("bpm", [100.0, 128.0])
def test_noise_does_not_hide_the_beat(bpm: float) -> None:
    sound = drums(bpm, 12)
    hiss = np.random.default_rng(4).standard_normal(len(sound))
    hiss *= np.sqrt(np.mean(sound**2) / np.mean(hiss**2)) * 10 ** (-15 / 20)
    beats, rows = beats_of(sound + hiss)
    assert rows[-1, 1] == pytest.approx(bpm, rel=0.02)
    assert np.median(np.abs(errors(beats[beats > 6], 60 / bpm, 0.1))) < 0.015


def test_it_goes_along_with_a_ramp() -> None:
    """From 110 to 122 bpm in 20 s; a beat is announced for when it comes, not for when it would have come."""
    seconds = 20.0
    sound = drums(110, 24)
    rate = np.linspace(1.0, 122 / 110, int(seconds * RATE))
    places = np.cumsum(rate)
    ramp = np.interp(places, np.arange(len(sound)), sound)
    truth = np.interp((0.1 + np.arange(0, 20, 60 / 110)) * RATE, places, np.arange(len(places))) / RATE
    beats, rows = beats_of(ramp)
    late = np.array([beat - truth[np.abs(truth - beat).argmin()] for beat in beats if 8 < beat < 18])
    assert rows[-1, 1] == pytest.approx(122, rel=0.03)
    assert np.abs(late).max() < 0.05
