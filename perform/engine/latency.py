"""How late the picture is: from the hand to the photon, and from frame to frame.

An event of a hand changes the values of some request; it is answered by the first *presented* frame that was made from
that request or a later one. `LatencyMeter` keeps the waiting events and closes them when such a frame is on the wall.
"""

from __future__ import annotations

from collections import deque

import numpy as np


class Gauge:
    """The last `size` measurements of one thing (seconds): median, p99, and how many in all. Fixed memory."""

    def __init__(self, size: int = 512) -> None:
        self._ring = np.zeros(size)
        self.count = 0

    def add(self, seconds: float) -> None:
        self._ring[self.count % len(self._ring)] = seconds
        self.count += 1

    def recent(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The measurements kept, oldest first."""
        if self.count <= len(self._ring):
            return self._ring[: self.count].copy()
        return np.roll(self._ring, -(self.count % len(self._ring)))

    def percentile(self, q: float) -> float:
        """The q-th percentile in seconds, 0 before the first measurement."""
        kept = self._ring[: min(self.count, len(self._ring))]
        return float(np.percentile(kept, q)) if len(kept) else 0.0

    @property
    def median(self) -> float:
        return self.percentile(50)

    @property
    def p99(self) -> float:
        return self.percentile(99)


class LatencyMeter:
    """Control-to-photon latency. Main thread."""

    def __init__(self) -> None:
        self.gauge = Gauge()
        self._waiting: deque[tuple[int, float]] = deque(maxlen=4096)

    def touched(self, serial: int, event_time: float) -> None:
        """A hand's event of `event_time` is in the request `serial`."""
        self._waiting.append((serial, event_time))

    def forget(self) -> None:
        """Nothing is made at the moment (the picture is frozen): do not count how long the hands wait."""
        self._waiting.clear()

    @property
    def waiting(self) -> bool:
        """Whether a hand waits for its picture."""
        return bool(self._waiting)

    def answered_by(self, serial: int) -> bool:
        """Whether a frame made from the request `serial` would answer a waiting hand."""
        return bool(self._waiting) and self._waiting[0][0] <= serial

    def presented(self, serial: int, now: float) -> None:
        """A frame made from the request `serial` is on the wall since `now`."""
        while self._waiting and self._waiting[0][0] <= serial:
            self.gauge.add(now - self._waiting.popleft()[1])
