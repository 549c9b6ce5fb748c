"""An annotated set of our own: music that was never learned, through a soundfont that was never learned."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perform.audio.training import songs
from perform.audio.training.compose import compose
from perform.audio.training.midi import Song, read_midi
from perform.audio.training.render import DRUMS, RATE, SOUNDFONTS, kind_of, render

UNSEEN = 1_000_000  # seeds of composed pieces from here on are for judging
SECONDS = 45.0


def held_songs(composed: int = 8) -> Iterator[tuple[str, Song]]:
    """The pieces, by name: excerpts of held-out MIDI files and a few composed ones."""
    for path in songs.midi_songs(held_out=True):
        song = read_midi(path)
        random = np.random.default_rng([11, len(song.notes)])
        start = float(random.uniform(0.0, max(min(song.seconds, 200.0) - SECONDS - 2.0, 0.1)))
        yield path.stem.lower(), songs.excerpt(song, start, SECONDS)
    for number in range(composed):
        song = compose(UNSEEN + number)
        yield f"composed-{number}-{song.style.replace(' ', '-')}", song


def write_held(folder: Path, font: str = "timgm") -> int:
    """Write NAME.flac and NAME.json for each piece; gives how many. Raises OSError where a soundfont is missing."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, song in held_songs():
        sound = render(song.notes, SOUNDFONTS[font], song.seconds + 0.5, room=True)
        sound *= np.float32(0.5 / max(float(np.abs(sound).max()), 1e-6))
        soundfile.write(folder / f"{name}.flac", sound, RATE)
        (folder / f"{name}.json").write_text(json.dumps(annotation(song)), encoding="utf-8")
        count += 1
    return count


def annotation(song: Song) -> dict[str, object]:
    """What `perform study hearing` reads beside a sound file."""
    hits: dict[str, Sequence[float]] = {
        kind: _seconds([note.start for note in song.notes if note.channel == DRUMS and kind_of(note) == kind])
        for kind in ("kick", "snare", "hat")
    }
    return {"beats": _seconds(song.beats), "downbeats": _seconds(song.downbeats), "onsets": hits}


def _seconds(times: Sequence[float] | NDArray[np.float64]) -> list[float]:
    return sorted({round(float(time), 4) for time in times})
