from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from perform.audio.file import SoundArray, open_sound, read_sound
from perform.audio.playing import Feed
from perform.engine.problems import UserError


def sine(rate: int, channels: int, seconds: float = 0.5) -> np.ndarray:
    t = np.arange(int(rate * seconds)) / rate
    return np.repeat(0.5 * np.sin(2 * np.pi * 440 * t)[:, None], channels, axis=1)


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("a.wav", 48000, 2, "PCM_16"),
        ("a.wav", 8000, 1, "PCM_U8"),
        ("a.wav", 192000, 2, "FLOAT"),
        ("a.wav", 48000, 6, "PCM_24"),
        ("a.flac", 44100, 1, "PCM_24"),
        ("a.ogg", 44100, 2, "VORBIS"),
        ("a.mp3", 44100, 2, "MPEG_LAYER_III"),
    ],
)
def test_what_libsndfile_reads_we_read(tmp_path: Path, name: str, rate: int, channels: int, subtype: str) -> None:
    soundfile.write(tmp_path / name, sine(rate, channels), rate, subtype=subtype)
    sound = read_sound(tmp_path / name)
    assert sound.rate == rate
    assert sound.stereo.shape == (len(sound.mono), 2)
    assert sound.stereo.dtype == sound.mono.dtype == np.float32
    assert sound.seconds == pytest.approx(0.5, abs=0.06)
    assert np.abs(sound.mono).max() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no sound file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"RIFF\x24\x00\x00\x00WAVEgarbage follows here"), "not a sound file"),
        (lambda path: path.write_text("hello, I am a text"), "not a sound file"),
        (lambda path: path.write_bytes(np.random.default_rng(1).bytes(5000)), "not a sound file"),
        (lambda path: soundfile.write(path, np.zeros((0, 2)), 48000), "is empty"),
        (lambda path: path.mkdir(), "is a folder"),
    ],
)
def test_what_is_no_sound_is_refused_in_words(tmp_path: Path, make, words: str) -> None:
    path = tmp_path / "song.wav"
    make(path)
    with pytest.raises(UserError, match=words) as told:
        open_sound(path)
    assert "song.wav" in str(told.value)


def test_a_truncated_file_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, sine(48000, 2, 1.0), 48000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:50_000])
    assert 0.1 < read_sound(path).seconds <= 0.3


@pytest.mark.parametrize("loop", [True, False])
def test_the_feed_gives_every_frame_once_and_then_loops_or_is_silent(loop: bool) -> None:
    samples = np.repeat(np.arange(1, 1001, dtype=np.float32)[:, None], 2, axis=1)
    feed = Feed(SoundArray(samples, 300, "ramp"), loop=loop, start=990)
    heard = []
    for _ in range(200):
        heard.append(feed.take(37))
        feed.fill()
    line = np.concatenate(heard)[:, 0]
    assert np.array_equal(line[:10], np.arange(991, 1001))
    if loop:
        assert np.array_equal(line[10:2010], np.tile(np.arange(1, 1001), 2))
    else:
        assert not line[10:].any()
