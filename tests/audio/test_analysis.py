from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from perform.audio.analysis import Analysis
from perform.engine.signals import Event, Signals

RATE = 48000


def listen(sound: np.ndarray, block: int = 256, rate: int = RATE) -> list[Event]:
    analysis = Analysis(rate)
    events: list[Event] = []
    for start in range(0, len(sound), block):
        part = sound[start : start + block]
        events += analysis.feed(part, (start + len(part)) / rate)
    return events


def pulses(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.decay > 0]


def test_every_event_is_a_signal_that_says_what_it_means(groove: np.ndarray) -> None:
    analysis = Analysis(RATE)
    events = analysis.feed(groove[: 4 * RATE], 4.0)
    known = {signal.name: signal for signal in analysis.signals}
    assert len(known) == len(analysis.signals)
    assert all(signal.doc for signal in analysis.signals)
    heard = {event.name for event in listen(groove[: 6 * RATE])}
    assert heard <= set(known)
    assert {"audio.rms", "audio.low", "audio.mid", "audio.high", "audio.onset", "audio.centroid", "audio.kick"} <= heard
    assert {"beat.bpm", "beat.phase", "beat.pulse", "beat.confidence", "bar.phase"} <= heard
    assert all(event.decay == known[event.name].decay for event in events)


def test_two_runs_are_equal(groove: np.ndarray) -> None:
    assert listen(groove[: 3 * RATE]) == listen(groove[: 3 * RATE])


@pytest.mark.parametrize("block", [100, 1024, 5000])
def test_how_the_sound_is_cut_into_blocks_changes_nothing(groove: np.ndarray, block: int) -> None:
    whole, cut = listen(groove[: 4 * RATE]), listen(groove[: 4 * RATE], block)
    assert [(event.name, event.value) for event in pulses(whole)] == [(e.name, e.value) for e in pulses(cut)]
    assert [event.time for event in pulses(whole)] == pytest.approx([event.time for event in pulses(cut)])
    assert whole[-4:] == cut[-4:] or block > 256  # the last values, where the last block ends with the same hop


def test_what_comes_later_changes_nothing_before(groove: np.ndarray) -> None:
    cut = 3 * RATE // 256 * 256
    other = np.concatenate([groove[:cut], -np.ones(RATE)])
    before = [event for event in listen(groove[: cut + RATE]) if event.time <= cut / RATE]
    assert before == [event for event in listen(other) if event.time <= cut / RATE]


def test_all_values_are_finite_and_signals_stay_in_range_with_bad_samples(groove: np.ndarray) -> None:
    sound = groove[: 3 * RATE].copy()
    sound[RATE : RATE + 5000] = np.nan
    sound[2 * RATE :: 501] = np.inf
    stereo = np.stack([sound, groove[: 3 * RATE]], axis=1)
    for event in listen(stereo):
        assert isinstance(event.value, float)
        assert np.isfinite(event.value)
        assert 0 <= event.value <= 1 or event.name in {"beat.bpm", "bar.beats"}


def test_silence_says_nothing_but_that_it_is_silent() -> None:
    events = listen(np.zeros((2 * RATE, 2)))
    assert not pulses(events)
    said = {event.name: event.value for event in events}
    assert said["audio.silence"] == 1
    assert not [name for name, value in said.items() if value and name.startswith("audio.") and name != "audio.silence"]
    assert said["beat.confidence"] == 0


def test_events_bear_the_time_of_their_sound() -> None:
    sound = np.random.default_rng(0).standard_normal(2 * RATE) * 1e-4
    sound[RATE : RATE + 50] += 0.5
    analysis = Analysis(RATE)
    onsets = [event for event in analysis.feed(sound, 102.0) if event.name == "audio.onset"]
    assert [event.time for event in onsets if event.time > 100.5] == pytest.approx([101.0], abs=0.011)


def test_pulses_fall_by_themselves_in_the_signals(groove: np.ndarray) -> None:
    signals = Signals()
    signals.update([event for event in listen(groove[: 2 * RATE]) if event.name == "audio.kick"], 1 / 60)
    struck = signals.get("audio.kick")
    signals.update([], 0.5)
    assert 0 < signals.get("audio.kick") < 0.1 * struck
