"""Keys to events. `KEYS` is the whole map: it plays, it is the help overlay, and it is the table in the README.

Keys go by what is printed on them ("h", "space", "left", "f11"), so the map is right on every keyboard layout. The show
hands the window's keys to `Keyboard.press` once a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.knobs import Knob, toggle, trigger
from perform.engine.clock import Clock, Tick
from perform.engine.signals import Event

QUIT_WITHIN = 1.5


@dataclass(frozen=True, slots=True)
class Key:
    """`label` as printed on the keyboard; what it does: set `name` to `value`, or flip it where `value` is None."""

    label: str
    keys: tuple[str, ...]
    name: str
    value: float | None
    help: str


KEYS: tuple[Key, ...] = (
    Key("H", ("h",), "show.hud", None, "figures on and off"),
    Key("M", ("m",), "show.meters", None, "every signal and what it drives"),
    Key("? F1", ("/", "?", "f1"), "show.help", None, "this help"),
    Key("← →", ("left", "right"), "show.previous", 1.0, "previous, next preset"),
    Key("1 … 9", tuple("123456789"), "show.preset", 1.0, "preset by its number"),
    Key("R", ("r",), "show.random", 1.0, "throw the dice"),
    Key("F", ("f",), "freeze", None, "freeze the picture"),
    Key("B", ("b",), "blackout", None, "blackout"),
    Key("0 Home", ("0", "home"), "home", 1.0, "home: back to the trained network"),
    Key("F11 Enter", ("f11", "enter"), "show.fullscreen", None, "full screen"),
    Key(",", (",",), "listen.earlier", 1.0, "the beat 5 ms earlier"),
    Key(".", (".",), "listen.later", 1.0, "the beat 5 ms later"),
    Key("S", ("s",), "show.screenshot", 1.0, "save a picture"),
    Key("C", ("c",), "show.record", None, "record on and off"),
    Key("P", ("p",), "show.save", 1.0, "save what plays as a preset of your own"),
    Key("Esc Esc", ("escape",), "show.quit", 1.0, "end the show"),
)

_BY_NAME = {name: key for key in KEYS for name in key.keys}


def help_lines() -> tuple[tuple[str, str], ...]:
    """(key, what it does) for the help overlay, in the order of the table."""
    return tuple((key.label, key.help) for key in KEYS)


def show_knobs() -> tuple[Knob, ...]:
    """The parameters that belong to the show as a whole, with full names, for the root of the tree."""
    return (
        toggle("freeze", doc="hold the picture"),
        toggle("blackout", doc="black, until it is taken away"),
        trigger("home", "back to the trained network, bit for bit"),
        toggle("show.hud", doc="figures over the picture"),
        toggle("show.meters", doc="every signal over the picture, and what it drives"),
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

    def press(self, name: str, mods: Sequence[str], action: str) -> None:
        """A key ("h") with modifiers ("shift", ...): "press", "release" or "repeat".

        Only presses without control, alt and super count.
        """
        key = _BY_NAME.get(name)
        if key is None or action != "press" or not {"control", "alt", "super"}.isdisjoint(mods):
            return
        now = self._clock.now()
        if name == "escape" and not self._is_asked():
            self._asked = now
            return
        parameter = "show.next" if name == "right" else key.name
        value = 1.0 if key.value is None else key.value
        if parameter == "show.preset":
            value = float(name)
        elif key.value is None:
            standing = self._flipped.get(parameter, self._read(parameter))
            value = self._flipped[parameter] = float(standing < 0.5)
        self._events.append(Event(parameter, value, now, 0.0, True))

    def poll(self, tick: Tick) -> Sequence[Event]:
        """The keys pressed since the last frame, in order."""
        events, self._events = self._events, []
        self._flipped.clear()
        return events

    def close(self) -> None:
        """Nothing to free."""

    def _is_asked(self) -> bool:
        return self._asked is not None and self._clock.now() - self._asked < QUIT_WITHIN
