"""The generator's benchmark counts right, on a clock of our own."""

from itertools import count

from models.bench import bench_generator, summary, take_turns


def test_calls_take_turns_and_the_warm_up_does_not_count() -> None:
    order: list[str] = []
    ticks = count()
    spans = take_turns(
        lambda: float(next(ticks)),
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")},
        frames=3,
        warm_up=1,
    )
    assert order == ["a", "b"] * 4
    assert spans == {"a": [1.0] * 3, "b": [1.0] * 3}


def test_the_summary_is_in_milliseconds() -> None:
    assert summary([0.01] * 99 + [0.5]) == {"min_ms": 10.0, "median_ms": 10.0, "p99_ms": 500.0, "fps": 100.0}


def test_a_row_for_each_form() -> None:
    ticks = count()
    rows = bench_generator(lambda: next(ticks) / 100, "cppn", frames=2, warm_up=0, forms=("eager float32",))
    assert [(row["form"], row["median_ms"], row["fps"], row["frames"]) for row in rows] == [
        ("eager float32", 10.0, 100.0, 2)
    ]
