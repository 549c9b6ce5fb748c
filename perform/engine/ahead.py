"""The thread that keeps ahead of the faders of trajectories, so that no frame reads a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakSet

from perform.engine.low import stand_back
from perform.engine.problems import Problems

if TYPE_CHECKING:
    from perform.engine.render import Deck

REST = 0.02  # seconds between two looks where nothing is missing
IDLE = 0.5  # where no trajectory is played


class Ahead:
    """Looks after `playing()`, the decks, until it is closed. With `wait` there is no thread: frames wait."""

    def __init__(self, playing: Callable[[], Sequence[Deck]], problems: Problems, *, wait: bool) -> None:
        self._playing, self._problems = playing, problems
        self._end = threading.Event()
        if not wait:
            threading.Thread(target=self._read, name="reader", daemon=True).start()

    def close(self) -> None:
        """Read no more. Main thread; does not wait."""
        self._end.set()

    def _read(self) -> None:
        stand_back()
        hopeless: WeakSet[Deck] = WeakSet()
        rest = IDLE
        while not self._end.wait(rest):
            rest = self._look(hopeless)

    def _look(self, hopeless: WeakSet[Deck]) -> float:
        """Seconds until the next look. No deck is held between two."""
        rest = IDLE
        for deck in self._playing():
            if deck not in hopeless:
                try:
                    busy = deck.read_ahead()
                except Exception as error:  # noqa: BLE001 - a file from anywhere; what is in memory plays on
                    hopeless.add(deck)
                    self._problems.report("tune", f"the trajectory cannot be read any further: {error}")
                else:
                    rest = 0.0 if busy else min(rest, REST if deck.reel is not None else IDLE)
        return rest
