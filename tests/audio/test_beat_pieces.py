"""The beat on whole pieces: twelve of our own, of as many kinds, through a free soundfont; and its parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perform.audio.analysis import Analysis
from perform.audio.bar import Bar
from perform.audio.beat.front import Front
from perform.audio.beat.periods import Periods, repeats
from perform.audio.beat.pointer import Pointer
from perform.audio.hearing.measures import beat_scores, tempo_scores
from perform.audio.spectrum import Hop
from perform.audio.training.compose import compose
from perform.audio.training.features import front, mel_power
from perform.audio.training.held import UNSEEN
from perform.audio.training.midi import Note, Song, read_midi, write_midi
from perform.audio.training.render import RATE, SOUNDFONTS, render
from perform.audio.training.songs import excerpt

SECONDS = 12.0
PIECES = 12


def pieces() -> list[Song]:
    """Twelve styles that differ, from seeds that were never learned from."""
    found: dict[str, Song] = {}
    seed = UNSEEN + 100
    while len(found) < PIECES:
        song = compose(seed)
        seed += 1
        starts = [note.start for note in song.notes]
        if song.style not in found and len(starts) > 60 and starts[10] < 4.0:
            found[song.style] = excerpt(song, 0.0, SECONDS)
    return list(found.values())


def heard(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When beats were announced, and the tempo hop by hop."""
    analysis = Analysis(RATE)
    beats, times, bpm = [], [], []
    for start in range(0, len(sound) - 255, 256):
        for event in analysis.feed(sound[start : start + 256], (start + 256) / RATE):
            if event.name == "beat.pulse":
                beats.append(event.time)
            elif event.name == "beat.bpm":
                bpm.append(float(event.value))
                times.append(event.time)
    return np.array(beats), np.array(times), np.array(bpm)


def test_twelve_pieces_of_as_many_styles(say: Callable[[str], None], missing: Callable[[object], None]) -> None:
    if shutil.which("fluidsynth") is None or not SOUNDFONTS["timgm"].is_file():
        missing("fluidsynth and timgm6mb-soundfont are not installed (Debian: the packages of these names)")
    rows = []
    for song in pieces():
        sound = render(song.notes, SOUNDFONTS["timgm"], SECONDS)
        beats, times, bpm = heard(sound / max(float(np.abs(sound).max()), 1e-6) * 0.5)
        truth = np.array(song.beats)
        row = beat_scores(truth, beats) | tempo_scores(truth, times, bpm)
        say(f"{song.style:20s} F {row['beat_f']:.2f} AMLt {row['amlt']:.2f} acc {row['acc1']:.0f} {row['acc2']:.0f}")
        rows.append(row)
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    say(f"mean {mean}")
    assert mean["beat_f"] > 0.9
    assert mean["acc2"] > 0.9
    assert mean["acc1"] > 0.9


def test_what_the_perceptrons_see_is_the_same_in_the_show_and_in_learning(groove: np.ndarray) -> None:
    sound = np.asarray(groove[: 3 * RATE // 256 * 256], np.float32)
    hop = Hop(RATE)
    live = Front(hop)
    now, rise = front(mel_power(sound), hop.dt)
    for number in range(len(now)):
        hop.step(sound[number * 256 : (number + 1) * 256])
        live.step(hop)
        assert np.abs(live.now - now[number]).max() < 1e-3
        assert np.abs(live.rise - rise[number]).max() < 1e-3


def test_what_repeats_is_found_at_its_lag() -> None:
    past = np.zeros((768, 6), np.float32)
    past[::47] = 1.0  # every half second
    dt = 0.5 / 47
    lags = np.geomspace(0.12, 4.2, 124)
    row = repeats(past, dt)[:124]
    assert lags[int(row.argmax())] == pytest.approx(0.5, rel=0.04)
    assert repeats(np.zeros((768, 6), np.float32), dt)[:-1].max() == 0.0


def test_the_memory_goes_round() -> None:
    """Read after more than its length, it knows the last frames and no more."""
    centres = Hop(RATE).centres
    weights = {f"{at}.weight": np.zeros((2, 745 if at == 0 else 2), np.float32) for at in (0, 2, 4)}
    weights |= {f"{at}.bias": np.zeros(2, np.float32) for at in (0, 2, 4)}
    one = Periods(weights, centres, 0.0107)
    random = np.random.default_rng(0)
    rows = random.random((1000, 40)).astype(np.float32)
    for row in rows:
        one.add(row)
    assert np.allclose(one.read(), 0.5)
    end = one._at + 768
    kept = one._past[end - one._count : end]
    assert np.allclose(kept[:, -1], rows[-768:].mean(axis=1), atol=1e-5)


def test_the_pointer_finds_even_beats_and_turns_over() -> None:
    pointer = Pointer(256 / RATE)
    for frame in range(700):
        pointer.step(2.0 if frame % 50 == 0 else 0.0)  # 0.533 s: 112.5 bpm
        if frame % 2:
            pointer.forget(2)
    period, phase, sure = pointer.read()
    assert period in (pytest.approx(0.533, rel=0.02), pytest.approx(1.067, rel=0.02), pytest.approx(0.267, rel=0.02))
    assert sure > 0.2
    pointer.turn_over()
    _, other, _ = pointer.read()
    assert abs((other - phase + 0.5) % 1.0 - 0.5) == pytest.approx(0.5, abs=0.05)


def test_the_one_moves_only_to_what_is_clearly_likelier() -> None:
    bar = Bar()
    for beat in range(32):
        bar.beat()
        chances = [0.85 if (beat - 3 + ago) % 4 == 2 else 0.05 for ago in range(4)]
        bar.weigh(chances)
    assert bar.count == (31 - 2) % 4
    before = bar.count
    bar.weigh([0.3, 0.2, 0.25, 0.25])
    assert bar.count == before


def test_the_one_is_heard_beat_by_beat_too() -> None:
    """Folded bars that know nothing, and beats that say by themselves which is the one."""
    bar = Bar()
    for beat in range(24):
        bar.beat()
        bar.hear(2.0 if (beat - 1) % 4 == 2 else -2.0, 1)  # said of the beat before
        bar.weigh([0.25] * 4)
    assert bar.count == (23 - 2) % 4


def test_midi_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    notes = [Note(0.5 * n, 0.25, 60 + n, 100, 9 if n % 2 else 0, 0 if n % 2 else 30) for n in range(16)]
    write_midi(tmp_path / "a.mid", notes)
    song = read_midi(tmp_path / "a.mid")
    assert [(n.pitch, n.velocity, n.channel, n.program) for n in song.notes] == [
        (n.pitch, n.velocity, n.channel, n.program) for n in notes
    ]
    assert np.allclose([n.start for n in song.notes], [n.start for n in notes], atol=1e-3)
    assert np.allclose(np.diff(song.beats), 0.5)
    assert np.allclose(np.diff(song.downbeats), 2.0)
    (tmp_path / "b.mid").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="is not a MIDI file"):
        read_midi(tmp_path / "b.mid")


def test_a_seed_is_a_piece() -> None:
    one, other = compose(17), compose(17)
    assert one.notes == other.notes
    assert one.beats == other.beats
    assert len(one.beats) > 4
    assert all(note.start >= 0 and 0 <= note.pitch < 128 for note in one.notes)
