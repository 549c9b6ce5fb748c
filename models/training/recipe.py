"""What a recipe says, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.training.data import Scene


@dataclass(frozen=True)
class Stage:
    """One size of picture: `kimg` thousand pictures shown in batches of `batch`, from a bank of `pictures`.

    Without `adversarial` the generator only learns to show the anchors (a warm start; much cheaper), and there is no
    critic.
    """

    resolution: int
    kimg: float
    batch: int
    pictures: int
    augment: tuple[str, ...] = ()
    adversarial: bool = True


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run but the machine. `scenes()` gives the function that makes one picture."""

    name: str
    seed: int
    scenes: Callable[[], Scene]
    generator: Mapping[str, Any]
    stages: tuple[Stage, ...]
    description: str = ""
    licence: str = "CC0-1.0"  # of the weights
    sources: Mapping[str, str] = field(default_factory=dict)  # file -> its licence
    learning_rate: float = 0.0025
    r1_gamma: float = 2e-3  # times resolution^2 / batch
    r1_every: int = 16
    ema_kimg: float = 1.5  # half-life, ramped up over the first ten times as many pictures
    style_mixing: float = 0.3
    anchors: int = 0  # the first so many pictures are what seeds 0, 1, ... shall show; half of G's batch are anchors
    walks: float = 0.5  # of the other latents, so many lie between two anchors
    anchor_weight: float = 10.0
    noise_rate: float = 0.1  # of learning_rate, for noise strengths: what they draw, w cannot steer
    discriminator: Mapping[str, Any] = field(default_factory=lambda: {"channel_base": 2048, "channel_max": 64})
