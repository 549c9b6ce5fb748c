"""What is heard in a sound, one file each. This folder is the registry.

To add a feature, add one file with

    SIGNALS = (Signal("audio.name", "what the number means, from quiet to loud"),)

    class Feature:
        def __init__(self, hop: Hop) -> None: ...       # hop.dt, hop.hertz, hop.centres say how it will be called
        def hear(self, hop: Hop) -> tuple[float, ...]: ...  # one number for each signal, each hop (5.3 ms)

and nothing else; `tests/audio/test_features.py` walks the folder and holds each file to the promises of a number here:
0..1, finite whatever comes in, at rest after silence, the same at any level of the room and at any sample rate, without
a look into the future. A signal with `decay` is a pulse: 0 says that nothing happened, anything else is how hard it
struck. A signal with `least` is given in its own unit and needs no gain knob: it is levelled to 0..1 by the range it
has had of late (`levels.Levels`), and the raw number, on its fixed scale, is beside it as `NAME.raw`.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Protocol

from perform.audio.spectrum import Hop


@dataclass(frozen=True, slots=True)
class Signal:
    """A number that a feature gives: its full name, what it means, and for a pulse how fast it falls (seconds).

    `least` above 0 has it levelled: the number is in `unit` then, its range is never taken as less than `least`, `low`
    to `high` is the scale of the raw number beside it, and at `floor` and below it says nothing. `level` False marks a
    number that follows the gain on purpose. `rest` is what it reads in silence. `slow` is the seconds it needs to move,
    where those are many.
    """

    name: str
    doc: str
    decay: float = 0.0
    unit: str = ""
    least: float = 0.0
    low: float = 0.0
    high: float = 1.0
    floor: float = -110.0
    level: bool = True
    rest: float = 0.0
    slow: float = 0.0

    @property
    def raw(self) -> Signal:
        """The raw number beside a levelled one."""
        doc = f"{self.name} as it comes in, not levelled: 0 at {self.low:g} {self.unit} and below, 1 at {self.high:g}."
        return Signal(f"{self.name}.raw", doc, 0.0, self.unit, 0.0, self.low, self.high, level=False)


class Feature(Protocol):
    """One way of listening. Made once for a sample rate; called once a hop on the ear's thread."""

    def __init__(self, hop: Hop) -> None: ...

    def hear(self, hop: Hop) -> tuple[float, ...]:
        """The numbers of this hop, in the order of the file's `SIGNALS`."""
        ...


def names() -> tuple[str, ...]:
    """The features there are: the files of this folder."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__)))


def load(name: str) -> tuple[tuple[Signal, ...], type[Feature]]:
    """The signals and the class of one feature."""
    module = importlib.import_module(f"{__name__}.{name}")
    return module.SIGNALS, module.Feature
