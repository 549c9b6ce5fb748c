"""The contract of the folder perform/audio/features: every file of it keeps these promises, with no other edit."""

from __future__ import annotations

import numpy as np
import pytest

from perform.audio import features
from perform.audio.analysis import mono_of
from perform.audio.spectrum import Hop, mel_bank
from perform.audio.track import Track

RATE = 48000


def hear(name: str, sound: np.ndarray, rate: int = RATE) -> np.ndarray:
    """All numbers of a feature over a sound [hops, signals]."""
    hop = Hop(rate)
    _, make = features.load(name)
    feature = make(hop)
    rows = []
    for start in range(0, len(sound) - hop.size + 1, hop.size):
        hop.step(mono_of(sound[start : start + hop.size]))
        rows.append(feature.hear(hop))
    return np.array(rows)


_WHOLE: dict[str, np.ndarray] = {}


def whole(name: str, groove: np.ndarray) -> np.ndarray:
    """The numbers over the whole groove, once for all tests."""
    if name not in _WHOLE:
        _WHOLE[name] = hear(name, groove)
    return _WHOLE[name]


def continuous(name: str) -> list[int]:
    return [place for place, signal in enumerate(features.load(name)[0]) if not signal.decay]


def sounds(groove: np.ndarray) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    t = np.arange(3 * RATE) / RATE
    broken = groove[: 2 * RATE].copy()
    broken[::1000], broken[1::777], broken[5::999] = np.nan, np.inf, -np.inf
    return {
        "silence": np.zeros(RATE),
        "sine": 0.5 * np.sin(2 * np.pi * 440 * t),
        "noise": 0.2 * random.standard_normal(2 * RATE),
        "clipped square": np.sign(np.sin(2 * np.pi * 110 * t)),
        "faint noise": 1e-6 * random.standard_normal(RATE),
        "huge": 1e30 * random.standard_normal(RATE),
        "denormal": np.full(RATE, 1e-40),
        "not numbers": np.full(RATE // 2, np.nan),
        "music with holes": broken,
        "+40 dB at once": np.concatenate([groove[:RATE] * 0.01, groove[:RATE]]),
        "-40 dB at once": np.concatenate([groove[:RATE], groove[:RATE] * 0.01]),
        "clicks": np.where(np.arange(RATE) % 4800 == 0, 1.0, 0.0),
    }


def test_the_folder_is_not_empty() -> None:
    assert {"rms", "bands", "onset", "centroid", "drums", "swell"} <= set(features.names())


@pytest.mark.parametrize("name", features.names())
class TestEveryFeature:
    def test_it_says_what_its_numbers_mean(self, name: str) -> None:
        signals, _ = features.load(name)
        for signal in signals:
            assert signal.name.startswith("audio.")
            assert len(signal.doc) > 30
            assert 0 <= signal.decay < 1

    def test_its_numbers_are_finite_and_within_0_and_1_whatever_comes_in(self, name: str, groove: np.ndarray) -> None:
        for kind, sound in sounds(groove).items():
            rows = hear(name, sound)
            assert np.isfinite(rows).all(), kind
            assert rows.min() >= 0, kind
            assert rows.max() <= 1, kind

    def test_silence_is_0_and_decays_to_0(self, name: str, groove: np.ndarray) -> None:
        assert not hear(name, np.zeros(RATE)).any()
        rows = hear(name, np.concatenate([groove[: 2 * RATE], np.zeros(8 * RATE)]))
        assert not rows[-187:].any()

    def test_it_moves_with_music(self, name: str, groove: np.ndarray) -> None:
        rows = whole(name, groove)[800:]
        spread = rows.max(axis=0) - rows.min(axis=0)
        least = [0.02 if signal.name == "audio.swell" else 0.1 for signal in features.load(name)[0]]
        assert (spread > least).all(), spread

    @pytest.mark.parametrize("gain", [0.01, 1.0 / 30, 2.0])
    def test_a_quiet_and_a_loud_room_read_alike(self, name: str, gain: float, groove: np.ndarray) -> None:
        rows, others = whole(name, groove)[400:], hear(name, groove * gain)[400:]
        for place, signal in enumerate(features.load(name)[0]):
            if signal.name == "audio.level":  # the one that is not levelled, on purpose
                continue
            assert np.abs(rows[:, place] - others[:, place]).mean() < 0.02, signal.name

    def test_it_finds_its_range_again_after_a_drop_of_40_db(self, name: str, groove: np.ndarray) -> None:
        rows = hear(name, np.concatenate([groove[: 3 * RATE], 0.01 * groove]))
        before, after = whole(name, groove)[-400:], rows[-400:]
        for place in continuous(name):
            if features.load(name)[0][place].name in ("audio.level", "audio.swell"):
                continue
            assert after[:, place].mean() == pytest.approx(before[:, place].mean(), abs=0.15)

    def test_it_does_not_see_the_future(self, name: str, groove: np.ndarray) -> None:
        size = Hop(RATE).size
        cut = 500 * size
        other = groove[: 2 * cut].copy()
        other[cut:] = np.random.default_rng(3).standard_normal(len(other) - cut)
        assert np.array_equal(whole(name, groove)[:500], hear(name, other)[:500])

    @pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000, 192000])
    def test_it_works_at_any_sample_rate(self, name: str, rate: int) -> None:
        t = np.arange(rate) / rate
        sound = np.sin(2 * np.pi * 200 * t) * (np.sin(2 * np.pi * 2 * t) > 0)
        rows = hear(name, sound, rate)
        assert np.isfinite(rows).all()
        assert 100 < len(rows) < 300


def strikes(name: str, place: int, sound: np.ndarray) -> np.ndarray:
    """The times at which a pulse struck (the end of its hop)."""
    return (np.flatnonzero(hear(name, sound)[:, place]) + 1) * Hop(RATE).dt


def test_a_click_is_an_onset_within_two_hops() -> None:
    sound = np.random.default_rng(0).standard_normal(4 * RATE) * 1e-4
    clicks = np.arange(1.0, 3.9, 0.37)
    for click in clicks:
        at = int(click * RATE)
        sound[at : at + 48] += 0.5
    times = strikes("onset", 0, sound)
    for click in clicks:
        late = times[times >= click][0] - click
        assert late <= 2 * Hop(RATE).dt + 1e-6


def test_the_drums_of_the_built_in_track_are_told_apart(track: Track) -> None:
    rows = hear("drums", track.samples.mean(axis=1))
    for place, written in enumerate((track.kicks, track.snares, track.hats)):
        found = (np.flatnonzero(rows[:, place]) + 1) * Hop(RATE).dt
        near = [min(abs(found - at)) < 0.05 for at in written]
        true = [min(abs(np.array(written) - at)) < 0.05 for at in found]
        assert np.mean(near) > 0.75
        assert np.mean(true) > 0.65


def test_a_steady_tone_has_no_onsets_but_its_first() -> None:
    t = np.arange(4 * RATE) / RATE
    tone = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.2, 329.6)) / 3
    assert len(strikes("onset", 0, tone)) <= 1


def test_the_bands_tell_low_from_high() -> None:
    t = np.arange(RATE) / RATE
    for place, hertz in enumerate((60.0, 600.0, 6000.0)):
        sound = np.concatenate(
            [np.random.default_rng(1).standard_normal(2 * RATE) * 0.1, 0.1 * np.sin(2 * np.pi * hertz * t)]
        )
        rows = hear("bands", sound)[-50:].mean(axis=0)
        assert rows[place] > 0.9
        assert rows[place] == rows.max()
        assert np.delete(rows, place).max() < 0.6


def test_the_centroid_is_in_octaves() -> None:
    t = np.arange(RATE) / RATE
    for hertz, reads in ((100.0, 0.0), (1000.0, 0.5), (10000.0, 1.0)):
        assert hear("centroid", np.sin(2 * np.pi * hertz * t))[-1, 0] == pytest.approx(reads, abs=0.05)


def test_the_filters_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    for rate, window, bands in ((48000, 1024, 40), (44100, 2048, 64)):
        theirs = librosa.filters.mel(sr=rate, n_fft=window, n_mels=bands, fmin=20.0, fmax=16000.0)
        assert np.allclose(mel_bank(rate, window, bands), theirs, atol=1e-7)
