from __future__ import annotations

import itertools

import pytest

from perform.control.lfo import SHAPES, Lfos, lfo_knobs, wave
from perform.engine.clock import FixedClock
from perform.engine.parameters import Parameters


def play(fps: float, seconds: float, bpm: float = 0.0, **settings: float | str) -> list[float]:
    tree = Parameters()
    tree.add("", lfo_knobs())
    for name, value in settings.items():
        tree.set(f"lfo.1.{name}", value)
    lfos = Lfos(lambda name: bpm if name == "beat.bpm" else tree.get(name))
    clock = FixedClock(fps)
    values = []
    for _ in range(int(fps * seconds) + 1):
        events = {event.name: event.value for event in lfos.poll(clock.tick())}
        assert set(events) == {"lfo.1", "lfo.2", "lfo.3", "lfo.4"}
        values.append(float(events["lfo.1"]))
    return values


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_stay_in_range_and_do_not_depend_on_the_frame_rate(shape: str) -> None:
    fine = play(120, 4, shape=shape, rate=0.37)
    coarse = play(30, 4, shape=shape, rate=0.37)
    assert all(0.0 <= value <= 1.0 for value in fine)
    assert fine[::4] == pytest.approx(coarse, abs=1e-9)
    assert fine == play(120, 4, shape=shape, rate=0.37)
    assert max(fine) - min(fine) > 0.2


@pytest.mark.parametrize("shape", ["sine", "triangle", "random"])
def test_continuous_shapes_do_not_jump(shape: str) -> None:
    values = [wave(shape, n / 1000) for n in range(5000)]
    assert max(abs(a - b) for a, b in itertools.pairwise(values)) < 0.01


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ("sine", [0.0, 0.5, 1.0, 0.5]),
        ("triangle", [0.0, 0.5, 1.0, 0.5]),
        ("saw", [0.0, 0.25, 0.5, 0.75]),
        ("square", [1.0, 1.0, 0.0, 0.0]),
    ],
)
def test_quarters_of_a_cycle(shape: str, values: list[float]) -> None:
    assert [wave(shape, quarter / 4) for quarter in range(4)] == pytest.approx(values)


def test_oscillators_throw_different_dice() -> None:
    assert [wave("random", n, seed=0) for n in range(9)] != [wave("random", n, seed=1) for n in range(9)]


def test_sync_follows_the_beat() -> None:
    values = play(60, 4, bpm=60, shape="saw", sync=1.0, beats=4.0)  # one cycle takes 4 s
    assert values[60] == pytest.approx(0.25)
    assert play(60, 2, bpm=0, shape="saw", sync=1.0, beats=4.0)[60] == pytest.approx(0.5)  # 120 where nobody knows
