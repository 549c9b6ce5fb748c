"""What the tests of the hands share."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from typing import NoReturn

import pytest

from perform.control.osc import OscSource
from perform.engine.clock import Tick, WallClock, sleep
from perform.engine.problems import Problems
from perform.engine.signals import Event, Source


def need(program: str, package: str) -> str:
    """The path of a foreign program; fails in CI and skips elsewhere, naming the package that has it."""
    path = shutil.which(program)
    if path is None:
        missing(f"{program} is missing: install the package {package}")
    return str(path)


def missing(say: str) -> NoReturn:
    """A part of the system is not here: a failure in CI, a reason to skip elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(say)
    pytest.skip(say)


class Stage:
    """An OSC source under test with a sender beside it."""

    def __init__(self) -> None:
        self.clock = WallClock()
        self.problems = Problems()
        self.osc = OscSource("127.0.0.1", 0, self.clock, self.problems)
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, packet: bytes) -> None:
        self._out.sendto(packet, ("127.0.0.1", self.osc.port))

    def events(self, count: int, seconds: float = 10.0) -> list[Event]:
        return wait_events(self.osc, self.clock, lambda events: len(events) >= count, seconds)

    def close(self) -> None:
        self._out.close()
        self.osc.close()


def wait_events(
    source: Source, clock: WallClock, enough: Callable[[list[Event]], bool], seconds: float = 10.0
) -> list[Event]:
    events: list[Event] = []
    end = clock.now() + seconds
    while not enough(events) and clock.now() < end:
        events.extend(source.poll(Tick(0, clock.now(), 0.01)))
        sleep(0.005)
    return events
