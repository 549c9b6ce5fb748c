"""The material: pieces rendered to mel power, in shards that are made once. Can be stopped and taken up again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perform.audio.training import kits, songs
from perform.audio.training.compose import compose
from perform.audio.training.features import mel_power
from perform.audio.training.midi import Note, Song, read_midi
from perform.audio.training.render import DRUM_FONTS, DRUMS, RATE, SOUNDFONTS, kind_of, kit, render

log = logging.getLogger("perform.training")

Floats = NDArray[np.float32]

PER_SHARD = 10
GAP = 2.0  # seconds between pieces that are rendered in one go, because a soundfont takes long to load
FONTS, FONT_SHARES = ("fluid", "musescore", "opl3", "csound"), (0.36, 0.14, 0.22, 0.28)  # "timgm" is for judging
PUMPED = {"house", "techno", "trance", "disco", "electro", "half", "breaks"}
KINDS = ("kick", "snare", "hat", "cymbal", "other")


def shards(folder: Path, count: int) -> None:
    """Make the shards 0..count-1 that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        target = folder / f"{number:04d}.npz"
        if target.exists():
            continue
        made = dict(_shard(number))
        part = folder / f".{number:04d}.part.npz"
        np.savez(part, **made)  # type: ignore[arg-type]
        part.replace(target)
        log.warning("shard %d: %d arrays", number, len(made))


def song_of(number: int) -> Song:
    """The piece of a number: six in ten composed, two played by MMA, two excerpts of MIDI files."""
    random = np.random.default_rng([3, number])
    match number % 10:
        case 3 | 7:
            for attempt in range(5):
                try:
                    return songs.accompaniment(number * 10 + attempt)
                except ValueError:
                    continue
        case 5 | 8:
            files = songs.midi_songs(held_out=False)
            song = read_midi(files[int(random.integers(len(files)))])
            length = 44.0
            return songs.excerpt(song, float(random.uniform(0.0, max(song.seconds - length, 0.1))), length)
    return compose(number)


def _shard(number: int) -> Iterator[tuple[str, NDArray[np.generic]]]:
    random = np.random.default_rng([7, number])
    pieces = [song_of(number * PER_SHARD + at) for at in range(PER_SHARD)]
    font = SOUNDFONTS[str(random.choice(FONTS, p=FONT_SHARES))]
    rests = _together([[note for note in song.notes if note.channel != DRUMS] for song in pieces], pieces, font, random)
    hits = [[note for note in song.notes if note.channel == DRUMS] for song in pieces]
    fonts = [SOUNDFONTS[str(random.choice(FONTS, p=FONT_SHARES))], *DRUM_FONTS.values()]
    beaten = _together(hits, pieces, fonts[int(random.choice(3, p=[0.6, 0.2, 0.2]))], random)
    for at, (song, rest, drums) in enumerate(zip(pieces, rests, beaten, strict=True)):
        notes, mine = hits[at], drums
        way = random.random()
        if way < 0.3:
            mine = kit(notes, song.seconds + 1.0, random)
        elif way < 0.55:
            name = str(random.choice(kits.KITS))
            there = kits.has(notes, name)
            notes = [note for note in notes if note.pitch in there]
            mine = kits.sampled(notes, song.seconds + 1.0, name, random)
        yield from _piece(at, song, notes, *_mixed(notes, mine, rest, random))


def _together(parts: list[list[Note]], pieces: list[Song], font: Path, random: np.random.Generator) -> list[Floats]:
    """Several pieces through one run of fluidsynth."""
    line: list[Note] = []
    starts, now = [], 0.5
    for notes, song in zip(parts, pieces, strict=True):
        starts.append(now)
        line += [Note(n.start + now, n.length, n.pitch, n.velocity, n.channel, n.program) for n in notes]
        now += song.seconds + 1.0 + GAP
    sound = render(line, font, now, room=bool(random.random() < 0.5))
    cuts = [(int(start * RATE), int((song.seconds + 1.0) * RATE)) for start, song in zip(starts, pieces, strict=True)]
    return [sound[at : at + size] for at, size in cuts]


def _mixed(notes: list[Note], drums: Floats, rest: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Both stems as on a record: balanced, pumped, driven, held back together by a compressor."""
    size = min(len(drums), len(rest))
    drums, rest = drums[:size] * _level(drums), rest[:size] * _level(rest)
    drums *= np.float32(10 ** (random.uniform(-6, 6) / 20))
    if random.random() < 0.3:
        drums = np.tanh(drums * np.float32(random.uniform(2, 8))) / 4
    if random.random() < 0.3:
        rest = np.tanh(rest * np.float32(random.uniform(2, 12))) / 4
    if random.random() < 0.25:
        duck = np.ones(size, np.float32)
        shape = 1 - random.uniform(0.3, 0.9) * np.exp(-np.arange(int(0.4 * RATE)) / RATE / random.uniform(0.06, 0.2))
        for note in notes:
            at = int(note.start * RATE)
            if kind_of(note) == "kick" and at < size:
                end = min(at + len(shape), size)
                np.minimum(duck[at:end], shape[: end - at], out=duck[at:end])
        rest = rest * duck
    if random.random() < 0.5:
        block = 256
        power = np.abs(drums + rest)[: size // block * block].reshape(-1, block).max(axis=1)
        smooth = np.convolve(power, np.exp(-np.arange(40) / 8.0) / 8.0)[: len(power)]
        slow = np.repeat((0.1 / np.maximum(smooth, 0.02)) ** random.uniform(0.2, 0.7), block)
        gain: Floats = np.pad(slow, (0, size - len(slow)), mode="edge").astype(np.float32)
        drums, rest = drums * gain, rest * gain
    return drums, rest


def _level(sound: Floats) -> np.float32:
    """The gain that brings what sounds to -20 dB."""
    power = float(np.mean(sound**2))
    return np.float32(0.1 / np.sqrt(power)) if power > 1e-12 else np.float32(1.0)


def _piece(
    at: int, song: Song, notes: list[Note], drums: Floats, rest: Floats
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    for name, sound in (("drums", drums), ("rest", rest)):
        yield f"{at}.{name}", np.log10(mel_power(sound) + 1e-9).astype(np.float16)
    yield f"{at}.beats", np.array(song.beats, np.float32)
    yield f"{at}.downbeats", np.array(song.downbeats, np.float32)
    for kind in KINDS:
        yield f"{at}.{kind}", np.array([note.start for note in notes if kind_of(note) == kind], np.float32)
    others = sorted({round(note.start, 3) for note in song.notes if note.channel != DRUMS})
    yield f"{at}.notes", np.array(others, np.float32)
