from __future__ import annotations

import math
import threading

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
