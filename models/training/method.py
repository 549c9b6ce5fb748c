"""What a recipe of the instrument is: a `Plan` that begins a `Method`, which `models.training.run` steps.

A recipe is one file in `models/training/recipes/` with a `RECIPE = Plan(...)`. It says what it wants (pictures, labels,
a parent, a critic), how large and how long by default, and what a performer may move while it trains. All that is the
same for every recipe is elsewhere, once: pictures (`folder`), steps of an optimiser, precision, processes and memory
(`engine`), checkpoints, logs, trajectory, guard (`run`).

Randomness: a step draws from the generator it is given and from nothing else, always as
`torch.randn(..., generator=rng, device=rng.device)`; `begin` may use torch's own, which is seeded before it is called.
Then a run that was killed goes on with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from models.generators import Generator
    from models.knobs import Knob
    from models.training.engine import Engine

WANTS = frozenset({"data", "labels", "parent", "critic"})


@dataclass(frozen=True)
class Batch:
    """Real pictures [N, 3, H, W] in -1..1, channels-last, and their labels [N] int64 where there are any."""

    pictures: Tensor
    labels: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(self.pictures.to(device), None if self.labels is None else self.labels.to(device))


class Method(Protocol):
    """One run of a recipe between two steps. All that the next step depends on is in `networks`, `optimisers`,
    `numbers` and the generator that `step` is given; that is what a checkpoint holds.
    """

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """By name, saved whole: "generator", "average", "discriminator", ..."""

    @property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]:
        """By name."""

    @property
    def numbers(self) -> dict[str, float]:
        """Small state (how strongly pictures are augmented, ...), put back by assigning its items; its keys are there
        from the start.
        """

    # A method may have `played`: other networks that are left beside the one shown, by the word of their file,
    # RECIPE-WORD.safetensors: {"u": "average_u"}.

    @property
    def shown(self) -> str:
        """Which of `networks` is played, sampled, guarded and recorded."""

    @property
    def z_dim(self) -> int:
        """Length of a latent."""

    def step(
        self, number: int, real: Batch | None, knobs: Mapping[str, float], rng: torch.Generator
    ) -> dict[str, float]:
        """One step, the `number`th from 0, and its losses for the log: the same names at every step.

        `real` is a batch if the plan wants data, on the run's device. `knobs` has every knob of the plan.
        """

    def pictures(self, z: Tensor) -> Tensor:
        """[N, z_dim] -> [N, 3, H, W] about -1..1, of `shown`, with fixed noise. Changes nothing."""


@dataclass(frozen=True)
class Setting:
    """What a method begins with. `classes` are the names of the labels; `options` has every option of the plan."""

    seed: int
    resolution: int
    batch: int  # of this process, before it is cut into parts for memory's sake
    fabric: Fabric
    engine: Engine  # take every optimiser's step through it
    parent: Generator | None = None
    critic: nn.Module | None = None
    classes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where networks and pictures belong."""
        return self.fabric.device


@dataclass(frozen=True)
class Plan:
    """A recipe as data. `options` are what can be chosen before it begins (`--set NAME=VALUE`), with their defaults;
    a value is of its default's type. `knobs` are what can be moved while it trains.
    """

    name: str
    about: str  # one line
    begin: Callable[[Setting], Method]
    wants: frozenset[str] = frozenset()  # of WANTS
    may: frozenset[str] = frozenset()  # what it takes where it is given
    resolution: int = 64
    batch: int = 16
    steps: int = 2000
    record_every: int = 50  # steps between two places of the trajectory
    sheet_every: int = 200
    save_every: int = 200
    on_alarm: str = "rollback"  # or "note": where collapse is part of the way; broken numbers are always rolled back
    knobs: tuple[Knob, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.on_alarm not in ("rollback", "note"):
            raise ValueError(f"recipe {self.name}: on_alarm is rollback or note, not {self.on_alarm!r}")
        if unknown := (self.wants | self.may) - WANTS:
            raise ValueError(f"recipe {self.name}: it can want {sorted(WANTS)}, not {sorted(unknown)}")
