"""What is heard in a sound, one file each. This folder is the registry.

To add a feature, add one file with

    SIGNALS = (Signal("audio.name", "what the number means, from quiet to loud"),)

    class Feature:
        def __init__(self, hop: Hop) -> None: ...       # hop.dt, hop.hertz, hop.centres say how it will be called
        def hear(self, hop: Hop) -> tuple[float, ...]: ...  # one number for each signal, each hop (5.3 ms)

and nothing else; `tests/audio/test_features.py` walks the folder and holds each file to the promises of a number here:
0..1, finite whatever comes in, 0 after silence, the same at any level of the room, without a look into the future. A
signal with `decay` is a pulse: 0 says that nothing happened, anything else is how hard it struck.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Protocol

from perform.audio.spectrum import Hop


@dataclass(frozen=True, slots=True)
class Signal:
    """A number that a feature gives: its full name, what it means, and for a pulse how fast it falls (seconds)."""

    name: str
    doc: str
    decay: float = 0.0


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
