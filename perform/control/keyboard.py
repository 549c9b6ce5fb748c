"""Keys to events. `KEYS` is the whole map: it plays, it is the help overlay, and it is the table in the README.

The window's key callback calls `Keyboard.press` on the main thread. Codes are GLFW's: printable keys are their capital
letter on a US layout, the others the numbers below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.knobs import Knob, toggle, trigger
from perform.engine.clock import Clock, Tick
from perform.engine.signals import Event

ESCAPE, ENTER, RIGHT, LEFT, HOME, F1, F11 = 256, 257, 262, 263, 268, 290, 300
PRESS = 1
CONTROL, ALT, SUPER = 2, 4, 8
QUIT_WITHIN = 1.5


@dataclass(frozen=True, slots=True)
class Key:
    """`label` as printed on the keyboard; what it does: set `name` to `value`, or flip it where `value` is None."""

    label: str
    codes: tuple[int, ...]
    name: str
    value: float | None
    help: str


def _letters(letters: str) -> tuple[int, ...]:
    return tuple(ord(letter) for letter in letters)


KEYS: tuple[Key, ...] = (
    Key("H", _letters("H"), "show.hud", None, "figures on and off"),
    Key("? F1", (*_letters("/"), F1), "show.help", None, "this help"),
    Key("← →", (LEFT, RIGHT), "show.previous", 1.0, "previous, next preset"),
    Key("1 … 9", _letters("123456789"), "show.preset", 1.0, "preset by its number"),
    Key("R", _letters("R"), "show.random", 1.0, "throw the dice"),
    Key("F", _letters("F"), "freeze", None, "freeze the picture"),
    Key("B", _letters("B"), "blackout", None, "blackout"),
    Key("0 Home", (*_letters("0"), HOME), "home", 1.0, "home: back to the trained network"),
    Key("Space", _letters(" "), "beat.tap", 1.0, "tap the tempo"),
    Key("F11 Enter", (F11, ENTER), "show.fullscreen", None, "full screen"),
    Key("S", _letters("S"), "show.screenshot", 1.0, "save a picture"),
    Key("C", _letters("C"), "show.record", None, "record on and off"),
    Key("Esc Esc", (ESCAPE,), "show.quit", 1.0, "end the show"),
)

_BY_CODE = {code: key for key in KEYS for code in key.codes}


def help_lines() -> tuple[tuple[str, str], ...]:
    """(key, what it does) for the help overlay, in the order of the table."""
    return tuple((key.label, key.help) for key in KEYS)


def show_knobs() -> tuple[Knob, ...]:
    """The parameters that belong to the show as a whole, with full names, for the root of the tree."""
    return (
        toggle("freeze", doc="hold the picture"),
        toggle("blackout", doc="black, until it is taken away"),
        trigger("home", "back to the trained network, bit for bit"),
        trigger("beat.tap", "tap the tempo"),
        toggle("show.hud", doc="figures over the picture"),
        toggle("show.help", doc="the keys over the picture"),
        toggle("show.fullscreen", doc="fill the monitor"),
        toggle("show.record", doc="record to a file"),
        trigger("show.next", "next preset"),
        trigger("show.previous", "previous preset"),
        trigger("show.random", "throw the dice"),
        trigger("show.screenshot", "save a picture"),
        trigger("show.quit", "end the show"),
        Knob("show.preset", 0.0, 0.0, 128.0, "", "the preset with this number, from 1; 0 is none", "int"),
    )


class Keyboard:
    """The keys as a source. Main thread only.

    `read` gives a parameter's current base value, so that a switch flips from where it stands, whoever put it there.
    """

    def __init__(self, clock: Clock, read: Callable[[str], float]) -> None:
        self._clock = clock
        self._read = read
        self._events: list[Event] = []
        self._flipped: dict[str, float] = {}
        self._asked: float | None = None

    @property
    def hint(self) -> str:
        """What to tell the performer now ("Esc again to end the show"), or nothing."""
        return "Esc again to end the show" if self._is_asked() else ""

    def press(self, key: int, mods: int, action: int) -> None:
        """A key went down, up, or repeats. Only presses without Control, Alt and Super count."""
        found = _BY_CODE.get(key)
        if found is None or action != PRESS or mods & (CONTROL | ALT | SUPER):
            return
        now = self._clock.now()
        if key == ESCAPE and not self._is_asked():
            self._asked = now
            return
        name = found.name
        value = 1.0 if found.value is None else found.value
        if key == RIGHT:
            name = "show.next"
        elif name == "show.preset":
            value = float(key - ord("0"))
        elif found.value is None:
            standing = self._flipped.get(name, self._read(name))
            value = self._flipped[name] = float(standing < 0.5)
        self._events.append(Event(name, value, now, 0.0, True))

    def poll(self, tick: Tick) -> Sequence[Event]:  # noqa: ARG002 - a source is polled with the tick
        """The keys pressed since the last frame, in order."""
        events, self._events = self._events, []
        self._flipped.clear()
        return events

    def close(self) -> None:
        """Nothing to free."""

    def _is_asked(self) -> bool:
        return self._asked is not None and self._clock.now() - self._asked < QUIT_WITHIN
