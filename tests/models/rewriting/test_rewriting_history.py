"""Keep, undo, home, and what a preset holds."""

from __future__ import annotations

import math
import random

import pytest

from models.rewriting.glitch import KNOBS, MOST_KEPT, NUMBERS, OPERATIONS, Glitch, History, glitch_at, glitch_of


def hand(**changes: float) -> dict[str, float]:
    return {knob.name: knob.default for knob in KNOBS} | changes


def test_the_knobs_stand_at_home() -> None:
    assert History().sounding(hand()) == ()
    assert {knob.name for knob in KNOBS} >= {"op", "layer", "percent_change", "strength", "seed", "undo", "keep"}
    assert hand()["percent_change"] == 30


def test_the_hand_plays_on_top_of_what_was_kept() -> None:
    history = History()
    first, second = hand(strength=0.5, seed=3), hand(strength=1, seed=4, op=float(OPERATIONS.index("exchange")))
    assert history.sounding(first) == (glitch_at(first),)
    assert history.keep(first)
    assert history.kept == history.sounding(first) == (glitch_at(first),)
    assert history.sounding(second) == (glitch_at(first), glitch_at(second))


def test_what_was_kept_is_not_done_twice_until_the_hand_moves() -> None:
    history = History()
    values = hand(strength=0.5, seed=3)
    assert history.keep(values)
    assert not history.keep(values)
    louder = values | {"strength": 0.9}
    assert len(history.sounding(louder)) == 1
    assert len(history.sounding(louder | {"strength": 0.0})) == 1
    assert len(history.sounding(louder)) == 2


def test_undo_takes_back_the_hand_and_then_the_stack() -> None:
    history = History()
    kept = [hand(strength=1, seed=float(k)) for k in range(3)]
    for values in kept:
        assert history.keep(values)
    live = hand(strength=1, seed=9)
    assert len(history.sounding(live)) == 4
    for left in (3, 2, 1, 0):
        assert history.undo(live)
        assert len(history.sounding(live)) == left
    assert not history.undo(live)
    assert len(history.sounding(hand(strength=1, seed=10))) == 1


def test_home_takes_back_all() -> None:
    history = History((Glitch(), Glitch(seed=2)))
    live = hand(strength=1)
    history.home(live)
    assert history.sounding(live) == history.kept == ()
    assert len(history.sounding(hand(strength=1, seed=1))) == 1


def test_a_stack_has_an_end() -> None:
    history = History()
    for k in range(MOST_KEPT + 8):
        assert history.keep(hand(strength=1, seed=float(k))) == (k < MOST_KEPT)
    assert len(history.kept) == MOST_KEPT
    with pytest.raises(ValueError, match="a stack holds 32"):
        history.recall((Glitch(),) * (MOST_KEPT + 1))


def test_a_preset_gives_the_same_stack() -> None:
    history = History()
    rng = random.Random(1)
    for _ in range(10):
        history.keep(hand(**{knob.name: rng.uniform(knob.low, knob.high) for knob in NUMBERS}))
    assert len(history.kept) == 10
    again = History()
    again.recall(tuple(glitch_of(glitch.as_data()) for glitch in history.kept))
    assert again.kept == history.kept
    assert glitch_of({"op": "splice", "seed": 4}) == Glitch("splice", seed=4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"op": "melt"}, "no operation 'melt' on weights; there are alter,"),
        ({"percent": 3}, "a glitch has no percent; it has op, layer,"),
        ({"percent_change": 130}, "percent_change is 0 to 100, not 130"),
        ({"strength": math.nan}, "strength is 0 to 1.5, not nan"),
        ({"seed": 1.5}, "seed is 0 to 1.67772e.07, not 1.5"),
        ({"layer": "b8"}, "layer is a number, not 'b8'"),
        ({"reach": True}, "reach is a number, not True"),
        ({"op": 3}, "no operation 3"),
    ],
)
def test_a_wrong_preset_says_what_is_wrong(data: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        glitch_of(data)


def test_foreign_numbers_become_playable() -> None:
    assert glitch_at({}) == Glitch(strength=0.0, layer=NUMBERS[1].default, reach=NUMBERS[2].default)
    wild = glitch_at({"op": 99.0, "seed": math.nan, "percent_change": math.inf, "strength": -math.inf, "layer": 7.0})
    assert (wild.op, wild.seed, wild.percent_change, wild.strength, wild.layer) == (OPERATIONS[-1], 0, 100, 0, 1)


def test_any_order_of_hands_keeps_to_the_rules() -> None:
    history = History()
    rng = random.Random(2)
    values = hand()
    for _ in range(3000):
        before = history.kept
        match rng.choice(("move", "move", "keep", "undo", "home")):
            case "move":
                knob = rng.choice(NUMBERS)
                values[knob.name] = rng.choice((knob.low, knob.high, rng.uniform(knob.low, knob.high), math.nan))
            case "keep":
                if history.keep(values):
                    assert history.kept[:-1] == before
            case "undo":
                sounding = len(history.sounding(values))
                assert history.undo(values) == (sounding > 0)
                assert len(history.sounding(values)) == max(sounding - 1, 0)
            case "home":
                history.home(values)
                assert history.sounding(values) == ()
        assert history.sounding(values)[: len(history.kept)] == history.kept
        assert len(history.sounding(values)) - len(history.kept) in (0, 1)
