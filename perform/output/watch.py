"""Sees that a file in a folder was saved. A small thread looks, so that the frame never asks the disk."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

Stamp = tuple[int, int]


class FolderWatch:
    """The files of `folder` that changed, once they have been still for one look (editors write in several steps).

    Looks every `period` seconds, at modification time and size. `changed` is for the main thread.
    """

    def __init__(self, folder: Path, suffix: str, period: float = 0.25) -> None:
        self._folder, self._suffix, self._period = folder, suffix, period
        self._known = self._look()
        self._seen = dict(self._known)
        self._changes: deque[Path] = deque(maxlen=1000)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{folder.name}", daemon=True)
        self._thread.start()

    def changed(self) -> list[Path]:
        """The files that are new or were saved since the last call. One attempt on a deque, no disk, no lock."""
        found = []
        while self._changes:
            found.append(self._changes.popleft())
        return found

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join(timeout=1.0)

    def _look(self) -> dict[Path, Stamp]:
        stamps = {}
        try:
            for path in self._folder.glob(f"*{self._suffix}"):
                status = path.stat()
                stamps[path] = (status.st_mtime_ns, status.st_size)
        except OSError:
            return getattr(self, "_seen", {})  # a file went away between the two calls; the next look knows more
        return stamps

    def _run(self) -> None:
        while not self._end.wait(self._period):
            now = self._look()
            for path, stamp in now.items():
                if stamp != self._known.get(path) and stamp == self._seen.get(path):
                    self._known[path] = stamp
                    self._changes.append(path)
            self._seen = now
