"""Recipes stepped by hand: for rows that compare trainings from one state, or look at every step of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from models.training.data import to_signed
from models.training.engine import Engine, fabric
from models.training.method import Batch, Method, Plan, Setting

OnStep = Callable[[int, Mapping[str, float]], object]


@dataclass(frozen=True)
class Pictures:
    """A bank in memory, [N, 3, H, W] uint8, and its labels."""

    pictures: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()


@dataclass
class Training:
    """A method between two steps, on one core of the processor; the same seed gives the same numbers."""

    plan: Plan
    method: Method
    batch: int
    rng: torch.Generator
    data: Pictures | None = None
    number: int = 0
    _kept: dict[str, Any] = field(default_factory=dict)

    def advance(self, steps: int, on_step: OnStep | None = None, **knobs: float) -> None:
        """So many steps with these knobs, the others at their defaults; `on_step(number, losses)` after each."""
        moved = {knob.name: knob.default for knob in self.plan.knobs} | knobs
        for _ in range(steps):
            losses = self.method.step(self.number, self._real(), moved, self.rng)
            self.number += 1
            if on_step is not None:
                on_step(self.number, losses)

    def keep(self) -> None:
        """Remember everything that the next step depends on."""
        method = self.method
        self._kept = deepcopy(
            {
                "networks": {name: network.state_dict() for name, network in method.networks.items()},
                "optimisers": {name: optimiser.state_dict() for name, optimiser in method.optimisers.items()},
                "numbers": dict(method.numbers),
                "rng": self.rng.get_state(),
                "number": self.number,
            }
        )

    def back(self) -> None:
        """To what was kept."""
        kept = deepcopy(self._kept)
        for name, network in self.method.networks.items():
            network.load_state_dict(kept["networks"][name])
        for name, optimiser in self.method.optimisers.items():
            optimiser.load_state_dict(kept["optimisers"][name])
        self.method.numbers.update(kept["numbers"])
        self.rng.set_state(kept["rng"])
        self.number = kept["number"]

    def _real(self) -> Batch | None:
        if self.data is None:
            return None
        index = torch.randint(len(self.data.pictures), [self.batch], generator=self.rng)
        labels = None if self.data.labels is None else self.data.labels[index]
        return Batch(to_signed(self.data.pictures[index]), labels)


def begin(plan: Plan, seed: int, size: int, batch: int, data: Pictures | None = None, **options: Any) -> Training:
    """A recipe at its first step, with its options but for `options`. KeyError for one that it has not."""
    if unknown := options.keys() - plan.options.keys():
        raise KeyError(f"{plan.name} has no option {min(unknown)}; it has {', '.join(sorted(plan.options))}")
    machine = fabric(accelerator="cpu")
    classes = data.classes if data else ()
    setting = Setting(seed, size, batch, machine, Engine(machine), classes=classes, options={**plan.options, **options})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        method = plan.begin(setting)
    return Training(plan, method, batch, torch.Generator().manual_seed(1000 + seed), data)
