from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest

from perform.engine.parameters import Parameters
from perform.engine.patch import CURVES, Patch, Route, bend
from perform.engine.problems import UserError
from perform.engine.signals import Event, EventQueue, Signals


def test_the_last_word_on_a_name_counts() -> None:
    signals = Signals()
    signals.update([Event("a", 0.2, 0.0), Event("a", 0.9, 0.01)], 0.016)
    assert signals.get("a") == 0.9
    assert signals.get("never spoken") == 0.0


def test_a_pulse_jumps_and_falls_by_itself_at_any_frame_rate() -> None:
    ends = []
    for fps in (20, 60, 144):
        signals = Signals()
        signals.update([Event("hit", 1.0, 0.0, decay=0.2)], 1 / fps)
        assert signals.get("hit") == 1.0
        for _ in range(fps):
            signals.update([], 1 / fps)
        ends.append(signals.get("hit"))
    assert ends == pytest.approx([math.exp(-5)] * 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, "a word"])
def test_what_is_no_number_never_becomes_a_signal(bad: float | str) -> None:
    signals = Signals()
    signals.update([Event("a", 0.5, 0.0), Event("a", bad, 0.1)], 0.016)
    assert signals.get("a") == 0.5


def test_the_queue_keeps_order_over_threads_and_counts_what_it_drops() -> None:
    queue = EventQueue(capacity=4000)
    threads = [
        threading.Thread(target=lambda n=n: [queue.put(Event(f"t{n}", i, 0.0)) for i in range(1000)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = queue.drain()
    assert len(events) == 4000
    for n in range(4):
        assert [e.value for e in events if e.name == f"t{n}"] == list(range(1000))
    for i in range(4100):
        queue.put(Event("x", i, 0.0))
    assert queue.dropped == 100
    assert queue.drain()[-1].value == 4099


def test_several_routes_on_one_parameter_add_up(parameters: Parameters) -> None:
    patch = Patch([Route("a", "walk.truncation_psi", 0.2), Route("b", "walk.truncation_psi", -0.1)], parameters)
    signals = Signals()
    signals.update([Event("a", 1.0, 0.0), Event("b", 0.5, 0.0)], 0.016)
    assert patch.play(signals, parameters, 0.016)["walk.truncation_psi"] == pytest.approx(0.7 + 0.2 - 0.05)


def test_attack_and_release_are_seconds_at_any_frame_rate(parameters: Parameters) -> None:
    heights = []
    for fps in (25, 60, 240):
        patch = Patch([Route("a", "shader.echo.amount", 0.5, attack=0.1, release=0.5)], parameters)
        signals = Signals()
        signals.update([Event("a", 1.0, 0.0)], 0)
        for _ in range(fps // 5):
            up = patch.play(signals, parameters, 1 / fps)["shader.echo.amount"]
        signals.update([Event("a", 0.0, 1.0)], 0)
        for _ in range(fps // 5):
            down = patch.play(signals, parameters, 1 / fps)["shader.echo.amount"]
        heights.append((up, down))
    rise = 1 - math.exp(-2)
    for up, down in heights:
        assert up == pytest.approx(0.5 + 0.5 * rise)
        assert down == pytest.approx(0.5 + 0.5 * rise * math.exp(-0.4))


def test_a_route_without_attack_follows_a_hand_between_two_frames(parameters: Parameters) -> None:
    patch = Patch(
        [Route("midi.cc.1", "shader.echo.amount", 0.5), Route("b", "walk.speed", 1.0, attack=0.1)], parameters
    )
    signals = Signals()
    signals.update([Event("midi.cc.1", 1.0, 0.0), Event("b", 1.0, 0.0)], 0.0)
    values = patch.play(signals, parameters, 0.0)
    assert values["shader.echo.amount"] == 1.0
    assert values["walk.speed"] == 0.25


def test_a_route_to_nowhere_is_named(parameters: Parameters) -> None:
    with pytest.raises(UserError, match=r'walk\.sped.*Did you mean "walk\.speed"'):
        Patch([Route("a", "walk.sped", 1.0)], parameters)


@pytest.mark.parametrize("curve", CURVES)
def test_every_curve_keeps_zero_to_one_inside_it_and_moves(curve: str) -> None:
    y = bend(curve, np.linspace(0, 1, 101))
    assert y.min() >= 0
    assert y.max() <= 1
    assert np.all(np.diff(y) >= 0) or curve == "inverse"
    assert y[0] != y[-1]


def test_no_routes_means_the_base_values(parameters: Parameters) -> None:
    values = Patch((), parameters).play(Signals(), parameters, 0.016)
    assert values["walk.speed"] == parameters.get("walk.speed")


def played(route: Route, parameters: Parameters, fps: int, script: Callable[[float], dict[str, float]], seconds: float):
    """How far a route moves, frame by frame `[T]`, with the signals that `script` gives for each time."""
    patch, signals, moved = Patch([route], parameters), Signals(), []
    for frame in range(round(seconds * fps)):
        now = (frame + 1) / fps
        signals.update([Event(name, value, now) for name, value in script(now).items()], 1 / fps)
        patch.play(signals, parameters, 1 / fps)
        moved.append(float(patch.moved[0]))
    return np.array(moved)


RATES = (25, 60, 240)


def test_below_the_threshold_a_signal_counts_as_nothing_and_1_stays_1(parameters: Parameters) -> None:
    route = Route("a", "shader.echo.amount", 0.5, threshold=0.4)
    for fps in RATES:
        ramp = played(route, parameters, fps, lambda now: {"a": now}, 1.0)
        assert not ramp[: int(0.4 * fps)].any()
        assert ramp[-1] == pytest.approx(1.0)
        assert ramp[round(0.7 * fps) - 1] == pytest.approx(0.5, abs=1.0 / fps)
    assert played(route, parameters, 60, lambda now: {"a": -1.0}, 0.1)[-1] == -1.0


@pytest.mark.parametrize("fps", RATES)
def test_hold_keeps_a_rise_at_its_height_for_its_seconds(parameters: Parameters, fps: int) -> None:
    route = Route("a", "shader.echo.amount", 0.5, hold=0.5)
    line = played(route, parameters, fps, lambda now: {"a": 1.0 if now <= 0.2 else 0.3}, 1.5)
    up = np.flatnonzero(line == 1.0) / fps
    assert up[-1] == pytest.approx(0.7, abs=1.5 / fps)
    assert line[-1] == pytest.approx(0.3)
    again = played(route, parameters, fps, lambda now: {"a": 0.9 if 0.4 < now < 0.5 else 0.5 * (now < 0.3)}, 0.8)
    assert again.max() == pytest.approx(0.9), "a higher rise is not kept out by a lower one that is held"


def beat(now: float, bpm: float = 120.0) -> dict[str, float]:
    beats = now * bpm / 60.0
    return {"beat.bpm": bpm, "beat.phase": beats % 1.0, "bar.phase": beats / 4 % 1.0}


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(("word", "every"), [("quarter", 0.125), ("half", 0.25), ("beat", 0.5), ("bar", 2.0)])
def test_a_quantised_route_moves_on_the_grid_of_the_beat_only(
    parameters: Parameters, fps: int, word: str, every: float
) -> None:
    route = Route("a", "shader.echo.amount", 0.5, quantise=word)
    line = played(route, parameters, fps, lambda now: beat(now) | {"a": now / 5.0}, 4.9)
    changes = (np.flatnonzero(np.diff(line)) + 2) / fps
    assert len(changes) == int(4.9 / every)
    assert np.abs(changes / every - np.rint(changes / every)).max() * every < 1.01 / fps


@pytest.mark.parametrize("fps", RATES)
def test_a_short_hit_waits_for_the_next_beat_and_lasts_until_the_one_after(parameters: Parameters, fps: int) -> None:
    route = Route("a", "shader.echo.amount", 0.5, quantise="beat")
    line = played(route, parameters, fps, lambda now: beat(now) | {"a": 0.8 * (0.6 <= now < 0.7)}, 2.5)
    up = (np.flatnonzero(line == 0.8) + 1) / fps
    assert up[0] == pytest.approx(1.0, abs=1.01 / fps)
    assert up[-1] == pytest.approx(1.5, abs=1.01 / fps)
    assert set(line) == {0.0, 0.8}


def test_without_a_beat_a_quantised_route_lets_all_through(parameters: Parameters) -> None:
    line = played(Route("a", "walk.speed", 1.0, quantise="beat"), parameters, 60, lambda now: {"a": now}, 0.5)
    assert line == pytest.approx(np.arange(1, 31) / 60)


def test_a_phase_that_is_drawn_back_a_little_is_no_beat(parameters: Parameters) -> None:
    route = Route("a", "walk.speed", 1.0, quantise="beat")
    line = played(route, parameters, 60, lambda now: {"beat.bpm": 120, "beat.phase": 0.5 - 0.1 * now, "a": now}, 1.0)
    assert not line.any()
