"""The watch over a run: the four failures of Ahn et al., and healthy runs that it lets go on."""

import io
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.guard import Watch, look, watch_of
from models.studies.scenes import scenes
from tests.models.playing import playing  # noqa: F401  a fixture for all of the file

REAL = scenes("circle", 64, 32, seed=1)
MADE = scenes("circle", 16, 32, seed=2)


def first_alarm(
    watch: Watch, pictures: Callable[[int], Tensor], d: Callable[[int], float], steps: int = 1000
) -> tuple[int, tuple[str, ...]]:
    """The step and the alarms of the first alarm; (steps, ()) without one."""
    for step in range(steps):
        said = watch.add(step, {"d": d(step), "g": 1.0}, pictures(step) if watch.wants(step) else None)
        if said:
            return step, said
    return steps, ()


def alive(step: int) -> Tensor:
    """Pictures that go on changing a little."""
    return MADE + 0.05 * (-1) ** (step // 50)


def test_a_healthy_run_raises_no_alarm() -> None:
    assert first_alarm(watch_of(REAL), alive, lambda _: 0.9) == (1000, ())


def test_a_network_from_nothing_is_left_alone_until_it_has_settled() -> None:
    watch = watch_of(REAL, settle=500)
    grey = torch.zeros(16, 3, 32, 32)
    step, said = first_alarm(watch, lambda _: grey, lambda _: 0.9)
    assert said == ("collapse", "sparse")
    assert 500 <= step <= 600


@pytest.mark.parametrize(
    ("alarm", "broken"),
    [
        ("collapse", MADE[:1].expand(16, -1, -1, -1)),
        ("saturation", torch.where(MADE > 0, 1.0, -1.0)),
        ("sparse", -0.8 + 0.02 * MADE),
        ("not finite", MADE / 0),
    ],
)
def test_what_breaks_on_the_way_is_seen_within_two_hundred_steps(alarm: str, broken: Tensor) -> None:
    watch = watch_of(REAL, settle=0)
    step, said = first_alarm(watch, lambda s: alive(s) if s < 300 else broken, lambda _: 0.9)
    assert alarm in said
    assert 300 <= step <= 500


def test_a_plateau_is_a_lost_discriminator_and_pictures_that_stand_still() -> None:
    def lost(step: int) -> float:
        return 0.9 if step < 200 else 0.01

    step, said = first_alarm(watch_of(REAL), lambda _: MADE, lost)
    assert said == ("plateau",)
    assert step <= 700
    assert first_alarm(watch_of(REAL), alive, lost) == (1000, ())  # the pictures still move
    assert first_alarm(watch_of(REAL), lambda _: MADE, lambda _: 0.9) == (1000, ())  # D has not lost


def test_one_odd_look_is_no_alarm() -> None:
    grey = torch.zeros(16, 3, 32, 32)
    watch = watch_of(REAL, settle=0)
    assert first_alarm(watch, lambda step: grey if step == 500 else alive(step), lambda _: 0.9) == (1000, ())


def test_a_loss_that_is_no_number_is_an_alarm_at_once() -> None:
    assert Watch().add(3, {"d": math.nan}) == ("not finite",)


def test_without_a_home_the_most_diverse_look_so_far_is_it() -> None:
    watch = Watch(settle=0)
    one = MADE[:1].expand(16, -1, -1, -1)
    assert first_alarm(watch, lambda _: one + 0.0 * MADE, lambda _: 0.9, 200)[1] == ("collapse",)  # one for all, ever
    watch = Watch(settle=0)
    step, said = first_alarm(watch, lambda s: alive(s) if s < 300 else one, lambda _: 0.9)
    assert "collapse" in said
    assert 300 <= step <= 500


def test_a_watch_that_was_kept_goes_on_as_if_it_had_not_stopped() -> None:
    def go_on(stop: int | None) -> list[tuple[str, ...]]:
        watch, said = watch_of(REAL, settle=0), []
        for step in range(400):
            if step == stop:
                kept = io.BytesIO()
                torch.save(watch.state(), kept)
                kept.seek(0)
                watch = watch_of(REAL, settle=0)
                watch.load(torch.load(kept, weights_only=True))
            shown = MADE[:1].expand(16, -1, -1, -1) if step >= 200 else alive(step)
            said.append(watch.add(step, {"d": 0.5}, shown if watch.wants(step) else None))
        return said

    assert go_on(None) == go_on(230)
    assert any(go_on(None))


def test_after_a_rollback_the_alarm_is_not_repeated() -> None:
    watch = watch_of(REAL, settle=0)
    grey = torch.zeros(16, 3, 32, 32)
    first_alarm(watch, lambda _: grey, lambda _: 0.9)
    watch.forget()
    assert watch.add(0, {"d": 0.9}, alive(0)) == ()
    assert watch.seen is not None
    assert watch.seen.diversity == look(alive(0)).diversity
