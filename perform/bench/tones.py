"""How well key and pitch are heard: `perform bench tones`.

Pieces in all 24 keys and solo melodies, made up here from a seed, so that key and notes are known exactly. They are
played by a plain synthesiser of our own and, where fluidsynth and a General MIDI soundfont are installed, by that as
well (Debian: fluidsynth, fluid-soundfont-gm). The ear hears them live, hop by hop, and is not told what comes.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perform.audio.bank import Bank
from perform.audio.features.pitch import hertz_of
from perform.audio.file import read_sound
from perform.audio.spectrum import Hop
from perform.bench.report import Row

Floats = NDArray[np.float32]

RATE = 44100
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
PROGRESSIONS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (0, 3, 0, 4), (0, 5, 1, 4))  # degrees, first to last
SOUNDFONTS = ("/usr/share/sounds/sf2/FluidR3_GM.sf2", "/usr/share/sounds/sf2/default-GM.sf2",
              "/usr/share/sounds/sf2/TimGM6mb.sf2")  # fmt: skip
SOLOISTS = (0, 24, 40, 56, 65, 71, 73, 80)  # General MIDI: piano guitar violin trumpet sax clarinet flute lead
BEAT = 0.5
DRUMS = 9  # the channel


@dataclass(frozen=True, slots=True)
class Note:
    """`start` and `length` in seconds, `midi` 0..127, `velocity` 0..127, on a `channel`."""

    start: float
    length: float
    midi: int
    velocity: int
    channel: int


def piece(home: int, *, major: bool, random: np.random.Generator, bars: int = 12) -> list[Note]:
    """A piece of `bars` bars in one key: bass, chords, a melody that wanders through the scale, drums."""
    scale = MAJOR if major else MINOR
    progression = PROGRESSIONS[int(random.integers(len(PROGRESSIONS)))]
    notes, place = [], int(random.integers(7, 14))
    for bar in range(bars):
        degree, begin = progression[bar % 4], bar * 4 * BEAT
        raised = not major and degree == 4  # the leading note of the dominant, as minor pieces have it
        for step in (0, 2, 4):
            tone = _midi(home, scale, degree + step, 48) + (raised and step == 2)
            notes.append(Note(begin, 4 * BEAT * 0.95, tone, 70, 1))
        for beat in range(4):
            at = begin + beat * BEAT
            notes.append(Note(at, BEAT * 0.9, _midi(home, scale, degree, 36), 90, 0))
            notes.append(Note(at, 0.1, (36, 38)[beat % 2], 100, DRUMS))
            notes += [Note(at + half * BEAT / 2, 0.05, 42, 70, DRUMS) for half in (0, 1)]
            place = int(np.clip(place + random.integers(-2, 3), 7, 17))
            if random.random() < 0.85:
                notes.append(Note(at, BEAT * 0.9, _midi(home, scale, place, 48), 95, 2))
    return notes


def solo(random: np.random.Generator, seconds: float = 12.0) -> list[Note]:
    """One voice: notes of various lengths between G3 and C6, some legato, some with gaps."""
    notes, at, midi = [], 0.2, int(random.integers(60, 76))
    while at < seconds:
        length = float(random.choice([0.25, 0.375, 0.5, 0.75, 1.0]))
        notes.append(Note(at, length * float(random.choice([0.8, 1.0])), midi, 100, 2))
        at += length
        midi = int(np.clip(midi + random.integers(-5, 6), 55, 84))
    return notes


def play(notes: Sequence[Note], random: np.random.Generator) -> Floats:
    """Our own synthesiser [N]: decaying harmonics for notes, noise for drums."""
    sound = np.zeros(int((max(note.start + note.length for note in notes) + 0.5) * RATE), np.float32)
    for note in notes:
        t = np.arange(int((note.length + 0.03) * RATE)) / RATE
        if note.channel == DRUMS:
            wave = 0.5 * random.standard_normal(len(t)) * np.exp(-t / 0.03)
        else:
            hertz = 440.0 * 2 ** ((note.midi - 69) / 12)
            wave = np.zeros(len(t))
            for k in range(6):
                wave += 0.6**k * np.sin(2 * np.pi * hertz * (k + 1) * t) * (hertz * (k + 1) < 16000)
            wave *= np.exp(-t / 1.2) * np.minimum(t / 0.01, 1.0) * np.minimum((t[-1] - t) / 0.03, 1.0)
        at = int(note.start * RATE)
        part = sound[at : at + len(wave)]
        part += np.float32(note.velocity / 127 * 0.15) * wave[: len(part)]
    return sound


def midi_file(notes: Sequence[Note], programs: dict[int, int]) -> bytes:
    """The notes as a Standard MIDI File of one track, 480 ticks to half a second."""
    events = [(0.0, 0, bytes([0xC0 | channel, program])) for channel, program in programs.items()]
    for note in notes:
        events.append((note.start, 2, bytes([0x90 | note.channel, note.midi, note.velocity])))
        events.append((note.start + note.length, 1, bytes([0x80 | note.channel, note.midi, 0])))
    track, before = bytearray(), 0
    for time, _, message in sorted(events):
        now = round(time * 960)
        track += _variable(now - before) + message
        before = now
    track += b"\x00\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def render(notes: Sequence[Note], programs: dict[int, int], soundfont: str, folder: Path) -> Floats:
    """The notes by fluidsynth [N, 2]."""
    song, sound = folder / "song.mid", folder / "song.wav"
    song.write_bytes(midi_file(notes, programs))
    command = ["fluidsynth", "-ni", "-g", "0.5", "-r", str(RATE), "-F", str(sound), soundfont, str(song)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return read_sound(sound).stereo


def hear(sound: Floats) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """What the features of pitch say: names, times [T] (ends of hops), values [T, signals]."""
    hop = Hop(RATE)
    bank = Bank(hop, ["key", "pitch"])
    sides = sound if sound.ndim == 2 else np.repeat(sound[:, None], 2, axis=1)
    mono = np.asarray(sides.mean(axis=1), np.float32)
    rows = []
    for start in range(0, len(mono) - hop.size + 1, hop.size):
        hop.step(mono[start : start + hop.size], sides[start : start + hop.size])
        rows.append(bank.hear(hop))
    times = (np.arange(len(rows)) + 1) * hop.dt
    return [signal.name for signal in bank.signals], np.asarray(times, np.float64), np.array(rows, np.float64)


def key_score(home: int, major: bool, said_home: int, said_major: bool) -> float:
    """The weighted score of MIREX: 1 the key, 0.5 a fifth above, 0.3 the relative, 0.2 the parallel, else 0."""
    if (home, major) == (said_home, said_major):
        return 1.0
    if major == said_major and said_home == (home + 7) % 12:
        return 0.5
    if major != said_major and said_home == (home + (9 if major else 3)) % 12:
        return 0.3
    return 0.2 if home == said_home else 0.0


def raw_pitch_accuracy(notes: Sequence[Note], times: NDArray[np.float64], hertz: NDArray[np.float64]) -> float:
    """The share of the time in which a note sounds and the pitch said at that very moment is within 50 cents of it."""
    right = there = 0
    for note in notes:
        inside = (times >= note.start) & (times < note.start + note.length)
        cents = 1200.0 * np.log2(hertz[inside] / (440.0 * 2 ** ((note.midi - 69) / 12)))
        right += int((np.abs(cents) < 50.0).sum())
        there += int(inside.sum())
    return right / max(there, 1)


def bench_tones(solos: int = 8) -> list[Row]:
    """A row for each player: key accuracy over 24 pieces (exact, weighted), raw pitch accuracy of solos, live."""
    soundfont = next((one for one in SOUNDFONTS if Path(one).is_file()), "")
    players = ["synthesiser"] + (["fluidsynth"] if soundfont and shutil.which("fluidsynth") else [])
    rows = []
    for player in players:
        random = np.random.default_rng(7)
        with tempfile.TemporaryDirectory(prefix="perform-bench-") as folder:

            def sound(notes: Sequence[Note], programs: dict[int, int], into: str = folder, by: str = player) -> Floats:
                if by == "fluidsynth":
                    return render(notes, programs, soundfont, Path(into))
                return play(notes, np.random.default_rng(1))

            scores = []
            for number in range(24):
                home, major = number % 12, number < 12
                notes = piece(home, major=major, random=random)
                names, _, rows_heard = hear(sound(notes, {0: 33, 1: (0, 24, 48)[number % 3], 2: SOLOISTS[number % 8]}))
                said = rows_heard[-200, [names.index("audio.key"), names.index("audio.key.major")]]
                scores.append(key_score(home, major, round(said[0] * 12) % 12, bool(said[1] >= 0.5)))
            ways = []
            for number in range(solos):
                notes = solo(random)
                names, times, rows_heard = hear(sound(notes, {2: SOLOISTS[number % 8]}))
                pitch = rows_heard[:, names.index("audio.pitch")]
                hertz = np.array([hertz_of(float(one)) for one in pitch])
                ways.append((raw_pitch_accuracy(notes, times, hertz), raw_pitch_accuracy(notes, times - 0.04, hertz)))
        rows.append(
            {
                "player": player,
                "key_pieces": len(scores),
                "key_exact": float(np.mean(np.array(scores) == 1.0)),
                "key_weighted": float(np.mean(scores)),
                "solos": solos,
                "pitch_rpa_live": float(np.mean([live for live, _ in ways])),
                "pitch_rpa_40_ms_later": float(np.mean([later for _, later in ways])),
            }
        )
    return rows


def _midi(home: int, scale: Sequence[int], degree: int, base: int) -> int:
    """The note on a degree of a scale, above the lowest C of `base`."""
    return base + home + 12 * (degree // 7) + scale[degree % 7]


def _variable(number: int) -> bytes:
    """A number as MIDI files write times: seven bits a byte, the last without the top bit."""
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(0x80 | (number & 0x7F))
    return bytes(reversed(out))
