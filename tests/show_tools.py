"""What the tests of a whole show share."""

from __future__ import annotations

from collections.abc import Callable

from perform.app import Options, Show
from perform.engine.clock import machine_time

SMALL = Options(
    preset="drift", audio="none", osc=("127.0.0.1", 0), midi="none", size=(160, 90), offscreen=True, device="cpu"
)


def play_until(show: Show, done: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Frames until `done`; whether it came to that."""
    end = machine_time() + seconds
    while machine_time() < end:
        show.engine.run(lambda _: False)
        if done():
            return True
    return False
