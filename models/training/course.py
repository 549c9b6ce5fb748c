"""Relatives: a trained network is taught to draw a family of pictures, and stays kin to its parent.

A family (`models.training.inspirations`) is a smooth function of a few normal numbers p. Here p is read off w, along
the directions in which the parent's w varies most (principal axes, as in GANSpace, Haerkoenen et al. 2020):

    p_i = v_i . (w - w_avg) / sqrt(lambda_i)

so every w has a picture that it should show, and the network can be *told*: fixed latents for pictures, as in
Bojanowski et al. 2018, but with a function behind them, so that it holds between and beyond the pictures that were
shown. No critic is needed for that, which makes it cheap enough for a processor.

The parent's mapping network is kept as it is. So a w means the same in all relatives, and their blends are pictures of
both. While it learns, a network sees p itself in place of w: its affine layers are turned into these coordinates
(`fold`), where all inputs are of one size, and turned back at the end (`unfold`).

This file is what a course says and the mathematics of it; `models.training.teaching` runs it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators.stylegan2 import StyleGAN2
from models.training import data

FARTHEST = 3.0  # p beyond this are drawn as if they were there


@dataclass(frozen=True)
class Lesson:
    """So many `steps` at one size, in batches of `batch` out of `pictures`; `contrast` weighs what `lesson_loss` says
    of it, `critic` a critic of patches, and `rate` is a factor of the course's learning rate.
    """

    resolution: int
    steps: int
    batch: int
    pictures: int
    contrast: float = 0.0
    critic: float = 0.0
    rate: float = 1.0


@dataclass(frozen=True)
class Course:
    """Everything that decides a relative but the machine."""

    name: str
    family: str
    seed: int
    lessons: tuple[Lesson, ...]
    description: str
    parent: str = "first-light"
    learning_rate: float = 0.01  # falls along a cosine to a seventh in each lesson
    noise_rate: float = 0.02  # of learning_rate, for noise strengths
    edge_weight: float = 1.0
    ema_steps: float = 100  # half-life of the moving average
    r1_gamma: float = 0.05
    patch: int = 64  # side of what the critic sees
    licence: str = "CC0-1.0"


@dataclass(frozen=True)
class Axes:
    """The coordinates p of a parent's w: p = (w - centre) @ read, and w is near centre + p @ write."""

    centre: Tensor  # [w_dim]
    read: Tensor  # [w_dim, K]
    write: Tensor  # [K, w_dim]


def axes(parent: StyleGAN2, count: int) -> Axes:
    """The first `count` principal axes of the parent's w, measured over 4,000 latents."""
    z = torch.stack([data.seed_z(1_000_000 + k, parent.z_dim) for k in range(4000)])
    with torch.no_grad():
        w = parent.map(z, truncation_psi=1.0)[:, 0] - parent.w_avg
    values, vectors = torch.linalg.eigh((w.double().T @ w.double()) / len(w))
    vectors = vectors * vectors.sum(0).sign()  # eigenvectors have no sign of their own
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    return Axes(parent.w_avg, (vectors / values.sqrt()).float(), (vectors * values.sqrt()).T.float().contiguous())


def coordinates(parent: StyleGAN2, measured: Axes, count: int) -> Tensor:
    """[count, K]: the p of seeds 0, 1, ..."""
    z = torch.stack([data.seed_z(k, parent.z_dim) for k in range(count)])
    with torch.no_grad():
        w = parent.map(z, truncation_psi=1.0)[:, 0]
    return ((w - measured.centre) @ measured.read).clamp(-FARTHEST, FARTHEST)


def fold(state: Mapping[str, Tensor], measured: Axes) -> dict[str, Tensor]:
    """A network's weights without its mapping, with affine layers that read p in place of w.

    A layer divides by the root of its inputs (equalised learning rate), so weights are scaled to give the same styles.
    """
    out = {name: t.clone() for name, t in state.items() if not name.startswith("mapping.")}
    wide, narrow = measured.read.shape
    for name in [n for n in out if n.endswith("affine.weight")]:
        bias = name.replace("weight", "bias")
        out[bias] = out[bias] + out[name] @ measured.centre / math.sqrt(wide)
        out[name] = out[name] @ measured.write.T * math.sqrt(narrow / wide)
    return out


def unfold(state: Mapping[str, Tensor], measured: Axes) -> dict[str, Tensor]:
    """The way back: affine layers that read w again, and see nothing of it but p."""
    out = {name: t.clone() for name, t in state.items() if not name.startswith("mapping.")}
    wide, narrow = measured.read.shape
    for name in [n for n in out if n.endswith("affine.weight")]:
        bias = name.replace("weight", "bias")
        out[name] = out[name] @ measured.read.T * math.sqrt(wide / narrow)
        out[bias] = out[bias] - out[name] @ measured.centre / math.sqrt(wide)
    return out


def lesson_loss(
    made: Tensor, wanted: Tensor, edge_weight: float = 1.0, contrast_weight: float = 0.0, scales: int = 3
) -> Tensor:
    """How far made pictures [N, 3, H, W] are from those wanted, at full size and halved `scales` - 1 times.

    Squared differences find the place of a shape, absolute ones do not ask for the mean of all that it might be, and
    the steps from pixel to pixel (at all but the smallest size) are what soft pictures lack. `contrast_weight` asks
    for as much contrast around each place as there should be, also where the network cannot say just where.
    """
    total = made.new_zeros([])
    for k in range(scales):
        difference = made - wanted
        total = total + 0.4 * difference.square().mean() + 0.6 * difference.abs().mean()
        if k < scales - 1:
            steps = difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()
            total = total + edge_weight * steps
            if contrast_weight:
                total = total + contrast_weight * (contrast(made) - contrast(wanted)).abs().mean()
        made, wanted = F.avg_pool2d(made, 2), F.avg_pool2d(wanted, 2)
    return total


def contrast(pictures: Tensor, window: int = 8) -> Tensor:
    """[N, 3, H, W] -> [N, 6, h, w]: how large the steps down and across are in the root mean square of each window,
    windows half overlapping.
    """
    down, across = pictures.diff(dim=2)[..., :-1], pictures.diff(dim=3)[..., :-1, :]
    energy = F.avg_pool2d(torch.cat([down, across], dim=1).square(), window, window // 2)
    return (energy + 1e-4).sqrt()
