"""When the network is asked, where it shares the processor with the painter."""

from __future__ import annotations

import pytest

from perform.engine.clock import FixedClock
from perform.engine.frame import Request
from perform.engine.loop import Engine
from perform.engine.parameters import Parameters
from perform.engine.problems import Problems
from perform.engine.worker import InlineWorker


def test_in_software_the_network_is_asked_when_the_frame_is_painted_even_where_painting_fails(
    parameters: Parameters,
) -> None:
    """With a hand at once; and a stage that breaks each time does not starve the network."""
    order: list[str] = []

    class Made(InlineWorker):
        def ask(self, request: Request) -> None:
            order.append("ask")
            super().ask(request)

    class Wall:
        broken = False

        def draw(self, frame: object, values: object, tick: object) -> None:
            order.append("draw")
            if self.broken:
                raise RuntimeError("the wall fell")

    clock, problems, wall = FixedClock(25), Problems(), Wall()
    engine = Engine(clock, [], parameters, Made(clock, problems), wall, direct=lambda _: None, problems=problems)
    engine.step()
    assert order == ["ask", "draw"]
    engine.hold = 0.02
    order.clear()
    engine.step()
    assert order == ["draw", "ask"]
    order.clear()
    wall.broken = True
    for _ in range(4):
        with pytest.raises(RuntimeError):
            engine.step()
    assert order.count("ask") == 2
