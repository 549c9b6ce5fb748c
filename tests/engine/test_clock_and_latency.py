from __future__ import annotations

import pytest

from perform.engine.clock import FixedClock, WallClock, machine_time, sleep
from perform.engine.frame import Slot
from perform.engine.latency import Gauge, LatencyMeter


def test_the_fixed_clock_is_exact_and_never_waits() -> None:
    clock = FixedClock(30)
    ticks = [clock.tick() for _ in range(91)]
    assert ticks[90].time == 3.0
    assert {tick.dt for tick in ticks} == {1 / 30}
    before = machine_time()
    sleep(clock.left())
    assert machine_time() - before < 0.05


def test_the_wall_clock_holds_its_rate_without_vertical_sync() -> None:
    clock = WallClock(200)
    began = machine_time()
    for _ in range(60):
        clock.tick()
        sleep(clock.left())
    assert machine_time() - began >= 59 / 200


def test_after_a_stall_the_wall_clock_does_not_hurry_to_catch_up() -> None:
    clock = WallClock(50)
    clock.origin -= 2.0  # as if two seconds went by in one frame
    clock.tick()
    sleep(clock.left())
    began = machine_time()
    for _ in range(5):
        clock.tick()
        sleep(clock.left())
    assert machine_time() - began >= 4 / 50


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_rate_that_is_none_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="fps"):
        WallClock(fps)


def test_an_event_is_answered_by_the_first_presented_frame_made_from_its_request_or_later() -> None:
    meter = LatencyMeter()
    meter.touched(5, 1.00)
    meter.touched(6, 1.02)
    meter.presented(4, 1.03)
    assert meter.gauge.count == 0
    meter.presented(5, 1.04)
    assert meter.gauge.recent().tolist() == pytest.approx([0.04])
    meter.presented(9, 1.10)
    assert meter.gauge.recent().tolist() == pytest.approx([0.04, 0.08])


def test_a_gauge_keeps_the_newest_in_fixed_memory() -> None:
    gauge = Gauge(100)
    for i in range(250):
        gauge.add(i)
    assert gauge.recent().tolist() == list(range(150, 250))
    assert gauge.median == pytest.approx(199.5)
    assert gauge.count == 250
    assert Gauge().p99 == 0.0


def test_in_a_slot_the_newest_wins() -> None:
    slot: Slot[int] = Slot()
    assert slot.take() is None
    slot.put(1)
    slot.put(2)
    assert slot.take() == 2
    assert slot.take() is None
