"""The contract of the folder perform/audio/features: every file of it keeps these promises, with no other edit."""

from __future__ import annotations

import functools
import hashlib
import itertools

import numpy as np
import pytest

from perform.audio import features
from perform.audio.analysis import mono_of, stereo_of
from perform.audio.bank import Bank
from perform.audio.features import Signal
from perform.audio.features.key import key_name
from perform.audio.features.pitch import hertz_of
from perform.audio.spectrum import Hop, mel_bank
from perform.audio.tones import chroma_bank
from perform.audio.track import Track
from perform.audio.weighting import BlockFilter, k_weighting

RATE = 48000


_HEARD: dict[tuple[int, str, bytes], tuple[Bank, np.ndarray]] = {}
LONG = 15  # seconds; a longer sound is heard by the one feature in question alone


def all_heard(sound: np.ndarray, rate: int, name: str) -> tuple[Bank, np.ndarray]:
    """All features over a sound, [hops, signals], levelled and raw as the show gets them; each sound is heard once."""
    sound = np.asarray(sound)
    only = name if len(sound) > LONG * rate else ""
    key = (rate, only, hashlib.sha256(np.ascontiguousarray(sound).tobytes() + repr(sound.shape).encode()).digest())
    if key not in _HEARD:
        hop = Hop(rate)
        bank = Bank(hop, [only] if only else None)
        mono, sides = mono_of(sound), stereo_of(sound)
        rows = []
        for start in range(0, len(sound) - hop.size + 1, hop.size):
            part = slice(start, start + hop.size)
            hop.step(mono[part], sides[part])
            rows.append(bank.hear(hop))
        _HEARD[key] = bank, np.array(rows)
    return _HEARD[key]


def hear(name: str, sound: np.ndarray, rate: int = RATE) -> np.ndarray:
    """All numbers of one feature over a sound [hops, signals]."""
    bank, rows = all_heard(sound, rate, name)
    places = {signal.name: place for place, signal in enumerate(bank.signals)}
    return rows[:, [places[signal.name] for signal in signals(name)]]


@functools.cache
def signals(name: str) -> tuple[Signal, ...]:
    return Bank(Hop(RATE), [name]).signals


def whole(name: str, groove: np.ndarray) -> np.ndarray:
    """The numbers over the whole groove."""
    return hear(name, groove)


def chord(*hertz: float, seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    """Notes with a few overtones."""
    t = np.arange(int(seconds * rate)) / rate
    return sum(0.5**k / len(hertz) * np.sin(2 * np.pi * f * (k + 1) * t) for f in hertz for k in range(4))


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
        "one side": np.stack([groove[:RATE], np.zeros(RATE)], axis=1),
        "opposite sides": np.stack([groove[:RATE], -groove[:RATE]], axis=1),
        "one side not numbers": np.stack([groove[:RATE], np.full(RATE, np.nan)], axis=1),
    }


def varied(rate: int = RATE) -> np.ndarray:
    """Something of everything on two sides: chords, a voice that glides, noise, clicks; loud, quiet, wide, narrow."""
    random = np.random.default_rng(5)
    t = np.arange(2 * rate) / rate
    glide = np.sin(2 * np.pi * np.cumsum(110 * 8 ** (t / 2)) / rate)
    parts = [
        np.zeros(rate),
        *(chord(*notes, seconds=1.0, rate=rate) for notes in ((262, 330, 392), (349, 440, 523), (392, 494, 587))),
        chord(311.1, 370, 466.2, rate=rate) * 0.1,
        glide,
        chord(277.2, 329.6, 415.3, rate=rate),
        0.3 * random.standard_normal(2 * rate),
        np.where(np.arange(2 * rate) % (rate // 8) < rate // 2400, 1.0, 0.0),
        np.sin(2 * np.pi * 9000 * t[: rate // 2]),
    ]
    mono = np.concatenate(parts) * 0.5
    other = np.where(np.arange(len(mono)) % (4 * rate) < 2 * rate, mono, -0.8 * np.roll(mono, rate // 480))
    return np.stack([mono, other], axis=1)


def test_the_folder_is_not_empty() -> None:
    assert {"rms", "bands", "bands8", "onset", "centroid", "drums", "swell", "loudness", "pitch"} <= set(
        features.names()
    )


@pytest.mark.parametrize("name", features.names())
class TestEveryFeature:
    def test_it_says_what_its_numbers_mean(self, name: str) -> None:
        for signal in features.load(name)[0]:
            assert signal.name.startswith("audio.")
            assert len(signal.doc) > 30
            assert 0 <= signal.decay < 1
            assert not signal.least or (signal.unit and signal.low < signal.high)

    def test_its_numbers_are_finite_and_within_0_and_1_whatever_comes_in(self, name: str, groove: np.ndarray) -> None:
        for kind, sound in sounds(groove).items():
            rows = hear(name, sound)
            assert np.isfinite(rows).all(), kind
            assert rows.min() >= 0, kind
            assert rows.max() <= 1, kind

    def test_it_is_at_rest_in_silence_and_falls_back_to_it(self, name: str, groove: np.ndarray) -> None:
        rest = [signal.rest for signal in signals(name)]
        assert (hear(name, np.zeros(RATE)) == rest).all()
        rows = hear(name, np.concatenate([groove[: 2 * RATE], np.zeros(8 * RATE)]))
        assert (rows[-187:] == rest).all()

    def test_it_moves(self, name: str, groove: np.ndarray) -> None:
        """With music; or, what only moves with another key or another hall, with something of everything."""
        rows, others = whole(name, groove)[800:], hear(name, varied())
        spread = np.maximum(np.ptp(rows, axis=0), np.ptp(others, axis=0))
        assert (spread > 0.1).all(), dict(zip([one.name for one in signals(name)], spread, strict=True))

    @pytest.mark.parametrize("gain", [0.01, 1.0 / 30, 2.0])
    def test_a_quiet_and_a_loud_room_read_alike(self, name: str, gain: float, groove: np.ndarray) -> None:
        rows, others = whole(name, groove)[400:], hear(name, groove * gain)[400:]
        for place, signal in enumerate(signals(name)):
            if signal.level:
                assert np.abs(rows[:, place] - others[:, place]).mean() < 0.02, signal.name

    def test_it_finds_its_range_again_after_a_drop_of_40_db(self, name: str, groove: np.ndarray) -> None:
        rows = hear(name, np.concatenate([groove[: 3 * RATE], 0.01 * groove]))
        before, after = whole(name, groove)[-400:], rows[-400:]
        for place, signal in enumerate(signals(name)):
            if signal.level and not signal.decay and not signal.slow:
                assert after[:, place].mean() == pytest.approx(before[:, place].mean(), abs=0.15), signal.name

    def test_it_takes_a_rise_of_40_db_within_two_seconds(self, name: str, groove: np.ndarray) -> None:
        rows = hear(name, np.concatenate([0.01 * groove[: 3 * RATE], groove[3 * RATE :]]))
        span = slice(-1000, -600)  # from 3.7 s after the jump on
        for place, signal in enumerate(signals(name)):
            if signal.level and not signal.decay and not signal.slow:
                mean = whole(name, groove)[span, place].mean()
                assert rows[span, place].mean() == pytest.approx(mean, abs=0.15), signal.name

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

    def test_it_reads_the_same_at_other_sample_rates(self, name: str) -> None:
        """Another rate is another length of the hop as well: 5.3 ms at 48 and 96 kHz, 5.8 ms at 44.1."""
        means = {}
        for rate in (44100, 48000, 96000):
            rows = hear(name, varied(rate), rate)
            edges = np.linspace(0, len(rows), 15).astype(int)
            means[rate] = np.array([rows[a:b].mean(axis=0) for a, b in itertools.pairwise(edges)])
        steady = [place for place, signal in enumerate(signals(name)) if not signal.decay]
        for rate in (44100, 96000) if steady else ():
            away = np.abs(means[rate] - means[48000])[:, steady]
            assert np.median(away) < 0.02
            assert away.mean() < 0.05, dict(
                zip([signals(name)[p].name for p in steady], away.mean(axis=0), strict=True)
            )


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
        rows = hear("bands", sound)[-50:, :3].mean(axis=0)
        assert rows[place] > 0.9
        assert rows[place] == rows.max()
        assert np.delete(rows, place).max() < 0.6


def test_the_centroid_is_in_octaves() -> None:
    t = np.arange(RATE) / RATE
    for hertz, reads in ((100.0, 0.0), (1000.0, 0.5), (10000.0, 1.0)):
        assert hear("centroid", np.sin(2 * np.pi * hertz * t))[-1, 0] == pytest.approx(reads, abs=0.05)


def last(name: str, signal: str, sound: np.ndarray, rate: int = RATE, seconds: float = 0.3) -> float:
    """The mean of one signal at the end of a sound."""
    place = [one.name for one in signals(name)].index(signal)
    return float(hear(name, sound, rate)[-round(seconds / Hop(rate).dt) :, place].mean())


def lufs(sound: np.ndarray, rate: int = RATE) -> float:
    return last("loudness", "audio.loudness.raw", sound, rate, 0.05) * 60.0 - 60.0


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_loudness_is_that_of_the_standard(rate: int) -> None:
    """ITU-R BS.1770-4: a sine of 997 Hz at full scale on one side is -3.01 LKFS; EBU Tech 3341: at -23 dBFS on both
    sides, 1 kHz, it is -23 LUFS; the low cut takes 100 Hz down by 1.1 dB, the shelf lifts 10 kHz by 4 dB."""
    t = np.arange(rate) / rate
    sine = np.sin(2 * np.pi * 997 * t)
    assert lufs(np.stack([sine, 0 * sine], axis=1), rate) == pytest.approx(-3.01, abs=0.05)
    assert lufs(10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * t), rate) == pytest.approx(-23.0, abs=0.1)
    low = lufs(0.1 * np.sin(2 * np.pi * 100 * t), rate) - lufs(0.1 * sine, rate)
    high = lufs(0.1 * np.sin(2 * np.pi * 10000 * t), rate) - lufs(0.1 * sine, rate)
    assert low == pytest.approx(-1.1 - 0.69, abs=0.15)
    assert high == pytest.approx(4.0 - 0.69, abs=0.15)


def test_the_weighting_is_the_same_sample_by_sample() -> None:
    """In blocks by matrices as in one go by recursion (scipy), at 48 kHz with the coefficients of the standard."""
    signal = pytest.importorskip("scipy.signal")
    noise = np.random.default_rng(0).standard_normal((4 * 1024, 2)).astype(np.float32)
    for size in (256, 1024):
        made = BlockFilter(k_weighting(48000), size)
        ours = np.concatenate([made.step(noise[at : at + size]).copy() for at in range(0, len(noise), size)])
        shelf = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585])
        cut = ([1.0, -2.0, 1.0], [1, -1.99004745483398, 0.99007225036621])
        theirs = signal.lfilter(*cut, signal.lfilter(*shelf, noise, axis=0), axis=0)
        assert np.abs(ours - theirs).max() < 1e-4


def test_each_of_the_twelve_notes_is_told_in_three_octaves() -> None:
    names = [signal.name for signal in signals("chroma")]
    for midi in range(48, 84):
        rows = hear("chroma", 0.3 * chord(440 * 2 ** ((midi - 69) / 12), seconds=0.6))[-20:].mean(axis=0)
        assert names[int(rows.argmax())] == names[midi % 12], midi
        assert np.sort(rows)[-2] < 0.6, midi


@pytest.mark.parametrize(("home", "mode"), [(0, "major"), (5, "major"), (9, "minor"), (10, "minor"), (3, "major")])
def test_the_key_of_a_cadence(home: int, mode: str) -> None:
    steps = (
        ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7))
        if mode == "major"
        else ((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7))
    )
    sound = np.concatenate([chord(*(261.63 * 2 ** ((home + s) / 12) for s in c), seconds=0.8) for c in steps * 2])
    assert round(last("key", "audio.key", sound) * 12) == home
    assert last("key", "audio.key.major", sound) == (mode == "major")
    assert last("key", "audio.key.confidence", sound) > 0.15
    assert key_name(home / 12, float(mode == "major")).endswith(mode)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_the_pitch_is_right_to_a_quarter_tone_over_five_octaves(rate: int) -> None:
    for hertz in 57.0 * 2 ** np.arange(0, 4.9, 0.31):
        pitch = last("pitch", "audio.pitch", 0.2 * chord(hertz, seconds=0.5, rate=rate), rate, 0.1)
        assert abs(12 * np.log2(hertz_of(pitch) / hertz)) < 0.3, hertz
        assert last("pitch", "audio.pitch.confidence", 0.2 * chord(hertz, seconds=0.5, rate=rate), rate, 0.1) > 0.8


def test_noise_has_no_pitch_and_is_flat_and_a_tone_is_neither() -> None:
    noise = 0.2 * np.random.default_rng(2).standard_normal(2 * RATE)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    assert last("pitch", "audio.pitch.confidence", noise) < 0.4
    assert last("flatness", "audio.flatness", noise) > 0.85
    assert last("flatness", "audio.flatness", tone) < 0.1


def test_drums_are_told_from_chords() -> None:
    random = np.random.default_rng(1)
    t = np.arange(2 * RATE) / RATE
    drums = random.standard_normal(2 * RATE) * np.exp(-(t % 0.25) / 0.02)
    chords = chord(220, 277, 330)
    assert last("harmonic", "audio.harmonic", drums, seconds=1.0) < 0.3
    assert last("harmonic", "audio.harmonic", chords, seconds=1.0) > 0.75
    assert last("harmonic", "audio.harmonic", 0.2 * random.standard_normal(2 * RATE), seconds=1.0) > 0.6


def test_the_width_is_that_of_the_two_sides() -> None:
    one, other = np.random.default_rng(4).standard_normal((2, RATE)) * 0.1
    for right, reads in ((one, 0.0), (other, 0.5), (-one, 1.0), (0 * one, 0.5)):
        assert last("width", "audio.width", np.stack([one, right], axis=1)) == pytest.approx(reads, abs=0.03)


def test_a_pause_is_silence_and_the_next_note_ends_it() -> None:
    music = 0.3 * chord(220, 330)
    sound = np.concatenate([music, 1e-4 * np.random.default_rng(0).standard_normal(RATE), music[: RATE // 4]])
    rows = hear("silence", sound)[:, 0]
    hops = Hop(RATE).dt
    assert rows[round(2.9 / hops)] > 0.99, "a noise floor 60 dB below is silence"
    assert rows[round(0.1 / hops) : round(2.0 / hops)].max() == 0.0
    assert rows[round(3.02 / hops)] == 0.0


def test_the_density_counts_onsets_a_second() -> None:
    for rate in (2.0, 6.0):
        clicks = np.zeros(12 * RATE)
        clicks[(np.arange(0.5, 12, 1 / rate) * RATE).astype(int)] = 0.8
        sound = clicks + 1e-4 * np.random.default_rng(0).standard_normal(len(clicks))
        assert last("density", "audio.density", sound, seconds=2.0) * 12 == pytest.approx(rate, abs=0.6)


def test_the_filters_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    for rate, window, bands in ((48000, 1024, 40), (44100, 2048, 64)):
        theirs = librosa.filters.mel(sr=rate, n_fft=window, n_mels=bands, fmin=20.0, fmax=16000.0)
        assert np.allclose(mel_bank(rate, window, bands), theirs, atol=1e-7)
    for rate, window in ((12000.0, 4096), (11025.0, 2048)):
        theirs = librosa.filters.chroma(sr=rate, n_fft=window)
        assert np.allclose(chroma_bank(rate, window), theirs, atol=1e-5)
