"""digits-vae: the autoencoder of Das et al. 2020, trained on small substitutes for their data.

The paper trains on MNIST (28 x 28) and, combined, on two sets. Here, with nothing to download:

- *digits*: the 1,797 handwritten digits of 8 x 8 inside scikit-learn (Alpaydin and Kaynak 1998, CC BY 4.0), enlarged
  to 28 x 28. A substitute for MNIST.
- *letters*: A to Z in the typeface inside Pillow (Aileron, CC0), turned, sheared, moved and sized at random, seen
  through the same 8 x 8 grid, so that sharpness does not tell them from digits. Drawn, not written.
- *combined*: both. A substitute for the paper's combined set, with its z of 100.

A fifth of each class is held out, the same for every seed. Everything follows from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.generators.vae import VAE, Config

SIDE = 28
COARSE = 8  # of scikit-learn's digits
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
EACH = 60  # pictures of a letter
HELD_OUT = 5  # every fifth of a class

WIDTHS = (1000, 500, 250)  # the paper's
STEPS = 3000
BATCH = 64
LEARNING_RATE = 1e-3  # Adam's; falls to 0 along a half cosine
WARM_UP = 1000  # steps in which the prior's weight rises to 1: without it most of z falls silent


@dataclass(frozen=True)
class Pictures:
    """`pixels` [N, 784] in 0..1 and `labels` [N]; `held` marks those that training does not see. Not to be changed."""

    pixels: Tensor
    labels: Tensor
    held: Tensor

    @property
    def seen(self) -> Tensor:
        """[n, 784], what training sees."""
        return self.pixels[~self.held]

    @property
    def unseen(self) -> Tensor:
        """[n, 784], what it does not."""
        return self.pixels[self.held]


@cache
def digits() -> Pictures:
    """Scikit-learn's digits, enlarged. ModuleNotFoundError says what to install."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("the digits are inside scikit-learn: pip install scikit-learn") from error
    found = load_digits()
    coarse = torch.from_numpy(found.images.astype(np.float32) / 16.0)
    return _pictures(coarse, torch.from_numpy(found.target.astype(np.int64)))


@cache
def letters(seed: int = 0) -> Pictures:
    """A to Z, `EACH` of each, labels from 10 on. OSError if Pillow came without FreeType."""
    rng = np.random.RandomState(seed)
    drawn = [_letter(letter, rng) for letter in LETTERS for _ in range(EACH)]
    coarse = F.adaptive_avg_pool2d(torch.from_numpy(np.stack(drawn)), COARSE)
    return _pictures(coarse, torch.arange(10, 10 + len(LETTERS)).repeat_interleave(EACH))


def combined() -> Pictures:
    """Digits and letters."""
    a, b = digits(), letters()
    return Pictures(torch.cat([a.pixels, b.pixels]), torch.cat([a.labels, b.labels]), torch.cat([a.held, b.held]))


def _pictures(coarse: Tensor, labels: Tensor) -> Pictures:
    """coarse [N, 8, 8] in 0..1, enlarged; of each class every fifth is held out."""
    fine = F.interpolate(coarse[:, None], [SIDE, SIDE], mode="bicubic", align_corners=False).clamp(0, 1)
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(int(labels.max()) + 1):
        held[(labels == label).nonzero()[::HELD_OUT, 0]] = True
    return Pictures(fine.flatten(1), labels, held)


def _letter(letter: str, rng: np.random.RandomState) -> NDArray[np.float32]:
    """[64, 64] in 0..1, drawn large and filling the frame as the digits do."""
    size, angle, lean = rng.uniform(58, 72), rng.uniform(-12, 12), rng.uniform(-0.25, 0.25)
    wide, weight = rng.uniform(0.75, 1.1), int(rng.randint(1, 5))
    dx, dy = rng.uniform(-3, 3, 2)
    big = Image.new("L", (128, 128))
    pen = ImageDraw.Draw(big)
    pen.text((64, 64), letter, 255, ImageFont.load_default(size), "mm", stroke_width=weight)
    turn = math.radians(angle)
    a, b = math.cos(turn) / wide, (math.sin(turn) + lean) / wide
    c, d = -math.sin(turn), math.cos(turn)
    matrix = (a, b, 64 - a * (32 + dx) - b * (32 + dy), c, d, 64 - c * (32 + dx) - d * (32 + dy))
    seen = big.transform((64, 64), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(seen, np.float32) / 255.0


def recipe_hash() -> str:
    """Changes with anything here that changes a trained network, so that a kept one is never taken for another."""
    return sha256(Path(__file__).read_bytes()).hexdigest()[:16]


def loss(network: VAE, pixels: Tensor, prior: float = 1.0) -> Tensor:
    """The negative evidence lower bound of a batch, in nats for a picture: Bernoulli pixels, normal prior.

    `prior` weighs the divergence from the prior. In evaluation mode z is the posterior's mean.
    """
    mean, log_variance = network.encode(pixels)
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean) if network.training else mean
    fit = F.binary_cross_entropy_with_logits(network.decode(z), pixels, reduction="none").sum(1)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    return (fit + prior * divergence).mean()


def train_vae(
    pictures: Pictures,
    z_dim: int,
    seed: int,
    steps: int = STEPS,
    progress: Callable[[float], None] | None = None,
    widths: tuple[int, ...] = WIDTHS,
) -> VAE:
    """The paper's network trained on what of `pictures` is not held out, in evaluation mode, without gradients.

    A minute or two on one core; in a process or thread of its own. `progress` is called with 0..1 now and then. The
    same arguments give the same network on the same machine. torch's own random numbers are left as they were.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        network = VAE(Config(z_dim=z_dim, widths=widths)).train()
        optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        seen = pictures.seen
        for step in range(steps):
            optimiser.zero_grad()
            batch = seen[torch.randint(len(seen), (BATCH,))]
            torch.autograd.backward(loss(network, batch, min(1.0, (step + 1) / WARM_UP)))
            optimiser.step()
            falling.step()
            if progress is not None and step % 50 == 49:
                progress((step + 1) / steps)
    return network.eval().requires_grad_(False)
