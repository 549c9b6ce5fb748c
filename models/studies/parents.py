"""What several rows begin with: two sets of scenes, a network taught on one of them with its critic, a judge of both.

All are kept in the study's folder and made once for a seed, whichever row asks first. Small on purpose: 32x32, one
core, a minute each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from models import sheets
from models.checkpoints import io
from models.generators import Generator
from models.guard import fixed_latents
from models.judging.classifier import Classifier, accuracy, train_classifier
from models.studies.scenes import Kind, scenes
from models.training.method import Method, Plan, Setting
from models.training.recipes.cross_domain import RECIPE as CROSS_DOMAIN
from models.training.recipes.gan import RECIPE as GAN
from models.training.run import Result, run

SIZE = 32
SETTINGS: dict[str, Any] = {
    "size": SIZE, "pictures": 1500, "steps": 900, "batch": 16, "judge_steps": 400,
    "options": {"channels": 16, "learning_rate": 0.004, "augment": "none", "style_mixing": 0.0, "ema": 50.0},
}  # fmt: skip
FURTHER: dict[str, Any] = {
    "steps": 1000, "record_every": 40,
    "options": {"learning_rate": 0.005, "ema": 150.0, "warm_up": 100, "augment": "none", "mapping": False,
                "style_mixing": 0.0},
}  # fmt: skip
QUICK = {"pictures": 48, "steps": 6, "batch": 4, "judge_steps": 4}


@dataclass(frozen=True)
class Trained:
    """A run's network and its critic, as files."""

    network: Path
    critic: Path

    def generator(self) -> Generator:
        """The network."""
        return io.load(self.network)


def still(plan: Plan) -> Plan:
    """The plan with networks that take no noise: at this size a little of it covers the picture."""

    def begin(setting: Setting) -> Method:
        method = plan.begin(setting)
        for network in method.networks.values():
            for name, strength in network.named_parameters():
                if name.endswith("noise_strength"):
                    strength.requires_grad_(False).zero_()
        return method

    return replace(plan, begin=begin)


def number(name: str, quick: bool) -> int:
    """A size of `SETTINGS`, or the tests' one."""
    return int((QUICK if quick else SETTINGS)[name])


def shared(folder: Path, quick: bool) -> Path:
    """Where rows keep what they share; `folder` is a seed's folder of a row."""
    return folder.parents[1] / ("shared-quick" if quick else "shared")


def drawn(folder: Path, kind: Kind, quick: bool) -> Path:
    """The folder of a set's pictures, drawn on the first call."""
    place = shared(folder, quick) / kind
    count = number("pictures", quick)
    if not (place / f"{count - 1:05d}.png").exists():
        place.mkdir(parents=True, exist_ok=True)
        for k, picture in enumerate(scenes(kind, count, SIZE, seed=0 if kind == "circle" else 1)):
            rows = (picture * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
            Image.fromarray(rows.contiguous().numpy()).save(place / f"{k:05d}.png")
    return place


def taught(folder: Path, kind: Kind, seed: int, quick: bool) -> Trained:
    """A network taught from nothing on a set, with this seed."""
    out = shared(folder, quick) / f"{kind}-network-{seed}"
    path = out / "gan.safetensors"
    if not path.exists():
        run(
            still(GAN), out, data=drawn(folder, kind, quick), seed=seed, steps=number("steps", quick), resolution=SIZE,
            batch=number("batch", quick), options=SETTINGS["options"], progress=False,
        )  # fmt: skip
    return trained_by(out, "gan")


def taught_further(folder: Path, seed: int, quick: bool) -> Path:
    """The trajectory of this seed's network of discs on its way to stars, in its run's folder."""
    parent = taught(folder, "circle", seed, quick)
    out = shared(folder, quick) / f"circle-to-star-{seed}"
    if not (out / "cross-domain.safetensors").exists():
        run(
            replace(still(CROSS_DOMAIN), record_every=2 if quick else FURTHER["record_every"]), out,
            data=drawn(folder, "star", quick), parent=parent.network, critic=parent.critic, seed=seed,
            steps=6 if quick else FURTHER["steps"], resolution=SIZE, batch=number("batch", quick),
            options=FURTHER["options"], progress=False,
        )  # fmt: skip
    return out / "trajectory"


def trained_by(out: Path | Result, name: str) -> Trained:
    """What a run left in its folder."""
    folder = out.folder if isinstance(out, Result) else out
    return Trained(folder / f"{name}.safetensors", folder / f"{name}.critic.safetensors")


def judge(seed: int, quick: bool) -> tuple[Classifier, float]:
    """A classifier of discs (0) and stars (1) on pictures that no network was taught with, and its accuracy on more."""
    count = number("pictures", quick)
    seen = torch.cat([scenes("circle", count, SIZE, 5000 + seed), scenes("star", count, SIZE, 6000 + seed)])
    network = train_classifier(seen, torch.arange(2 * count) // count, seed, number("judge_steps", quick))
    held = torch.cat([scenes("circle", 300, SIZE, 7000 + seed), scenes("star", 300, SIZE, 8000 + seed)])
    return network, accuracy(network, held, torch.arange(600) // 300)


@torch.no_grad()
def painted(network: Generator, count: int) -> Tensor:
    """[count, 3, H, W] of the fixed latents, psi 1, constant noise."""
    z = fixed_latents(network.z_dim, count)
    parts = [network.map(part, truncation_psi=1.0) for part in torch.split(z, 100)]
    return torch.cat([network.synthesize(w, noise_mode="const") for w in parts]).clamp(-1, 1)


def strip(path: Path, words: Sequence[str], columns: Sequence[Tensor], enlarge: int = 2) -> str:
    """A picture of columns [N, 3, H, W] under their words; its file name."""
    larger = [torch.nn.functional.interpolate(c, scale_factor=enlarge, mode="nearest") for c in columns]
    sheets.grid(words, [list(c) for c in larger]).save(path, optimize=True)
    return path.name


def real(kind: Kind, count: int, seed: int) -> Tensor:
    """[count, 3, 32, 32] of a set that neither networks nor judges were taught with."""
    return scenes(kind, count, SIZE, 9000 + 100 * seed + (kind == "star"))
