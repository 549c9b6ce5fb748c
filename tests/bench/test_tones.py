"""The measures of `perform bench tones` against mir_eval's, and one piece and one solo of it."""

from __future__ import annotations

import io

import numpy as np
import pytest

from perform.bench.tones import Note, hear, key_score, midi_file, piece, play, raw_pitch_accuracy, solo


@pytest.mark.parametrize("home", range(12))
def test_keys_are_scored_as_mir_eval_does(home: int) -> None:
    key = pytest.importorskip("mir_eval.key")
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    for major in (True, False):
        for said in range(12):
            for said_major in (True, False):
                words = [f"{names[h]} {'major' if m else 'minor'}" for h, m in ((home, major), (said, said_major))]
                assert key_score(home, major, said, said_major) == key.weighted_score(*words)


def test_pitch_is_scored_as_mir_eval_does() -> None:
    melody = pytest.importorskip("mir_eval.melody")
    random = np.random.default_rng(0)
    notes = solo(random, 6.0)
    times = np.arange(600) * 0.01
    truth = np.zeros(600)
    for note in notes:
        truth[(times >= note.start) & (times < note.start + note.length)] = 440 * 2 ** ((note.midi - 69) / 12)
    said = np.where(truth > 0, truth, 220.0) * 2 ** (random.normal(0, 0.05, 600))
    voiced, cents = melody.freq_to_voicing(truth)[1], melody.hz2cents(truth)
    theirs = melody.raw_pitch_accuracy(voiced, cents, np.ones(600), melody.hz2cents(said))
    assert raw_pitch_accuracy(notes, times, said) == pytest.approx(theirs, abs=0.01)


def test_a_midi_file_is_one() -> None:
    mido = pytest.importorskip("mido")
    notes = [Note(0.5, 1.0, 60, 100, 2), Note(1.0, 30.0, 64, 90, 9)]
    read = mido.MidiFile(file=io.BytesIO(midi_file(notes, {2: 73})))
    assert read.length == pytest.approx(31.0, abs=0.01)
    assert [m.note for m in read if m.type == "note_on"] == [60, 64]


def test_key_and_pitch_of_what_is_made_up_here_are_heard() -> None:
    random = np.random.default_rng(3)
    names, _, rows = hear(play(piece(7, major=True, random=random, bars=5), random))
    said = dict(zip(names, rows[-200], strict=True))
    assert key_score(7, True, round(said["audio.key"] * 12) % 12, said["audio.key.major"] >= 0.5) >= 0.3
    notes = solo(random, 4.0)
    names, times, rows = hear(play(notes, random))
    hertz = 55.0 * 2 ** (5 * rows[:, names.index("audio.pitch")])
    assert raw_pitch_accuracy(notes, times, hertz) > 0.8
