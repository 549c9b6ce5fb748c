"""`perform bench tune`: what scrubbing a trajectory costs a frame, over the same network at a fixed place."""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from models.bench import finisher
from perform.bench.blend import GOLDEN, WARM_UP, quickest
from perform.engine.clock import machine_time, sleep
from perform.engine.low import stand_back

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator
    from models.tuning.reel import Reel
    from perform.bench.report import Row

STATES = 24
PERIODS = (1 / 60, 1 / 30)  # seconds: a frame that takes longer is late at that rate
CASES = ("scrubbing", "jumping", "reading")
SWEEP = 60  # frames from one end to the other
REST = 0.02  # as the show's reading thread rests


def bench_tune(model: str, device: str, seconds: float, threads: int | None, tell: Callable[[str], None]) -> list[Row]:
    """Frames in which the place on a trajectory moves, from values to the float picture, taking turns in one process
    with frames in which it rests. The network plays in the quickest form there is here, batch 1; the trajectory has
    24 states in which every parameter is another.

    Rows: "scrubbing", the fader on its way up and down in four seconds; "jumping", anywhere in each frame, so that the
    states come from memory and not from a cache; and "reading", jumping with room for four states, so that
    a background thread reads others all the time. Milliseconds; `late` counts frames over 1/60 and 1/30 s. Threads and
    switch interval as in a show. ValueError for a model that is unknown or has no weights.
    """
    import torch

    import models
    from models.resident import Resident
    from models.tuning.reel import Reel
    from models.tuning.tune import Tune
    from perform.app import SWITCH_INTERVAL
    from perform.engine.render import leave_room

    before, interval = torch.get_num_threads(), sys.getswitchinterval()
    leave_room()
    sys.setswitchinterval(SWITCH_INTERVAL)
    torch.set_num_threads(threads or torch.get_num_threads())
    rows = []
    try:
        network = models.load(model, device)
        if model in models.BUILT_IN:
            raise ValueError(f"{model} has no weights")
        with tempfile.TemporaryDirectory() as folder:
            path = _trajectory(Path(folder), network, tell)
            resident = Resident(network)
            form, manner = quickest(network, tell)
            tell(f"{manner}, {torch.get_num_threads()} threads")
            w = network.map(torch.randn(1, network.z_dim, generator=torch.Generator().manual_seed(0)).to(device))
            for case in CASES:
                tune = Tune(resident)
                with patch("models.tuning.reel.KEPT", 0 if case == "reading" else 1 << 40):
                    reel = Reel(path, network, resident)
                tune.play(reel)
                frame = _Frame(resident, tune, form, w)
                with _reading(reel, case), torch.inference_mode():
                    if tune.pack() and hasattr(form, "follow"):
                        form.follow(tune.packing)
                    moved, rested = _turns(frame, case, seconds / len(CASES))
                    frame(0.0)
                about = {"model": model, "fader": case, "form": manner, "threads": torch.get_num_threads()}
                rows.append(about | _summary(moved, rested))
    finally:
        torch.set_num_threads(before)
        sys.setswitchinterval(interval)
    return rows


def _trajectory(folder: Path, network: Generator, tell: Callable[[str], None]) -> Path:
    """A training, as far as time is concerned: every parameter of every state is another."""
    import torch

    from models.tuning.trajectory import Writer

    assert isinstance(network, torch.nn.Module)
    tell(f"a trajectory of {STATES} states")
    rng = torch.Generator().manual_seed(1)
    parameters = dict(network.named_parameters())
    state = {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}
    path = folder / "bench.trajectory"
    with Writer(path, state, {"architecture": network.architecture, "config": network.config}) as writer:
        for step in range(1, STATES):
            for name in parameters:
                state[name] = state[name] * (1.0 + 0.02 * torch.randn(state[name].shape, generator=rng))
            writer.add(step, state)
    return path


@contextmanager
def _reading(reel: Reel, case: str) -> Iterator[None]:
    """All states in memory, or a thread that goes on reading as the show's does."""
    if case != "reading":
        while reel.work():
            pass
        yield
        return
    end = threading.Event()

    def read() -> None:
        stand_back()
        while not end.is_set():
            if not reel.work():
                sleep(REST)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


class _Frame:
    """One frame at a place of the fader; seconds."""

    def __init__(self, resident: Any, tune: Any, form: Any, w: Tensor) -> None:
        self._resident, self._tune, self._form, self._w = resident, tune, form, w
        self._finish = finisher(w.device)

    def __call__(self, position: float) -> float:

        values: Mapping[str, float] = {"position": position}
        start = machine_time()
        self._tune.frame(values)
        self._resident.update([self._tune])
        self._form(self._w)
        self._finish()
        return machine_time() - start


def _turns(frame: _Frame, case: str, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds of frames in which the fader moved, and of the frames after them, in which it rests."""
    moved: list[float] = []
    rested: list[float] = []
    k = 0
    while len(moved) < 5 or sum(moved) + sum(rested) < seconds:
        position = abs((k / SWEEP) % 2.0 - 1.0) if case == "scrubbing" else (k * GOLDEN) % 1.0
        pair = frame(position), frame(position)
        if k >= WARM_UP:
            moved.append(pair[0])
            rested.append(pair[1])
        k += 1
    return moved, rested


def _summary(moved: list[float], rested: list[float]) -> Row:
    row: Row = {"frames": len(moved)}
    for name, times in (("moving", moved), ("fixed", rested)):
        ordered = sorted(times)
        row[f"{name}_ms"] = round(statistics.median(ordered) * 1e3, 2)
        row[f"{name}_p99"] = round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] * 1e3, 2)
        row[f"{name}_late"] = "/".join(str(sum(t > period for t in times)) for period in PERIODS)
    row["share"] = round(row["moving_ms"] / row["fixed_ms"] - 1, 3)
    row["share_of_minima"] = round(min(moved) / min(rested) - 1, 3)
    return row
