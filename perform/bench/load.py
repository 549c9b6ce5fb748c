"""A model comes in during a show: `perform bench load`. What the wall and the generator lose by it, and how long."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from perform.app import Options, Show, open_show
from perform.bench.memory import random_model
from perform.bench.report import Row
from perform.engine.clock import Tick, machine_time
from perform.engine.latency import Gauge
from perform.engine.worker import Worker

SETTLE = 4.0  # seconds until everything runs as it always does
BEFORE = 8.0  # seconds of the show as it is, to compare with
LONGEST = 240.0  # seconds that a load may take


class Watch:
    """Where the bench stands: settling, before, loading, fading, done."""

    def __init__(self, show: Show, model: str) -> None:
        self.show, self.model = show, model
        self.phase = "settling"
        self.began = machine_time()
        self.asked = self.came = self.seen = 0.0
        self.frames: dict[str, list[float]] = {"before": [], "loading": []}
        self.gaps: dict[str, list[float]] = {"before": [], "loading": []}

    def going(self, tick: Tick) -> bool:
        """Once a frame. Whether to go on."""
        show = self.show
        now = machine_time()
        if self.phase in self.frames:
            self.frames[self.phase].append(tick.dt)
        if self.phase == "settling" and self._ready() and now - self.began > SETTLE:
            self._turn("before")
            self.began = now
        elif self.phase == "before" and now - self.began > BEFORE:
            self._turn("loading")
            self.asked = now
            show.parameters.set("model.load", self.model)
        elif self.phase == "loading" and show.parameters.get("deck.mix") > 0.0:
            self._turn("fading")
            self.came = now
        elif self.phase == "fading" and show.parameters.get("deck.mix") >= 1.0:
            self.seen = now
            return False
        failed = "model" in show.problems.current
        return show.going(tick) and not failed and now - self.began < LONGEST

    def _ready(self) -> bool:
        return self.show.worker.made > 20 and self.show.chain.ready and not self.show.loader.quickening

    def _turn(self, phase: str) -> None:
        worker = self.show.worker
        assert isinstance(worker, Worker)  # a live show has no other
        if self.phase in self.gaps:
            self.gaps[self.phase] = list(worker.gaps.recent())
        worker.gaps = Gauge(16384)
        self.phase = phase


def bench_load(options: Options, model: str = "") -> list[Row]:
    """Load `model` (a file; "" makes a StyleGAN2 of 1024 config-f with random weights) while a show runs."""
    with tempfile.TemporaryDirectory() as folder, open_show(options) as show:
        watch = Watch(show, model or str(random_model(Path(folder) / "config-f-1024.safetensors", 0)))
        show.engine.run(watch.going)
        return [_row(watch)]


def _row(watch: Watch) -> Row:
    show = watch.show
    period = float(np.median(watch.frames["before"] or [0.0]))
    usual = float(np.median(watch.gaps["before"] or [0.0]))
    loading = watch.frames["loading"] or [0.0]
    gaps = watch.gaps["loading"] or [0.0]
    return {
        "model": Path(watch.model).name,
        "wall": show.wall.name,
        "came": bool(watch.came),
        "load_s": round(watch.came - watch.asked, 2) if watch.came else float("nan"),
        "on_the_wall_s": round(watch.seen - watch.asked, 2) if watch.seen else float("nan"),
        "frames_while_loading": len(watch.frames["loading"]),
        "frame_ms": period * 1e3,
        "longest_frame_before_ms": max(watch.frames["before"] or [0.0]) * 1e3,
        "longest_frame_loading_ms": max(loading) * 1e3,
        "missed_before": sum(frame > 1.5 * period for frame in watch.frames["before"]),
        "missed_loading": sum(frame > 1.5 * period for frame in loading),
        "generator_gap_ms": usual * 1e3,
        "longest_gap_before_ms": max(watch.gaps["before"] or [0.0]) * 1e3,
        "longest_gap_loading_ms": max(gaps) * 1e3,
        "gap_in_frames": max(gaps) / usual if usual else float("nan"),
        "problems": " | ".join(problem.text for problem in show.problems.current.values()) or "none",
    }
