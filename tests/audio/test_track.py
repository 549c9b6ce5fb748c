from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from perform.audio.file import read_sound
from perform.audio.track import BEAT, LENGTH, Track, builtin_file


def test_it_is_what_it_says(track: Track) -> None:
    assert track.samples.shape == (LENGTH, 2)
    assert track.samples.dtype == np.float32
    assert 55 < LENGTH / track.rate < 70
    assert 120 <= track.bpm <= 126
    assert np.allclose(np.diff(track.beats), 60 / track.bpm)
    assert track.downbeats == track.beats[::4]
    assert len(track.beats) * BEAT == LENGTH
    for hits in (track.kicks, track.snares, track.hats):
        assert len(hits) > 30
        assert list(hits) == sorted(hits)
        assert 0 <= hits[0] < hits[-1] < LENGTH / track.rate


def test_it_does_not_clip_and_has_light_and_shade(track: Track) -> None:
    assert np.abs(track.samples).max() <= 0.9
    assert np.abs(track.samples.mean(axis=0)).max() < 1e-3
    bars = track.samples.reshape(32, -1, 2)
    level = 10 * np.log10((bars**2).mean(axis=(1, 2)))
    assert level.max() < -8
    assert level[16:18].max() < level[20:28].min() - 2  # the break is quieter than what follows
    left, right = track.samples.T
    assert 0.5 < np.corrcoef(left, right)[0, 1] < 0.995  # wide, and safe in mono


def test_it_loops_without_a_seam(track: Track) -> None:
    seam = np.concatenate([track.samples[-64:], track.samples[:64]])
    assert np.abs(np.diff(seam, axis=0)).max() < 0.2


def test_drums_are_where_it_says(track: Track) -> None:
    """Power in the 10 ms after each kick is far above that in the 10 ms before, wherever no other drum is near."""
    mono = track.samples.mean(axis=1)
    for kick in track.kicks[:8]:
        at = int(kick * track.rate)
        before = mono[max(at - 480, 0) : at] if at else mono[-480:]
        assert (mono[at : at + 480] ** 2).mean() > 3 * (before**2).mean()


def test_the_same_seed_is_the_same_track_and_the_file_holds_it(tmp_path: Path, monkeypatch, track: Track) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = builtin_file()
    assert path.is_relative_to(tmp_path)
    sound = read_sound(path)
    assert sound.rate == track.rate
    assert np.array_equal(sound.stereo, track.samples)
    stamp = path.stat().st_mtime_ns
    assert builtin_file() == path
    assert path.stat().st_mtime_ns == stamp
    assert not list(path.parent.glob(".*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_cache_that_cannot_be_written_is_not_needed(tmp_path: Path, monkeypatch) -> None:
    tmp_path.chmod(0o500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert builtin_file().is_file()
