"""Music of others that may be learned from: MIDI files of Debian packages, and what MMA's grooves play.

Not from the packages that the ear is judged on. What is held out for our own judging is never learned.
"""

# ruff: noqa: E501 - tables
from __future__ import annotations

import contextlib
import functools
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from perform.audio.training.midi import Note, Song, read_midi

SIMUTRANS = Path("/usr/share/games/simutrans/music")  # simutrans-data (Artistic licence)
BLUPI = Path("/usr/share/planetblupi/music")  # planetblupi-music-midi (GPL-3+)
GROOVES = Path("/usr/share/mma/lib/stdlib")  # mma (GPL-2+): grooves for the program to play
_CHORDS = (
    "C",
    "Am",
    "F",
    "G7",
    "Dm",
    "Em",
    "Bb",
    "Eb",
    "Cm",
    "Fm",
    "Gm",
    "D7",
    "A7",
    "E7",
    "Abmaj7",
    "Dm7",
    "CM7",
    "Am7",
)
_PACE = (("slow", 58, 82), ("ballad", 58, 85), ("fast", 170, 210), ("vienese", 160, 190), ("waltz", 90, 170), ("march", 95, 125),
         ("polka", 105, 130), ("bebop", 150, 215), ("bluegrass", 120, 160), ("ragtime", 85, 120), ("swing", 110, 180),
         ("lullaby", 65, 90), ("trance", 125, 142), ("samba", 95, 125), ("quickstep", 150, 200))  # fmt: skip


@functools.cache
def midi_songs(*, held_out: bool) -> tuple[Path, ...]:
    """MIDI files with a grid: to learn from, or those held out (every fourth, and all of Planet Blupi)."""
    files = sorted(SIMUTRANS.glob("*.mid"))
    ours = [path for number, path in enumerate(files, 1) if (number % 4 == 3) == held_out]
    return tuple(
        path for path in [*ours, *(sorted(BLUPI.glob("music00[0-3].mid")) if held_out else [])] if on_grid(path)
    )


def on_grid(path: Path) -> bool:
    """Whether the notes of a file lie on the grid that it claims."""
    song = read_midi(path)
    places = np.interp([note.start for note in song.notes], song.beats, np.arange(len(song.beats)))

    def near(steps: int, within: float) -> float:
        return float(np.mean(np.abs(places * steps - np.round(places * steps)) < within))

    return max(near(4, 0.1), near(3, 0.1)) > 0.72


def excerpt(song: Song, start: float, seconds: float) -> Song:
    """A part of a song, from `start` on, with its own zero."""
    end = start + seconds
    notes = [
        Note(
            note.start - start,
            min(note.length, end - note.start),
            note.pitch,
            note.velocity,
            note.channel,
            note.program,
        )
        for note in song.notes
        if start <= note.start < end
    ]
    beats = [beat - start for beat in song.beats if start <= beat < end]
    return Song(notes, beats, [beat - start for beat in song.downbeats if start <= beat < end], song.style)


@functools.cache
def _groove_files() -> tuple[Path, ...]:
    files = sorted(GROOVES.glob("*.mma"))
    return tuple(path for path in files if re.search(r"^Time [345]\s", path.read_text(errors="replace"), re.MULTILINE))


def accompaniment(seed: int) -> Song:
    """A groove of MMA's library over random chords. Raises OSError where mma is missing, ValueError where it fails."""
    random = np.random.default_rng([9, seed])
    files = [
        path
        for path in sorted(GROOVES.glob("*.mma"))
        if re.search(r"^Time [345]\s", path.read_text(errors="replace"), re.MULTILINE)
    ]
    file = files[int(random.integers(len(files)))]
    text = file.read_text(errors="replace")
    names = [
        name for name in re.findall(r"^DefGroove (\S+)", text, re.MULTILINE) if not re.search("Intro|End|Fill", name)
    ]
    beats = int(re.findall(r"^Time (\d)", text, re.MULTILINE)[0])
    low, high = next(((low, high) for word, low, high in _PACE if word in file.stem), (90, 150))
    bpm = int(random.uniform(low, high))  # MMA drops what is behind the point, and beats would drift
    bars = max(8, int(42 * bpm / 60 / beats))
    lines = [f"Tempo {bpm}", f"Time {beats}"]
    chords = [str(random.choice(_CHORDS)) for _ in range(int(random.choice([4, 8])))]
    for bar in range(bars):
        if bar % 16 == 0:
            lines.append(f"Groove {random.choice(names)}")
        lines.append(f"{bar + 1} {chords[bar % len(chords)]}")
    with tempfile.TemporaryDirectory(prefix="perform-mma-") as folder:
        source, out = Path(folder) / "a.mma", Path(folder) / "a.mid"
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        with contextlib.suppress(subprocess.TimeoutExpired):  # it does not end on some grooves
            subprocess.run(
                ["mma", "-f", str(out), str(source)], capture_output=True, check=False, timeout=30, cwd=folder
            )
        if not out.is_file():
            raise ValueError(f"mma made nothing of {names}")
        song = read_midi(out)
    count = bars * beats
    song.beats = [beat * 60.0 / bpm for beat in range(count)]
    song.downbeats = song.beats[::beats]
    song.notes = [note for note in song.notes if note.start < count * 60 / bpm]
    song.style = f"mma {file.stem}"
    return song
