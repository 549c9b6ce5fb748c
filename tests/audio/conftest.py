"""Sound servers and sounds for the tests of the ear. The servers are real; only the card is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from perform.audio.dummy import PulseServer
from perform.audio.track import RATE, Track, builtin_track
from perform.engine.clock import Clock, WallClock, sleep
from perform.engine.problems import Problems, UserError
from perform.engine.signals import Event, Source


def _missing(what: object) -> None:
    if os.environ.get("CI"):
        pytest.fail(str(what))
    pytest.skip(str(what))


@pytest.fixture
def missing() -> Callable[[object], None]:
    """Call it where a system part is not here: a failure where everything must be there (CI), a skip elsewhere."""
    return _missing


@pytest.fixture
def say() -> Callable[[str], None]:
    """Print a measured figure (seen with `pytest -s`)."""
    return lambda text: print(f"\n{text}", file=sys.stdout)  # noqa: T201


@pytest.fixture(scope="session")
def track() -> Track:
    return builtin_track()


@pytest.fixture(scope="session")
def groove(track: Track) -> np.ndarray:
    """Twelve seconds of full music, mono: kick, clap, hats, bass, pad, arpeggio."""
    start = int(track.downbeats[8] * RATE)
    return track.samples[start : start + 12 * RATE].mean(axis=1)


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[PulseServer]:
    try:
        server = PulseServer(tmp_path)
        server.start()
    except UserError as error:
        _missing(error)
    yield server
    server.kill()


@pytest.fixture
def problems() -> Problems:
    return Problems()


class Show:
    """The loop's view of a source: polls it at 60 Hz and keeps what it said."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.source = source
        self.clock = clock
        self.events: list[Event] = []
        self.last: dict[str, float] = {}

    def until(self, done: Callable[[Show], bool], limit: float) -> bool:
        """Play until `done`, at most `limit` seconds; says whether it came."""
        end = self.clock.now() + limit
        while self.clock.now() < end:
            for event in self.source.poll(self.clock.tick()):
                self.events.append(event)
                self.last[event.name] = float(event.value)
            if done(self):
                return True
            sleep(1 / 60)
        return False


@pytest.fixture
def clock() -> WallClock:
    return WallClock(60.0)


@pytest.fixture
def show(clock: WallClock) -> Callable[[Source], Show]:
    """Put a source into a show: `show(ear).until(lambda it: ..., seconds)`."""
    return lambda source: Show(source, clock)
