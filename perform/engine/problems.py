"""What went wrong, in words for a person in a dark room: what, and what to do. Shown on the HUD, written to the log.

A problem never stops the show. With `strict` (tests, rehearsal) the loop raises it as `ShowStopped` instead.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass

PARTS = ("device", "generator", "model", "picture", "recorder", "show", "sound")  # what a show consists of

log = logging.getLogger("perform")


class UserError(ValueError):
    """Something the user gave is not usable. The message names the thing and the remedy; no stack trace is shown."""


class ShowStopped(RuntimeError):
    """A problem during a strict run."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`part` of the program ("generator", "sound", "preset", ...) and `text`: what happened and what to do."""

    part: str
    text: str


class Problems:
    """The problems of this show, newest last. Any thread may report; a part that repeats itself is counted, not listed.

    `muted` parts keep the show going without them; `clear(part)` says that it is well again.
    """

    def __init__(self) -> None:
        self.current: dict[str, Problem] = {}
        self.history: deque[Problem] = deque(maxlen=200)
        self.unraised: deque[Problem] = deque(maxlen=200)
        self.count = 0

    def report(self, part: str, text: str) -> None:
        """Say it once on the HUD and in the log; the same text again from the same part only counts."""
        self.count += 1
        problem = Problem(part, text)
        if self.current.get(part) == problem:
            return
        self.current[part] = problem
        self.history.append(problem)
        self.unraised.append(problem)
        log.warning("%s: %s", part, text)

    def status(self) -> int:
        """The exit status of a show that ends now: 1 while a part that was asked for does not play, else 0."""
        return int(not set(self.current).isdisjoint(PARTS))

    def clear(self, part: str, text: str = "") -> None:
        """The part is well again; `text` says so in the log."""
        if self.current.pop(part, None) is not None and text:
            log.warning("%s: %s", part, text)
