"""The watch over a training run: cheap readings now and then, alarms as soon as a failure is sure.

The four failures of Ahn et al. and when each is one: collapse (the grid is nearly one picture), saturation (channels at
0 or 255) and sparse output (empty grounds) as `Guard` judges them, twice in a row, so that one odd batch rolls nothing
back; plateau when the discriminator's loss has gone to zero and the pictures of fixed latents stand still.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from models.guard.guard import Guard
from models.guard.look import Look, look, smaller

D_LOST = 0.1  # a discriminator loss (sum over real and made) under which the made teach nothing any more
STILL = 0.005  # mean difference (of 2) of fixed pictures between two looks under which nothing moves: 0.6 of 255
MEMORY = 0.95  # of the running mean of the discriminator's loss, a step
TWICE = 2  # looks in a row that make an alarm


class Watch:
    """Monitors of one run. One thread: the one that trains.

    home: readings of real pictures, or of the network that the run starts from; None: the most diverse look so far.
    settle: an untrained network is not diverse yet, so for this many steps only plateau and not finite are alarms; 0
    for a run from a parent. every: steps between two looks; a look costs 16 small pictures and 5 ms. d_loss: the name
    of the discriminator's loss among `losses`.
    """

    def __init__(
        self, home: Look | None = None, every: int = 50, settle: int = 500, d_loss: str = "d", still: float = STILL
    ) -> None:
        self.home, self.every, self.settle, self.d_loss, self.still = home, every, settle, d_loss, still
        self.seen: Look | None = None  # the last look
        self._best: Look | None = None
        self._before: Tensor | None = None
        self._loss = math.nan
        self._count: dict[str, int] = {}

    def wants(self, step: int) -> bool:
        """Whether pictures of the fixed latents are wanted at this step."""
        return step % self.every == 0

    def add(self, step: int, losses: Mapping[str, float], pictures: Tensor | None = None) -> tuple[str, ...]:
        """What one step said, and every `every` steps the pictures of the same latents; () while all is well.

        Alarms: "not finite", "collapse", "saturation", "sparse", "plateau".
        """
        if any(not math.isfinite(value) for value in losses.values()):
            return ("not finite",)
        if self.d_loss in losses:
            loss = losses[self.d_loss]
            self._loss = loss if math.isnan(self._loss) else MEMORY * self._loss + (1 - MEMORY) * loss
        return () if pictures is None else self._looked(step, pictures)

    def forget(self) -> None:
        """To be called after a rollback: what led to the alarm is no longer what was seen last."""
        self._count.clear()
        self._before, self._loss = None, math.nan

    def state(self) -> dict[str, Any]:
        """All that the next alarm depends on, for a run that is resumed to the same numbers."""
        best = None if self._best is None else asdict(self._best)
        return {"best": best, "before": self._before, "loss": self._loss, "count": dict(self._count)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._best = None if state["best"] is None else Look(**state["best"])
        self._before, self._loss, self._count = state["before"], float(state["loss"]), dict(state["count"])

    def _looked(self, step: int, pictures: Tensor) -> tuple[str, ...]:
        seen = look(pictures, self._before)
        self.seen = seen
        if not seen.finite:
            return ("not finite",)
        self._before = smaller(pictures.detach().float().clamp(-1, 1))
        found = set(Guard(self.home or self._best).judge(seen)) if step >= self.settle else set()
        if self._loss < D_LOST and seen.change < self.still:
            found.add("plateau")
        if self._best is None or seen.diversity > self._best.diversity:
            self._best = seen
        self._count = {alarm: self._count.get(alarm, 0) + 1 for alarm in sorted(found)}
        return tuple(alarm for alarm, count in self._count.items() if count >= TWICE)


def watch_of(pictures: Tensor, **settings: Any) -> Watch:
    """The watch whose home is what these pictures (real ones, or the parent's) show."""
    with torch.no_grad():
        return Watch(look(pictures), **settings)
