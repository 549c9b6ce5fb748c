from __future__ import annotations

import pytest

from perform.control.keyboard import CONTROL, ESCAPE, KEYS, LEFT, PRESS, RIGHT, Keyboard, help_lines, show_knobs
from perform.engine.clock import FixedClock
from perform.engine.parameters import Parameters


@pytest.fixture
def tree() -> Parameters:
    tree = Parameters()
    tree.add("", show_knobs())
    return tree


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(60)


def presses(tree: Parameters, clock: FixedClock, *keys: int) -> list[tuple[str, float | str]]:
    keyboard = Keyboard(clock, tree.get)
    for key in keys:
        keyboard.press(key, 0, PRESS)
    return [(event.name, event.value) for event in keyboard.poll(clock.tick())]


@pytest.mark.parametrize("key", [key for key in KEYS if key.codes != (ESCAPE,)], ids=lambda key: key.label)
def test_every_key_of_the_table_plays_a_parameter_that_is_there(key, tree, clock) -> None:
    for code in key.codes:
        ((name, value),) = presses(tree, clock, code)
        tree.set(name, value)


def test_codes_are_used_once() -> None:
    codes = [code for key in KEYS for code in key.codes]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("code", "event"),
    [
        (ord("H"), ("show.hud", 1.0)),
        (ord("B"), ("blackout", 1.0)),
        (LEFT, ("show.previous", 1.0)),
        (RIGHT, ("show.next", 1.0)),
        (ord("1"), ("show.preset", 1.0)),
        (ord("9"), ("show.preset", 9.0)),
        (ord("0"), ("home", 1.0)),
        (ord(" "), ("beat.tap", 1.0)),
    ],
)
def test_keys(code: int, event: tuple[str, float], tree, clock) -> None:
    assert presses(tree, clock, code) == [event]


def test_a_switch_flips_from_where_it_stands(tree, clock) -> None:
    tree.set("freeze", 1.0)  # by OSC, say
    assert presses(tree, clock, ord("F")) == [("freeze", 0.0)]
    assert presses(tree, clock, ord("F"), ord("F")) == [("freeze", 0.0), ("freeze", 1.0)]


def test_releases_repeats_shortcuts_and_strange_keys_do_nothing(tree, clock) -> None:
    keyboard = Keyboard(clock, tree.get)
    keyboard.press(ord("F"), 0, 0)
    keyboard.press(ord("F"), 0, 2)
    keyboard.press(ord("S"), CONTROL, PRESS)
    keyboard.press(-1, 0, PRESS)
    assert list(keyboard.poll(clock.tick())) == []


def test_escape_must_be_pressed_twice_in_time(tree) -> None:
    clock = FixedClock(1)  # a second a frame
    keyboard = Keyboard(clock, tree.get)
    tick = clock.tick()
    keyboard.press(ESCAPE, 0, PRESS)
    assert keyboard.hint == "Esc again to end the show"
    assert list(keyboard.poll(tick)) == []
    clock.tick()
    clock.tick()
    assert keyboard.hint == ""
    keyboard.press(ESCAPE, 0, PRESS)
    assert list(keyboard.poll(tick)) == []
    keyboard.press(ESCAPE, 0, PRESS)
    (event,) = keyboard.poll(tick)
    assert (event.name, event.value, event.hand) == ("show.quit", 1.0, True)


def test_help_names_every_key() -> None:
    assert len(help_lines()) == len(KEYS)
    assert all(label and text for label, text in help_lines())
