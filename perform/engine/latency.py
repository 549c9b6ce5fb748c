"""How late the picture is: from the hand to the photon, and from frame to frame.

An event of a hand changes values at some tick; it is answered by the first *presented* frame that was made from that
tick or a later one. `LatencyMeter` keeps the waiting events and closes them when such a frame is on the wall.
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

    def touched(self, tick: int, event_time: float) -> None:
        """A hand's event of `event_time` is in the values of `tick`."""
        self._waiting.append((tick, event_time))

    def presented(self, tick: int, now: float) -> None:
        """A frame made from `tick` is on the wall since `now`."""
        while self._waiting and self._waiting[0][0] <= tick:
            self.gauge.add(now - self._waiting.popleft()[1])
