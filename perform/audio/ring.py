"""A ring of sound in shared memory: one process writes, others read, nobody waits.

The owner (`Ring.create`) makes a file without a name and maps it; the capture child inherits its descriptor and maps it
too (`Ring.attach`). Because the file has no name from the first moment on, nothing is left behind in /dev/shm however
either process ends. Where a descriptor cannot be inherited (Windows) the handle is a path that `close` deletes.

The writer copies samples, then publishes the counter and the stamp together under a sequence number that is odd while
they change (a seqlock): a reader that meets an odd or changed number looks again. A reader keeps its own counter, so
there may be several; one that was lapped learns how many frames it lost. The aligned 8-byte stores are whole on all
processors we run on; Python gives no memory barrier, but hundreds of instructions lie between the copy of the samples
and the store of the counter.
"""

from __future__ import annotations

import contextlib
import enum
import mmap
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CHANNELS = 2
CAPACITY = 1 << 16  # 1.4 s at 48 kHz: longer than any stall of the reader that the show would survive anyway

_HEADER = 4096
_SEQUENCE, _WRITTEN, _RATE, _STATE, _KIND, _OVERFLOWS, _POSITION, _HEARD, _CAPACITY, _MAGIC = range(10)
_NEWEST, _CALLBACK, _HEARTBEAT = range(3)
_FLOATS_AT, _TITLE_AT, _MESSAGE_AT, _TEXT = 128, 256, 1024, 512
_MARK = 0x70657266726E6731


class State(enum.IntEnum):
    """What the writer is doing."""

    STARTING = 0
    WAITING = 1
    RUNNING = 2
    FAILED = 3


class Kind(enum.IntEnum):
    """Where the sound comes from."""

    NOTHING = 0
    DEVICE = 1
    FILE = 2
    TRACK = 3


@dataclass(frozen=True, slots=True)
class Block:
    """New sound: `samples` [n, channels], the machine time of its end, and how many frames before it were lost."""

    samples: Floats
    time: float
    lost: int


class Ring:
    """The shared memory itself. Make it with `create` (owner) or `attach` (child); one process writes."""

    def __init__(self, memory: mmap.mmap, handle: str, release: Callable[[], None]) -> None:
        self.handle = handle
        self._memory = memory
        self._release = release
        self._ints = np.frombuffer(memory, np.int64, 16, 0)
        self._floats = np.frombuffer(memory, np.float64, 8, _FLOATS_AT)
        self.capacity = int(self._ints[_CAPACITY]) or (len(memory) - _HEADER) // (4 * CHANNELS)
        data: Floats = np.frombuffer(memory, np.float32, self.capacity * CHANNELS, _HEADER)
        self._data = data.reshape(self.capacity, CHANNELS)

    @classmethod
    def create(cls, capacity: int = CAPACITY) -> Ring:
        """A new ring of `capacity` frames. Raises OSError where no shared memory is to be had."""
        size = _HEADER + capacity * CHANNELS * 4
        folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
        number, name = tempfile.mkstemp(prefix="perform-ring-", dir=folder)
        path = Path(name)
        if sys.platform != "win32":
            path.unlink()
        os.ftruncate(number, size)
        memory = mmap.mmap(number, size)

        def release() -> None:
            os.close(number)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

        ring = cls(memory, name if sys.platform == "win32" else str(number), release)
        ring._ints[_CAPACITY] = capacity
        ring._ints[_MAGIC] = _MARK
        return ring

    @classmethod
    def attach(cls, handle: str) -> Ring:
        """The ring that another process created, by the `handle` it was given. Raises ValueError if it is none."""
        if handle.isdigit():
            memory = mmap.mmap(int(handle), 0)
        else:
            with Path(handle).open("r+b") as file:
                memory = mmap.mmap(file.fileno(), 0)
        ring = cls(memory, handle, lambda: None)
        if ring._ints[_MAGIC] != _MARK:
            raise ValueError("this shared memory is no ring of sound")
        return ring

    # -- the writer's side

    def start(self, rate: int, kind: Kind, title: str, *, heard: bool = False) -> None:
        """Say that sound comes from now on: `rate` in hertz, the device's or file's name, whether a card plays it."""
        self._put_text(_TITLE_AT, title)
        self._ints[_RATE] = rate
        self._ints[_KIND] = kind
        self._ints[_HEARD] = heard
        self._ints[_STATE] = State.RUNNING

    def wait(self, message: str, now: float) -> None:
        """Say what is being waited for, again and again: `now` is the sign of life."""
        if self.message != message:
            self._put_text(_MESSAGE_AT, message)
        self._floats[_HEARTBEAT] = now
        self._ints[_STATE] = State.WAITING

    def fail(self, message: str) -> None:
        """Say why there will be no sound."""
        self._put_text(_MESSAGE_AT, message)
        self._ints[_STATE] = State.FAILED

    def write(self, block: NDArray[Any], stamp: float) -> None:
        """Append `block` [n, channels or 1], whose last frame came at machine time `stamp`.

        Called from the sound card's callback: two copies at most, no lock, no allocation that grows with the block.
        """
        block = block[-self.capacity :]
        count = len(block)
        written = int(self._ints[_WRITTEN])
        start = written % self.capacity
        first = min(count, self.capacity - start)
        self._data[start : start + first] = block[:first]
        if first < count:
            self._data[: count - first] = block[first:]
        self._ints[_SEQUENCE] += 1
        self._ints[_WRITTEN] = written + count
        self._floats[_NEWEST] = stamp
        self._ints[_SEQUENCE] += 1
        self._floats[_CALLBACK] = stamp

    def overflowed(self) -> None:
        """Count one report of the sound card that it threw samples away."""
        self._ints[_OVERFLOWS] += 1

    @property
    def position(self) -> int:
        """For a file: the frame up to which it has been played, so that a new child can go on from there."""
        return int(self._ints[_POSITION])

    @position.setter
    def position(self, frame: int) -> None:
        self._ints[_POSITION] = frame

    # -- the reader's side

    @property
    def state(self) -> State:
        return State(int(self._ints[_STATE]))

    @property
    def rate(self) -> int:
        """Frames a second; 0 until the writer runs."""
        return int(self._ints[_RATE])

    @property
    def kind(self) -> Kind:
        return Kind(int(self._ints[_KIND]))

    @property
    def heard(self) -> bool:
        """Whether a file is also played through an output."""
        return bool(self._ints[_HEARD])

    @property
    def title(self) -> str:
        return self._get_text(_TITLE_AT)

    @property
    def message(self) -> str:
        return self._get_text(_MESSAGE_AT)

    @property
    def overflows(self) -> int:
        return int(self._ints[_OVERFLOWS])

    @property
    def written(self) -> int:
        """Frames written since the start."""
        return int(self._ints[_WRITTEN])

    @property
    def callback_time(self) -> float:
        """Machine time of the last callback; 0 before the first. Its age is the writer's heartbeat."""
        return float(self._floats[_CALLBACK])

    @property
    def heartbeat(self) -> float:
        """Machine time of the last sign of life of a writer that waits; 0 before the first."""
        return float(self._floats[_HEARTBEAT])

    def newest(self) -> tuple[int, float]:
        """The counter and the machine time of the newest frame, read together."""
        written, stamp = self.written, float(self._floats[_NEWEST])
        for _ in range(1000):
            before = int(self._ints[_SEQUENCE])
            written, stamp = self.written, float(self._floats[_NEWEST])
            if before % 2 == 0 and before == int(self._ints[_SEQUENCE]):
                break
        return written, stamp

    def copy(self, start: int, count: int) -> Floats:
        """Frames `start`..`start+count` by the writer's counter, as they are now; the caller checks for a lap."""
        at = start % self.capacity
        first = min(count, self.capacity - at)
        out = np.empty((count, CHANNELS), np.float32)
        out[:first] = self._data[at : at + first]
        out[first:] = self._data[: count - first]
        return out

    def close(self) -> None:
        """Free the memory. Readers of this ring must not be used after it."""
        del self._ints, self._floats, self._data
        with contextlib.suppress(BufferError):  # a view that somebody still holds keeps the pages until it goes
            self._memory.close()
        self._release()

    def _put_text(self, at: int, text: str) -> None:
        data = text.encode("utf-8", "replace")[: _TEXT - 1]
        self._memory[at : at + _TEXT] = data.ljust(_TEXT, b"\0")

    def _get_text(self, at: int) -> str:
        return self._memory[at : at + _TEXT].split(b"\0", 1)[0].decode("utf-8", "replace")


class Reader:
    """One reader's place in a ring. It begins with what is written after it was made, or with all that is there."""

    def __init__(self, ring: Ring, *, from_start: bool = True) -> None:
        self._ring = ring
        self._count = 0 if from_start else ring.written

    def read(self, most: int = 4096) -> Block | None:
        """The next at most `most` new frames, or None where there is nothing new. Never blocks.

        A reader that was lapped goes on a quarter of the ring behind the writer, and the block says what was lost.
        """
        ring = self._ring
        written, stamp = ring.newest()
        lost = 0
        for _ in range(8):
            if written - self._count > ring.capacity:
                lost += written - ring.capacity // 4 - self._count
                self._count = written - ring.capacity // 4
            count = min(written - self._count, most)
            if count <= 0:
                return None
            samples = ring.copy(self._count, count)
            now_written, now_stamp = ring.newest()
            if now_written - self._count <= ring.capacity:
                behind = written - self._count - count
                self._count += count
                return Block(samples, stamp - behind / max(ring.rate, 1), lost)
            written, stamp = now_written, now_stamp  # lapped while copying: what was copied may be torn
        return None
