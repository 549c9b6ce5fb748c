from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from perform.engine.beat import BeatClock, Wish
from perform.engine.clock import Tick
from perform.engine.problems import Problems
from perform.engine.pulses import MidiClock, Taps
from perform.engine.signals import Event

FPS = 60.0


class Player:
    """A clock that is asked 60 times a second, with events at their own times."""

    def __init__(self, problems: Problems | None = None) -> None:
        self.clock = BeatClock(problems)
        self.index = -1
        self.rows: list[dict[str, float]] = []
        self.pulses: list[float] = []
        self.bars: list[float] = []

    def play(
        self, until: float, events: Iterable[Event] = (), wish: Wish | Callable[[float], Wish] | None = None
    ) -> None:
        waiting = sorted(events, key=lambda event: event.time)
        while (self.index + 1) / FPS < until:
            self.index += 1
            time = self.index / FPS
            now = [event for event in waiting if event.time <= time]
            waiting = waiting[len(now) :]
            row = {"time": time}
            for event in self.clock.step(now, Tick(self.index, time, 1 / FPS), wish(time) if callable(wish) else wish):
                if isinstance(event.value, str):
                    continue
                row[event.name] = float(event.value)
                if event.name == "beat.pulse":
                    self.pulses.append(event.time)
                if event.name == "bar.pulse":
                    self.bars.append(event.time)
            self.rows.append(row)

    def column(self, name: str) -> np.ndarray:
        return np.array([row.get(name, np.nan) for row in self.rows])


def ear(bpm: float, first: float, start: float, end: float, confidence: float = 0.8) -> list[Event]:
    """What the tracker says, 100 times a second."""
    events = []
    for time in np.arange(start, end, 0.01):
        beats = (time - first) * bpm / 60
        events += [
            Event("beat.bpm", bpm, time),
            Event("beat.phase", beats % 1, time),
            Event("bar.phase", beats / 4 % 1, time),
            Event("beat.confidence", confidence, time),
        ]
    return events


def midi_clock(bpm: float, start: float, end: float, jitter: float = 0.0) -> list[Event]:
    random = np.random.default_rng(2)
    times = np.arange(start, end, 60 / bpm / 24)
    events = [Event("midi.start", 1.0, start - 0.001)]
    return events + [Event("midi.clock", 1.0, float(time + jitter * abs(random.standard_normal()))) for time in times]


def error(times: list[float], bpm: float, first: float) -> np.ndarray:
    return (np.array(times) - first + 30 / bpm) % (60 / bpm) - 30 / bpm


def advances(player: Player) -> np.ndarray:
    """How far the phase went from frame to frame, in beats."""
    phase = player.column("beat.phase")
    step = np.diff(phase[~np.isnan(phase)])
    return (step + 0.5) % 1.0 - 0.5


def test_nobody_has_spoken_and_nothing_is_said() -> None:
    player = Player()
    player.play(1.0)
    assert all(set(row) == {"time"} for row in player.rows)


def test_the_ear_alone_is_followed_to_the_millisecond() -> None:
    player = Player()
    player.play(10.0, ear(128, 0.3, 0, 10))
    assert np.abs(error(player.pulses[1:], 128, 0.3)).max() < 1e-3
    assert np.abs(error(player.bars[1:], 32, 0.3)).max() < 1e-3
    assert player.clock.who == "ear"


def test_a_pulse_comes_with_the_first_frame_after_its_beat() -> None:
    player = Player()
    player.play(6.0, ear(120, 0.25, 0, 6))
    frames = [row["time"] for row in player.rows if "beat.pulse" in row]
    assert max(np.array(frames) - np.array(player.pulses)) < 1 / FPS + 1e-6


def test_the_offset_moves_the_beat_earlier_and_later() -> None:
    for offset in (0.08, -0.06):
        player = Player()
        player.play(8.0, ear(120, 0.0, 0, 8), Wish(offset=offset))
        frames = np.array([row["time"] for row in player.rows if "beat.pulse" in row])[2:]
        early = -error(list(frames), 120, 0.0)
        assert np.abs(early - offset).max() < 1 / FPS + 1e-6


def test_taps_lead_while_the_hand_is_on_it_and_then_the_ear_comes_back() -> None:
    player = Player()
    taps = [Event("beat.tap", 1.0, 4.0 + 0.5 * n) for n in range(8)]
    player.play(9.0, ear(90, 0.0, 0, 9) + taps)
    assert player.clock.who == "tap"
    assert player.rows[-1]["beat.bpm"] == pytest.approx(120, abs=0.5)
    assert np.abs(error([time for time in player.pulses if time > 6.5], 120, 4.0)).max() < 0.02
    player.play(26.0, ear(90, 0.0, 9, 26))
    assert player.clock.who == "ear"
    assert np.abs(error([time for time in player.pulses if time > 23], 90, 0.0)).max() < 0.01
    assert advances(player).min() >= -1e-9


def test_taps_stay_while_the_ear_is_not_sure() -> None:
    player = Player()
    player.play(40.0, ear(90, 0.0, 0, 40, confidence=0.1) + [Event("beat.tap", 1.0, 1.0 + 0.5 * n) for n in range(6)])
    assert player.clock.who == "tap"
    assert player.rows[-1]["beat.bpm"] == pytest.approx(120, abs=0.5)


def test_one_late_tap_does_little() -> None:
    taps = Taps()
    for number in range(9):
        taps.tap(1.0 + 0.5 * number + (0.06 if number == 5 else 0.0))
    assert taps.pace is not None
    assert taps.pace.bpm == pytest.approx(120, rel=0.02)
    assert taps.pace.at(5.0) % 1 == pytest.approx(0.0, abs=0.05) or taps.pace.at(5.0) % 1 > 0.95


def test_new_taps_after_a_pause_are_a_new_tempo() -> None:
    taps = Taps()
    for time in (1.0, 1.5, 2.0, 2.5, 9.0, 9.8, 10.6, 11.4):
        taps.tap(time)
    assert taps.pace is not None
    assert taps.pace.bpm == pytest.approx(75, rel=0.01)
    assert taps.pace.at(9.0) == pytest.approx(0.0, abs=0.02)


def test_a_midi_clock_is_followed_through_its_jitter() -> None:
    player = Player()
    player.play(12.0, ear(100, 0.1, 0, 12) + midi_clock(126, 1.0, 12.0, jitter=0.002))
    assert player.clock.who == "midi"
    late = error([time for time in player.pulses if time > 4], 126, 1.0)
    assert abs(np.median(late)) < 0.004  # pulses only ever come late: their mean delay stays
    assert late.std() < 0.001
    assert np.std(player.column("beat.bpm")[-300:]) < 0.3
    assert np.abs(error([time for time in player.bars if time > 4], 31.5, 1.0)).max() < 0.006
    assert advances(player).min() >= -1e-9


def test_a_midi_clock_that_stops_is_said_once_and_left() -> None:
    problems = Problems()
    player = Player(problems)
    player.play(14.0, ear(100, 0.1, 0, 14) + midi_clock(126, 1.0, 6.0))
    assert player.clock.who == "ear"
    said = [problem.text for problem in problems.history]
    assert len(said) == 1
    assert "MIDI clock has stopped" in said[0]
    assert advances(player).min() >= -1e-9
    assert np.abs(error([time for time in player.pulses if time > 10], 100, 0.1)).max() < 0.01


def test_lost_pulses_and_a_new_tempo_do_not_unseat_the_loop() -> None:
    clock = MidiClock()
    period = 60 / 120 / 24
    for number in range(480):
        if number not in {100, 200, 201}:
            clock.pulse(number * period)
    assert clock.pace is not None
    assert clock.pace.at(480 * period) == pytest.approx(20.0, abs=0.02)
    at = 480 * period
    for number in range(240):
        clock.pulse(at + number * 60 / 140 / 24)
    assert clock.pace.bpm == pytest.approx(140, rel=0.01)


def test_a_position_says_where_in_the_song_we_are() -> None:
    clock = MidiClock()
    clock.position(8)  # sixteenths: the third beat
    for number in range(25):
        clock.pulse(5.0 + number * 0.02)
    assert clock.pace is not None
    assert clock.pace.at(5.48) == pytest.approx(3.0, abs=0.02)


def test_a_tempo_by_hand_goes_before_all_and_on_from_where_the_beat_is() -> None:
    player = Player()
    player.play(
        10.0, ear(100, 0.0, 0, 10) + midi_clock(126, 1, 10), lambda time: Wish(manual_bpm=150 if time > 5 else 0)
    )
    assert player.clock.who == "manual"
    assert player.rows[-1]["beat.bpm"] == 150
    step = advances(player)
    assert step.min() >= -1e-9
    assert step[-100:] == pytest.approx(150 / 60 / FPS, abs=1e-6)


def test_the_beat_runs_on_when_all_are_silent() -> None:
    player = Player()
    player.play(12.0, ear(110, 0.0, 0, 5))
    assert player.clock.who == "free"
    assert np.abs(error([time for time in player.pulses if time > 8], 110, 0.0)).max() < 0.005


def test_link_leads_only_with_somebody_else_in_the_session() -> None:
    def link(peers: float) -> list[Event]:
        events = []
        for time in np.arange(0, 6, 0.05):
            events += [
                Event("link.bpm", 133.0, time),
                Event("link.beat", time * 133 / 60, time),
                Event("link.peers", peers, time),
            ]
        return events

    for peers, who in ((0.0, "ear"), (1.0, "link")):
        player = Player()
        player.play(6.0, ear(100, 0.0, 0, 6) + link(peers))
        assert player.clock.who == who
    assert np.abs(error([time for time in player.pulses if time > 3], 133, 0.0)).max() < 0.005


def test_a_source_that_was_chosen_is_the_only_one() -> None:
    player = Player()
    player.play(6.0, ear(100, 0.0, 0, 6) + midi_clock(126, 1, 6), Wish(source="ear"))
    assert player.rows[-1]["beat.bpm"] == 100


def test_the_one_is_where_the_hand_says() -> None:
    player = Player()
    player.play(10.0, [*ear(120, 0.0, 0, 10), Event("beat.one", 1.0, 3.52)])
    assert np.abs(error([time for time in player.bars if time > 4], 30, 3.5)).max() < 0.01


def test_an_ear_that_jumps_does_not_make_the_beat_jump() -> None:
    player = Player()
    player.play(10.0, ear(120, 0.0, 0, 5) + ear(120, 0.2, 5, 10))
    step = advances(player)
    assert step.min() >= -1e-9
    assert step.max() < 4.5 * 120 / 60 / FPS
    assert np.abs(error([time for time in player.pulses if time > 8], 120, 0.2)).max() < 0.005
    assert (np.diff(player.pulses) > 0.25).all()


def test_what_is_no_number_is_not_taken() -> None:
    player = Player()
    player.play(2.0, [*ear(120, 0.0, 0, 2), Event("beat.bpm", float("nan"), 1.0), Event("midi.clock", "x", 1.0)])
    assert player.rows[-1]["beat.bpm"] == 120
