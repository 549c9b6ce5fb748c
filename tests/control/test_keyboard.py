from __future__ import annotations

import pytest

from models.knobs import trigger
from perform.control.keyboard import KEYS, Keyboard, help_lines, show_knobs
from perform.engine.clock import FixedClock
from perform.engine.parameters import Parameters


@pytest.fixture
def tree() -> Parameters:
    tree = Parameters()
    tree.add("", show_knobs())
    tree.add("", (trigger("show.save"), trigger("listen.earlier"), trigger("listen.later")))
    return tree


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(60)


def presses(tree: Parameters, clock: FixedClock, *keys: str) -> list[tuple[str, float | str]]:
    keyboard = Keyboard(clock, tree.get)
    for key in keys:
        keyboard.press(key, (), "press")
    return [(event.name, event.value) for event in keyboard.poll(clock.tick())]


@pytest.mark.parametrize("key", [key for key in KEYS if key.keys != ("escape",)], ids=lambda key: key.label)
def test_every_key_of_the_table_plays_a_parameter_that_is_there(key, tree, clock) -> None:
    for name in key.keys:
        ((parameter, value),) = presses(tree, clock, name)
        tree.set(parameter, value)


def test_keys_are_used_once() -> None:
    names = [name for key in KEYS for name in key.keys]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("key", "event"),
    [
        ("h", ("show.hud", 1.0)),
        ("b", ("blackout", 1.0)),
        ("left", ("show.previous", 1.0)),
        ("right", ("show.next", 1.0)),
        ("1", ("show.preset", 1.0)),
        ("9", ("show.preset", 9.0)),
        ("0", ("home", 1.0)),
    ],
)
def test_keys(key: str, event: tuple[str, float], tree, clock) -> None:
    assert presses(tree, clock, key) == [event]


def test_a_switch_flips_from_where_it_stands(tree, clock) -> None:
    tree.set("freeze", 1.0)  # by OSC, say
    assert presses(tree, clock, "f") == [("freeze", 0.0)]
    assert presses(tree, clock, "f", "f") == [("freeze", 0.0), ("freeze", 1.0)]


def test_releases_repeats_shortcuts_and_strange_keys_do_nothing(tree, clock) -> None:
    keyboard = Keyboard(clock, tree.get)
    keyboard.press("f", (), "release")
    keyboard.press("f", (), "repeat")
    keyboard.press("s", ("control",), "press")
    keyboard.press("", (), "press")
    assert list(keyboard.poll(clock.tick())) == []


def test_escape_must_be_pressed_twice_in_time(tree) -> None:
    clock = FixedClock(1)  # a second a frame
    keyboard = Keyboard(clock, tree.get)
    tick = clock.tick()
    keyboard.press("escape", (), "press")
    assert keyboard.hint == "Esc again to end the show"
    assert list(keyboard.poll(tick)) == []
    clock.tick()
    clock.tick()
    assert keyboard.hint == ""
    keyboard.press("escape", (), "press")
    assert list(keyboard.poll(tick)) == []
    keyboard.press("escape", (), "press")
    (event,) = keyboard.poll(tick)
    assert (event.name, event.value, event.hand) == ("show.quit", 1.0, True)


def test_help_names_every_key() -> None:
    assert len(help_lines()) == len(KEYS)
    assert all(label and text for label, text in help_lines())
