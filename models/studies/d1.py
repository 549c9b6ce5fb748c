"""D1, training without data: two generators and one discriminator, no picture opened, colours grown from nothing.

Each seed is trained twice from the same start, with the colour drive and without it. Colours are counted in a cube of
16 x 16 x 16 bins, over the pictures of the same latents: at the start (as the networks paint in training and as they
would be played, whichever has more), at the end, and at the end without the drive. Of U and V the poorer one counts.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.generators.dcgan import DCGAN
from models.studies import Check, Run, at_least, at_most, over_seeds
from models.studies.stepping import Training, begin
from models.training.recipes.dataless import RECIPE
from models.training.sheets import grid

ABOUT = "D1 training without data: two networks grow many colours out of nothing, against each other"
SUBSTITUTE = ""
SETTINGS: Mapping[str, Any] = {
    "size": 32, "steps": 1200, "batch": 8, "latents": 256, "window": 100, "last": 1000,
    "options": {"channels": 16, "learning_rate": 1e-4, "critic_rate": 0.2},
}  # fmt: skip
CODE = (".py", ".pyc", ".so")  # what an interpreter opens by itself


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Both trainings of one seed."""
    steps, count = (4, 16) if quick else (int(SETTINGS["steps"]), int(SETTINGS["latents"]))
    accuracies: list[float] = []
    training = _begun(seed)
    z = torch.randn([count, training.method.z_dim], generator=torch.Generator().manual_seed(77))
    start = [max(bins(_painted(net, z)), bins(_played(net, z))) for net in _pair(training)]
    before = _played(training.method.networks["average"], z)
    opened = _watched(lambda: training.advance(steps, lambda _, losses: accuracies.append(losses["accuracy"])))
    ends = [_played(training.method.networks[name], z) for name in ("average", "other_average")]
    without = _begun(seed)
    without.advance(steps, colour_weight=0.0)
    grey = [_played(without.method.networks[name], z) for name in ("average", "other_average")]
    window = min(len(accuracies), int(SETTINGS["window"]))
    last = accuracies[-int(SETTINGS["last"]) :]
    windows = [sum(last[k : k + window]) / window for k in range(0, len(last) - window + 1, window)]
    found, plain = [bins(x) for x in ends], [bins(x) for x in grey]
    wide = min(12, count // 2)
    sheet = torch.cat([before[:wide], *(x[: 2 * wide] for x in ends), grey[0][:wide]])
    grid(sheet, 6, wide).save(folder / "sheet.png")
    return {
        "opened": opened, "bins_start": start, "bins": found, "bins_without": plain,
        "growth": min(found) / max(start), "left_without": max(plain) / min(found),
        "accuracy_least": min(windows), "accuracy_most": max(windows),
        "spread": min(spread(x) for x in ends),
        "pictures": {"a row of the start, two of U, two of V, one of U without the drive": "sheet.png"},
    }  # fmt: skip


def bins(pictures: Tensor) -> int:
    """How many of the 16^3 bins of colour have a pixel of the pictures [N, 3, H, W] in -1..1."""
    cells = ((pictures + 1) * 8).clamp(0, 15).long()
    places = cells[:, 0] * 256 + cells[:, 1] * 16 + cells[:, 2]
    return int((torch.bincount(places.flatten(), minlength=4096) > 0).sum())


def spread(pictures: Tensor) -> float:
    """The mean distance (RMS) of two pictures, beside the deviation of all pixels: 0 if they are all one picture, 1.4
    if they have nothing in common.
    """
    rows = pictures.flatten(1).double()
    count = len(rows)
    apart = torch.cdist(rows, rows).sum() / (count * (count - 1) * rows.shape[1] ** 0.5)
    return float(apart / rows.std())


def _begun(seed: int) -> Training:
    return begin(RECIPE, seed, int(SETTINGS["size"]), int(SETTINGS["batch"]), **SETTINGS["options"])


def _pair(training: Training) -> list[torch.nn.Module]:
    return [training.method.networks[name] for name in ("generator", "other")]


@torch.no_grad()
def _painted(network: torch.nn.Module, z: Tensor) -> Tensor:
    """As in training, normalised by this batch; the network's memory of batches is left as it was."""
    assert isinstance(network, DCGAN)
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    painted = network.train().paint(z)
    network.load_state_dict(kept)
    return painted


@torch.no_grad()
def _played(network: torch.nn.Module, z: Tensor) -> Tensor:
    """As on stage."""
    assert isinstance(network, DCGAN)
    training = network.training
    played = network.eval().paint(z)
    network.train(training)
    return played


def _watched(work: Any) -> int:
    """How many files are opened meanwhile that are not code, as the interpreter itself reports them."""
    opened: list[str] = []
    watching = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and not str(arguments[0]).endswith(CODE):
            opened.append(str(arguments[0]))

    sys.addaudithook(hook)  # it cannot be taken away again, only put to sleep
    work()
    watching = False
    return len(opened)


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Colours out of nothing, because of the drive, and no collapse."""
    return (
        at_most(runs, "files opened while it trains", "opened", 0),
        at_least(runs, "occupied bins of colour, of those at the start", "growth", 3.0),
        at_most(runs, "bins without the colour drive, of those with it", "left_without", 0.5),
        over_seeds(
            runs, "accuracy of D, least of any 100 of the last 1,000 steps", ">= 0.4",
            lambda r: r["accuracy_least"], lambda v: v >= 0.4,
        ),
        over_seeds(
            runs, "accuracy of D, most of any 100 of the last 1,000 steps", "<= 0.8",
            lambda r: r["accuracy_most"], lambda v: v <= 0.8,
        ),
        at_least(runs, "distance of two pictures, of the pixels' deviation", "spread", 0.3),
    )  # fmt: skip
