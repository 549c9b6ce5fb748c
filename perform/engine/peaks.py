"""`tune.find_peak`: looking for the peak of what plays, beside the picture."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perform.engine.frame import Slot
from perform.engine.low import stand_back

if TYPE_CHECKING:
    from models.tuning.reel import Reel


@dataclass(frozen=True, slots=True)
class Peak:
    """What was found: where `tune.position` belongs (None: nowhere), and a line for the performer."""

    position: float | None
    words: str


class Peaks:
    """One search at a time, in a thread of its own; with `wait`, at once. `ask` and `found` on the main thread."""

    def __init__(self, *, wait: bool) -> None:
        self._wait = wait
        self._found: Slot[Peak] = Slot()
        self._thread: threading.Thread | None = None

    def ask(self, reel: Reel | None) -> None:
        """Look for the peak of a trajectory. One that is being looked for already is not looked for twice."""
        if reel is None:
            self._found.put(Peak(None, "no trajectory plays: tune.trajectory brings one"))
        elif self._wait:
            self._search(reel)
        elif self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._search, args=(reel,), name="peak", daemon=True)
            self._thread.start()

    def found(self) -> Peak | None:
        """What came of it, once."""
        return self._found.take()

    def _search(self, reel: Reel) -> None:
        from models.tuning.peak import find_peak

        if not self._wait:
            stand_back()
        try:
            index = find_peak(reel.path, reel.home)
        except (ValueError, LookupError, OSError, RuntimeError) as error:  # a file that was changed meanwhile
            self._found.put(Peak(None, f"no peak was found: {error}"))
            return
        place = min(index / max(len(reel) - 1, 1), 1.0)
        words = f"peak of {reel.name} at {place:.2f}" if index != reel.home else f"{reel.name} has no peak but home"
        self._found.put(Peak(place, words))
