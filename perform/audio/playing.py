"""How the capture child plays a file: a look-ahead that its callback drains; the machine clock where no card asks."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from perform.audio.file import Stream
from perform.audio.ring import Ring
from perform.engine.clock import machine_time, sleep

Floats = NDArray[np.float32]

AHEAD = 2.0  # seconds decoded before they are due


class Feed:
    """A file on its way to the card: one thread fills, the callback takes; neither waits for the other.

    `loop` starts the file anew at its end; else it is followed by silence. `start` is the frame to begin at.
    """

    def __init__(self, stream: Stream, *, loop: bool, start: int = 0) -> None:
        self.rate = stream.rate
        self._stream = stream
        self._loop = loop
        self._start = start % stream.frames if loop else start
        self._buffer = np.zeros((int(AHEAD * self.rate), 2), np.float32)
        self._filled = 0
        self._taken = 0
        self._ended = False
        stream.seek(self._start)
        self.fill()

    @property
    def position(self) -> int:
        """The frame of the file that is taken next."""
        at = self._start + self._taken
        return at % self._stream.frames if self._loop else at

    def fill(self) -> None:
        """Decode until the look-ahead is full. Any thread but the callback's."""
        size = len(self._buffer)
        empty_reads = 0
        while (room := size - (self._filled - self._taken)) > 0 and not self._ended:
            at = self._filled % size
            block = self._stream.read(min(room, size - at, 16384))
            if len(block):
                self._buffer[at : at + len(block)] = block
                self._filled += len(block)
                empty_reads = 0
            elif self._loop and empty_reads == 0:
                self._stream.seek(0)
                empty_reads = 1
            else:
                self._ended = True

    def take(self, count: int) -> Floats:
        """The next `count` frames [count, 2]; zeros where nothing is decoded. The callback's thread."""
        size = len(self._buffer)
        out = np.zeros((count, 2), np.float32)
        ready = min(count, self._filled - self._taken)
        at = self._taken % size
        first = min(ready, size - at)
        out[:first] = self._buffer[at : at + first]
        out[first:ready] = self._buffer[: ready - first]
        self._taken += ready
        return out


def pace(ring: Ring, feed: Feed, block: int) -> NoReturn:
    """Write the file into the ring at the pace of the machine clock, for a machine with no output."""
    due = machine_time()
    while True:
        ring.write(feed.take(block), machine_time())
        ring.position = feed.position
        feed.fill()
        due += block / feed.rate
        late = machine_time() - due
        if late > 0.5:
            due += late  # the machine slept: go on from here, do not hurry after
        sleep(-late)
