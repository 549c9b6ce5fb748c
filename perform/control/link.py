"""Ableton Link, where the user has installed a binding: tempo and beat shared with others on the network.

Link is under the GPL (or a commercial licence), so it is no part of this program: `pip install aalink` brings it in,
and then this file uses it. The events go to the one clock of the beat (perform/engine/beat.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from perform.engine.clock import Tick
from perform.engine.problems import UserError
from perform.engine.signals import Event


class LinkSource:
    """A member of the Link session, as a source: `link.bpm`, `link.beat` and `link.peers` once a frame. Main thread."""

    def __init__(self, bpm: float = 120.0, link: Any = None) -> None:
        """`link` is an object like aalink's, for tests. Raises UserError where aalink is not installed."""
        self._loop: asyncio.AbstractEventLoop | None = None
        if link is None:
            if find_spec("aalink") is None:
                raise UserError(
                    "Ableton Link needs the package aalink, which is under the GPL and therefore not a part of this "
                    "program: pip install aalink, then start again with --link"
                )
            import aalink

            async def join() -> Any:
                return aalink.Link(bpm)  # it wants to be made where a loop runs; what we read of it needs none

            self._loop = asyncio.new_event_loop()
            link = self._loop.run_until_complete(join())
        self._link = link
        self._link.enabled = True

    def poll(self, tick: Tick) -> Sequence[Event]:
        """Where the session stands now."""
        link, time = self._link, tick.time
        return (
            Event("link.bpm", float(link.tempo), time),
            Event("link.beat", float(link.beat), time),
            Event("link.peers", float(link.num_peers), time),
        )

    def close(self) -> None:
        self._link.enabled = False
        if self._loop is not None:
            self._loop.close()
