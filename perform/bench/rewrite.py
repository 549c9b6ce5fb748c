"""`perform bench rewrite`: what a glitch that moves costs, beside the network's own time."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from models.bench import finisher
from perform.bench.report import Row
from perform.engine.clock import machine_time

if TYPE_CHECKING:
    from models.rewriting.glitch import Glitch

WARM_UP = 5


def bench_rewrite(model: str, device: str, seconds: float, threads: int | None) -> list[Row]:
    """Milliseconds of a frame's rewriting, without the picture, for every operation on 30 % of one layer and of all.

    Rows: operation, layers, then medians where nothing moves, where `strength` moves (one layer of the shipped network:
    0.3 at most is wanted), and where the seed is new (5 at most).
    ValueError for a model that is unknown or has no weights.
    """
    import torch

    import models
    from models.resident import Resident
    from models.rewriting.glitch import OPERATIONS, Glitch
    from models.rewriting.rewriter import Rewriter

    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        network = models.load(model, device)
        resident = Resident(network)
        rewriter = Rewriter(network, resident)
        if not rewriter.sites:
            raise ValueError(f"{model} has no weights that can be rewritten")
        rewriter.splice_from({name: resident.home(name).clone() for name in resident.names})

        finish = finisher(device)

        def spent(glitch: Glitch) -> float:
            begun = machine_time()
            rewriter.frame((glitch,))
            resident.update([rewriter])
            finish()
            return (machine_time() - begun) * 1e3

        def median(moved: Callable[[int], Glitch]) -> float:
            begun = machine_time()
            found: list[float] = []
            while len(found) < WARM_UP + 10 or machine_time() - begun < seconds / (6 * len(OPERATIONS)):
                found.append(spent(moved(len(found))))
            return statistics.median(found[WARM_UP:])

        rows: list[Row] = []
        for op in OPERATIONS:
            for reach in (0.0, 1.0):
                glitch = Glitch(op, 0.25, reach, 30.0, 1, 0.5)
                rows.append(_row(op, reach, len(rewriter.sites), glitch, median))
    finally:
        torch.set_num_threads(before)
    return rows


def _row(op: str, reach: float, count: int, glitch: Glitch, median: Callable[[Callable[[int], Glitch]], float]) -> Row:
    return {
        "op": op,
        "layers": count if reach else 1,
        "still": median(lambda _: glitch),
        "strength": median(lambda k: replace(glitch, strength=0.1 + k % 97 / 100)),
        "seed": median(lambda k: replace(glitch, seed=k)),
    }
