from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from perform.audio.ear import FileEar
from perform.audio.features.pitch import hertz_of
from perform.audio.file import SoundArray, open_sound, read_sound, stereo
from perform.audio.playing import Feed
from perform.engine.clock import FixedClock
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


def test_six_channels_are_mixed_into_two_and_other_numbers_into_their_mean() -> None:
    six = np.zeros((4, 6), np.float32)
    six[0, 0], six[1, 2], six[2, 5], six[3, 3] = 1.0, 1.0, 1.0, 1.0
    left = 1 / 2.4142
    expected = [[left, 0], [0.7071 * left, 0.7071 * left], [0, 0.7071 * left], [0, 0]]
    assert stereo(six) == pytest.approx(np.array(expected), abs=1e-3)
    assert np.abs(stereo(np.ones((3, 6), np.float32))).max() <= 1.0
    assert np.array_equal(stereo(np.tile(np.float32([1, 2, 6]), (2, 1))), np.full((2, 2), 3.0))


def test_three_hours_are_never_in_memory(tmp_path: Path) -> None:
    """A file with holes: 3 hours of 24-bit sound, six channels (9 GB, as RF64), that takes no room on the disk."""
    channels = 6
    path = tmp_path / "night.wav"
    with soundfile.SoundFile(path, "w", 48000, channels, "PCM_24", format="RF64") as made:
        made.write(sine(48000, channels, 2.0))
    head = path.read_bytes()[: -96000 * 3 * channels]
    size = 3 * 3600 * 48000 * 3 * channels
    with path.open("r+b") as file:
        file.truncate(len(head) + size)
        file.seek(head.index(b"ds64") + 8)
        file.write(struct.pack("<QQQ", len(head) + size - 8, size, size // (3 * channels)))
    tracemalloc.start()
    try:
        ear, clock = FileEar(path), FixedClock(10.0)
        assert ear.seconds == pytest.approx(3 * 3600)
        frames = [{event.name: float(event.value) for event in ear.poll(clock.tick())} for _ in range(30)]
        loud = [frame.get("audio.rms", 0.0) for frame in frames]
        feed = Feed(open_sound(path), loop=True, start=2 * 3600 * 48000)
        ear.close()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert feed.position == 2 * 3600 * 48000
    assert max(loud[5:20]) > 0.5
    assert loud[-1] == 0.0
    assert most < 20e6, "megabytes, not gigabytes"


@pytest.mark.parametrize(("rate", "subtype"), [(8000, "PCM_U8"), (48000, "PCM_24"), (192000, "FLOAT"), (11025, "ULAW")])
def test_any_rate_and_depth_is_heard(tmp_path: Path, rate: int, subtype: str) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, sine(rate, 1, 1.0), rate, subtype=subtype)
    ear, clock = FileEar(path), FixedClock(20.0)
    said = {event.name: event.value for _ in range(18) for event in ear.poll(clock.tick())}
    ear.close()
    assert said["audio.rms"] > 0.9
    assert hertz_of(float(said["audio.pitch"])) == pytest.approx(440, rel=0.01)
    assert said["audio.rms.raw"] == pytest.approx(1 + 20 * np.log10(0.5 / np.sqrt(2)) / 60, abs=0.01)


def test_a_file_without_a_sound_in_it_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros((48000, 2)), 48000)
    ear, clock = FileEar(path), FixedClock(20.0)
    said = {event.name: event.value for _ in range(30) for event in ear.poll(clock.tick())}
    ear.close()
    assert said["audio.silence"] == 1.0
    assert not any(value for name, value in said.items() if name.startswith("audio.") and name != "audio.silence")


def test_samples_that_are_no_numbers_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    sound = sine(48000, 2, 2.0).astype(np.float32)
    sound[1000::97], sound[5000:9000] = np.nan, np.inf
    soundfile.write(path, sound, 48000, subtype="FLOAT")
    ear, clock = FileEar(path), FixedClock(20.0)
    events = [event for _ in range(38) for event in ear.poll(clock.tick())]
    assert ear.picture is not None
    assert np.isfinite(ear.picture.spectrum).all()
    assert np.isfinite(ear.picture.wave).all()
    ear.close()
    assert all(np.isfinite(float(event.value)) for event in events)
    assert max(float(event.value) for event in events if event.name == "audio.rms") > 0.5
