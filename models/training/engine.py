"""One step of an optimiser, whatever the machine: precision, several processes, and memory that runs out.

Lightning Fabric knows the devices, the precision (autocast, the scaling of float16) and how processes meet. Here is
what a recipe needs of it: `Engine.descend`. A batch that does not fit into a GPU is cut into parts whose gradients add
up, twice as many each time, and the cut is kept for the rest of the run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from lightning_fabric import Fabric
from torch import Tensor

log = logging.getLogger(__name__)

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


class NoRoom(RuntimeError):
    """Not even one picture at a time fits into the device's memory; the message says what to do."""


def fabric(precision: str = "32-true", devices: int = 1, accelerator: str = "auto") -> Fabric:
    """A started Fabric: `devices` of the best accelerator there is, or processes on the CPU. ValueError names a wrong
    precision.

    Several devices: this program is started once more for each of them (Fabric's own launcher), with the same command.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is one of {', '.join(PRECISIONS)}, not {precision!r}")
    made = Fabric(accelerator=accelerator, devices=devices, precision=precision)  # type: ignore[arg-type]
    made.launch()
    return made


def leads() -> bool:
    """Whether this is the process that the user started, and not one that `fabric` started beside it for a device."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@dataclass
class Engine:
    """How steps are taken. `parts`: in how many a batch is cut."""

    fabric: Fabric
    parts: int = 1
    _wrapped: dict[int, torch.optim.Optimizer] = field(default_factory=dict)

    def descend(
        self, optimiser: torch.optim.Optimizer, count: int, loss_of: Callable[[slice], Tensor], rng: torch.Generator
    ) -> float:
        """One step of `optimiser` down the mean loss over `count` pictures, and that loss.

        `loss_of(part)` gives the mean loss (0-d) of that part of the batch: slices of 0..count, mostly slice(0, count);
        it draws only from `rng`. It may be called again after memory ran out, so it changes nothing else. Gradients of
        other parameters are left as they are. Raises NoRoom if one picture alone is too much.
        """
        stepper = self._stepper(optimiser)
        while True:
            before = rng.get_state()
            try:
                return self._attempt(stepper, count, loss_of)
            except torch.OutOfMemoryError as error:
                rng.set_state(before)
                self._cut(count, error)
            optimiser.zero_grad(set_to_none=True)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _attempt(self, optimiser: torch.optim.Optimizer, count: int, loss_of: Callable[[slice], Tensor]) -> float:
        """One try with as many parts as are known to be needed."""
        optimiser.zero_grad(set_to_none=True)
        size = -(-count // min(self.parts, count))
        total = 0.0
        for start in range(0, count, size):
            part = slice(start, min(start + size, count))
            share = (part.stop - part.start) / count
            with self.fabric.autocast():
                loss = loss_of(part)
            self.fabric.backward(loss * share)
            total += share * float(loss.detach())
        self._share(optimiser)
        optimiser.step()
        return total

    def _share(self, optimiser: torch.optim.Optimizer) -> None:
        """The mean of the processes' gradients, in each of them: one flat message."""
        if self.fabric.world_size == 1:
            return
        slopes = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        flat = torch.cat([s.flatten() for s in slopes])
        flat = torch.as_tensor(self.fabric.all_reduce(flat, reduce_op="mean"))
        for slope, part in zip(slopes, torch.split(flat, [s.numel() for s in slopes]), strict=True):
            slope.copy_(part.view_as(slope))

    def _stepper(self, optimiser: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """The optimiser as Fabric steps it (float16 is scaled)."""
        if id(optimiser) not in self._wrapped:
            self._wrapped[id(optimiser)] = self.fabric.setup_optimizers(optimiser)  # type: ignore[assignment]
        return self._wrapped[id(optimiser)]

    def _cut(self, count: int, error: torch.OutOfMemoryError) -> None:
        """Twice as many parts from now on, said."""
        if self.parts >= count:
            raise NoRoom(
                "the device's memory does not hold the training of one picture at a time: choose a smaller --size, "
                "or train on the processor (--device cpu)"
            ) from error
        self.parts = min(2 * self.parts, count)
        log.warning(
            "the device's memory is full: the batch of %d is now made in %d parts whose gradients add up "
            "(slower, the same step)", count, self.parts,
        )  # fmt: skip
