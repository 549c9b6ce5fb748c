"""N4, creative adversarial networks: pictures as real as a plain GAN's, of no style that a judge can name.

A GAN is trained on eight drawn styles; from that state it goes on twice with the same latents and pictures, once with
the style loss and once without. A classifier that has seen neither network says how unsure it is of the style of 1,000
pictures of each, a discriminant on features of an untrained extractor how well made pictures are told from real ones.

All of them have minibatch discrimination in D, one of the remedies that Ahn et al. name against collapse; what it does
is the row `n5_minibatch`.

At this size and so soon after its start a GAN's pictures are always told from real ones (AUC 1), which leaves the check
of realism without teeth; so the local KID beside that of the GAN is told, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.guard import look
from models.judging import distances
from models.judging.classifier import Classifier, accuracy, entropy, train_classifier
from models.judging.realism import auc
from models.studies import Check, Run, at_least, at_most, over_seeds
from models.studies.stepping import Pictures, Training, begin
from models.training.data import to_signed
from models.training.inspirations import styles
from models.training.recipes.can import RECIPE
from models.training.sheets import grid

ABOUT = "N4 creative adversarial networks: as real as the GAN it was, and of no one style"
SUBSTITUTE = "eight families of ornament drawn by program, 32x32, for WikiArt's styles"
SETTINGS: Mapping[str, Any] = {
    "size": 32, "batch": 16, "each": 250, "held_out": 60, "parent_steps": 800, "steps": 80, "samples": 1000,
    "classifier_steps": 400, "minibatch": 16,
    "options": {"channels": 16, "g_rate": 2e-4, "d_rate": 1.5e-4, "ema": 100.0},
}  # fmt: skip


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """One parent and its two ways on."""
    few = {"each": 4, "held_out": 4, "parent_steps": 3, "steps": 2, "samples": 24, "classifier_steps": 4}  # fmt: skip
    number = {**SETTINGS, **(few if quick else {})}
    data, fresh = _bank(number["each"], seed), _bank(number["held_out"], 1000 + seed)
    unseen = to_signed(fresh.pictures)
    judge = train_classifier(to_signed(data.pictures), _labels(data), 500 + seed, number["classifier_steps"])
    training = _begun(seed, data, number["parent_steps"])
    z = torch.randn([number["samples"], training.method.z_dim], generator=torch.Generator().manual_seed(77))
    training.advance(number["parent_steps"])
    training.keep()
    made = {"parent": training.method.pictures(z)}
    for name, ambiguity in (("gan", 0.0), ("can", 1.0)):
        training.back()
        training.advance(number["steps"], style_ambiguity=ambiguity)
        made[name] = training.method.pictures(z)
    _sheet(folder / "sheet.png", unseen, made)
    read = {name: _read(judge, unseen, pictures) for name, pictures in made.items()}
    return {
        "classifier_accuracy": accuracy(judge, unseen, _labels(fresh)), "entropy_real": entropy(judge, unseen),
        "readings": read, "entropy_gan": read["gan"]["entropy"],
        "entropy_ratio": read["can"]["entropy"] / read["gan"]["entropy"],
        "auc_worse": read["can"]["auc"] - read["gan"]["auc"], "kid_ratio": read["can"]["kid"] / read["gan"]["kid"],
        "diversity_ratio": read["can"]["diversity"] / read["gan"]["diversity"],
        "pictures": {"two rows each: real pictures, the parent, the GAN, the CAN": "sheet.png"},
    }  # fmt: skip


def _read(judge: Classifier, real: Tensor, made: Tensor) -> dict[str, float]:
    """How ambiguous, how real, how diverse."""
    seen, wanted = distances.features(made), distances.features(real)
    return {
        "entropy": entropy(judge, made), "auc": auc(wanted, seen), "kid": distances.kid(wanted, seen),
        "diversity": look(made[:200]).diversity,
    }  # fmt: skip


def _begun(seed: int, data: Pictures, parent_steps: int) -> Training:
    options = {**SETTINGS["options"], "minibatch": SETTINGS["minibatch"], "parent_steps": parent_steps}
    return begin(RECIPE, seed, int(SETTINGS["size"]), int(SETTINGS["batch"]), data, **options)


def _bank(each: int, seed: int) -> Pictures:
    pictures, labels = styles.bank(each, int(SETTINGS["size"]), seed)
    return Pictures(pictures, labels, styles.NAMES)


def _labels(data: Pictures) -> Tensor:
    assert data.labels is not None
    return data.labels


def _sheet(path: Path, real: Tensor, made: Mapping[str, Tensor]) -> None:
    """Rows of twelve: real ones across the styles, then two rows of each network."""
    spread = torch.linspace(0, len(real) - 1, 24).long()
    rows = [real[spread], *(pictures[:24] for pictures in made.values())]
    grid(torch.cat(rows), 2 * len(rows), 12).save(path)


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Ambiguity, realism and diversity together, for noise has the first alone."""
    return (
        at_least(runs, "accuracy of the style classifier on pictures held out", "classifier_accuracy", 0.9),
        at_most(runs, "normalised entropy of the GAN's styles", "entropy_gan", 0.75),
        at_least(runs, "entropy of the CAN's styles, of the GAN's", "entropy_ratio", 1.25),
        at_most(runs, "real against made (AUC), the CAN's less the GAN's", "auc_worse", 0.05),
        at_least(runs, "diversity of the CAN's pictures, of the GAN's", "diversity_ratio", 0.7),
        over_seeds(
            runs, "local KID of the CAN's pictures, of the GAN's", "told, no bound", lambda r: r["kid_ratio"],
            lambda _: True,
        ),
    )  # fmt: skip
