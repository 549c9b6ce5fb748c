"""`perform bench engine`: what a frame costs outside the generator and GL."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from perform.bench.report import Row
from perform.engine.clock import FixedClock, Tick, machine_time
from perform.engine.frame import Frame, Request
from perform.engine.loop import Engine
from perform.engine.parameters import Parameters, Values
from perform.engine.patch import Patch, Route
from perform.engine.problems import Problems
from perform.engine.signals import Event
from perform.engine.worker import InlineWorker


class _Nothing:
    """A stage and a renderer that cost nothing, so that what is measured is the engine."""

    name, device = "nothing", "cpu"

    def draw(self, frame: Frame | None, values: Values, tick: Tick) -> None:
        return None

    def render(self, request: Request) -> Frame:
        return Frame(None, request.tick)


class _Chatter:
    """A source that says every signal anew in each frame."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def poll(self, tick: Tick) -> list[Event]:
        value = (tick.index % 60) / 60
        return [Event(name, value, tick.time) for name in self._names]

    def close(self) -> None:
        return None


def bench_engine(parameters: Parameters, routes: int = 20, frames: int = 3000) -> list[Row]:
    """The engine's own time per frame, outside generator and GL: `routes` routes over the whole tree of parameters."""
    clock, problems = FixedClock(60), Problems()
    worker = InlineWorker(clock, problems)
    worker.install(_Nothing())
    targets = [name for name in parameters.names() if parameters.knob(name).kind == "float"]
    signals = [f"audio.s{i}" for i in range(routes)]
    engine = Engine(
        clock, [_Chatter(signals)], parameters, worker, _Nothing(), direct=lambda _: None, problems=problems
    )
    engine.patch = Patch(
        [Route(name, targets[i % len(targets)], 0.1, "smooth", 0.01, 0.2) for i, name in enumerate(signals)], parameters
    )
    times = []
    for _ in range(frames):
        began = machine_time()
        engine.step()
        times.append((machine_time() - began) * 1e3)
    times.sort()
    return [
        {
            "what": "engine overhead per frame",
            "routes": routes,
            "parameters": len(parameters),
            "median_ms": statistics.median(times),
            "p99_ms": times[int(len(times) * 0.99)],
            "target_ms": 0.5,
        }
    ]
