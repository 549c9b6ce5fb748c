"""Pictures and sound into an MP4, in a thread of its own, playable at every moment of its growth.

The file is a fragmented MP4: each second of it stands by itself, so a kill, a power cut or a full disk costs at most
the last few. Recording a live show must never hold it up: the queue is bounded and what does not fit is left out and
counted. Rendering a file must never leave a picture out: there `take` waits.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from perform.engine.clock import Tick
from perform.engine.problems import Problems, UserError
from perform.output.encoder import Encoder, whole_boxes

log = logging.getLogger("perform.recorder")

Pixels = NDArray[np.uint8]
Sound = tuple[NDArray[np.float32], int]

_QUEUE_BYTES = 256 << 20
_NICE = 10


class Recorder:
    """Records `size` pictures at `fps` into `path`. Main thread, but for the one it starts.

    With `live` the pictures carry the time of their tick, those beyond `fps` are not wanted, and what the encoder
    cannot take is left out; without it every picture is the next frame. `sound` is (samples `[N, 2]` float32 in -1..1,
    hertz); it begins with the first picture and ends with the last. Odd sizes lose their last row or column, as H.264
    asks for even ones. Pictures of another size than `size` are scaled to it.

    Raises UserError where `path` cannot be written. What goes wrong later is reported once; `failed` then says what,
    the show goes on, and what was written stays playable.
    """

    def __init__(
        self,
        path: Path | str,
        size: tuple[int, int],
        fps: float,
        problems: Problems,
        *,
        sound: Sound | None = None,
        live: bool = False,
    ) -> None:
        self.path = Path(path)
        self.frames = 0
        self.dropped = 0
        self.failed = ""
        self._fps = fps
        self._live = live
        self._problems = problems
        self._first: float | None = None
        self._asked = -1
        self._taken = -1
        room = max(4, min(64, _QUEUE_BYTES // max(1, size[0] * size[1] * 4)))
        self._queue: queue.Queue[tuple[Pixels, int]] = queue.Queue(room)
        self._ending = threading.Event()
        try:
            self._encoder = Encoder(self.path, size, fps, sound, _threads(live), _preset(live))
        except (OSError, ValueError) as error:
            raise UserError(f"cannot record to {self.path}: {_reason(error)}; choose another place or size") from error
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the file is complete: after `finish`, when the queue has been written."""
        return not self._thread.is_alive()

    def describe(self) -> str:
        """One line for the HUD."""
        text = f"{self.path.name} · {self.frames / self._fps:.0f} s"
        return f"{text} · {self.dropped} left out" if self.dropped else text

    def wants(self, tick: Tick) -> bool:
        """Whether the picture of this frame should be read back for `take`. Never waits."""
        if self.failed or self._ending.is_set():
            return False
        if not self._live:
            return True
        index = self._index(tick)
        if index <= self._asked:
            return False
        self._asked = index
        if self._queue.full():
            self._drop()
            return False
        return True

    def take(self, pixels: Pixels, tick: Tick) -> None:
        """The picture of the frame `tick`, `[H, W, 4]` uint8, top row first; it must not be changed afterwards.

        Live: never waits. Otherwise: waits for room, so that nothing is left out.
        """
        if self.failed or self.done:
            return
        index = self._index(tick) if self._live else self._taken + 1
        if index <= self._taken:
            return
        self._taken = index
        if self._live:
            try:
                # The queue's lock is held by either side for microseconds only.
                self._queue.put_nowait((pixels, index))
            except queue.Full:
                self._drop()
            return
        while not self.done:  # a writer that has died must not hold the render for ever
            with contextlib.suppress(queue.Full):
                self._queue.put((pixels, index), timeout=0.5)
                return

    def finish(self) -> None:
        """No more pictures; the thread writes what waits and closes the file. Returns at once."""
        self._ending.set()

    def close(self, timeout: float | None = None) -> None:
        """`finish`, then wait until the file is complete (or `timeout` seconds)."""
        self.finish()
        self._thread.join(timeout)

    def _index(self, tick: Tick) -> int:
        if self._first is None:
            self._first = tick.time
        return round((tick.time - self._first) * self._fps)

    def _drop(self) -> None:
        self.dropped += 1
        self._problems.report("recorder", "the recording cannot keep up and leaves pictures out; record a smaller size")

    def _run(self) -> None:
        """The thread: encode until `finish`, and after a failure throw away what still comes."""
        if self._live:
            # Linux gives each thread its own niceness, and x264's threads inherit it: the show comes first.
            with contextlib.suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            self._encode_all()
            self._encoder.close()
            self._problems.clear("recorder", f"{self.path} is complete")
        except (OSError, ValueError, av.error.FFmpegError) as error:
            self._fail(error)
        while not (self._ending.is_set() and self._queue.empty()):
            with contextlib.suppress(queue.Empty):
                self._queue.get(timeout=0.1)

    def _encode_all(self) -> None:
        while not (self._ending.is_set() and self._queue.empty()):
            try:
                pixels, index = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            self._encoder.add(pixels, index)
            self.frames += 1

    def _fail(self, error: Exception) -> None:
        self.failed = _reason(error)
        self._encoder.abandon()
        kept = whole_boxes(self.path)
        self._problems.report(
            "recorder",
            f"recording to {self.path} has stopped: {self.failed}; make room or choose another disk and record again "
            "(what was written so far plays)",
        )
        log.info("kept %d bytes of %s", kept, self.path)


def _threads(live: bool) -> int:
    """How many threads x264 may use: all it likes for a file, half the processors beside a show."""
    return max(1, (os.cpu_count() or 2) // 2) if live else 0


def _preset(live: bool) -> str:
    """On few processors a larger file is better than pictures left out: "ultrafast" takes a quarter of the time."""
    return "ultrafast" if live and (os.cpu_count() or 2) < 8 else "veryfast"


def _reason(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error)
