"""The picture on its way from the generator to the wall, and the slot that carries it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from models.rewriting.glitch import Glitch
from perform.engine.clock import Tick
from perform.engine.parameters import Values

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What the generator is asked for: the values of one tick, and how far the walk has come (in landmarks).

    `serial` counts requests, so that a frame tells which hands it answers. `glitches` are what is rewritten, `stores`
    the newest wishes (number, slot) to keep the place of a frame in a slot: each is done once, in whichever frame sees
    it first.
    """

    tick: Tick
    values: Values
    position: float
    serial: int = 0
    glitches: tuple[Glitch, ...] = ()
    stores: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture still on its device, with the tick whose values it answers to.

    `pixels` is uint8 RGBA, top row first, `[H, W, 4]`: a C-contiguous numpy array on the CPU, or a torch tensor on an
    accelerator (`device` says which: "cpu", "cuda:0", ...). It stays valid until two newer frames have been taken.
    `made_in` is what it took to make, in seconds. `ready` is None, or the accelerator's event after which the picture
    is whole: nobody waits for it, what reads the picture is ordered behind it.
    """

    pixels: Any
    tick: Tick
    device: str = "cpu"
    made_in: float = 0.0
    serial: int = 0
    ready: Any = None


class Slot(Generic[T]):
    """One place where the newest wins. Any thread puts, one thread takes; neither ever waits."""

    def __init__(self) -> None:
        self._place: deque[T] = deque(maxlen=1)

    def put(self, value: T) -> None:
        self._place.append(value)

    def take(self) -> T | None:
        """The newest value since the last take, or None."""
        try:
            return self._place.pop()
        except IndexError:
            return None
