"""Differentiable augmentation: what the discriminator sees of real and made pictures alike.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (NeurIPS 2020), written from the paper.
Each function takes pictures [N, 3, H, W] in -1..1 and a random generator, and gives the same shape; gradients pass
through.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere


def translation(x: Tensor, rng: torch.Generator) -> Tensor:
    """Each picture moved by up to an eighth of its side; what comes in is black (-1)."""
    n, _, height, width = x.shape
    reach = max(1, height // 8)
    moves = torch.randint(-reach, reach + 1, [n, 2], generator=rng).tolist()
    padded = F.pad(x, (reach, reach, reach, reach), value=-1.0)
    cut = [
        p[:, reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        for p, (dy, dx) in zip(padded, moves, strict=True)
    ]
    return torch.stack(cut).contiguous(memory_format=torch.channels_last)


def cutout(x: Tensor, rng: torch.Generator) -> Tensor:
    """A square of half the side, anywhere, at grey 0."""
    n, _, height, width = x.shape
    mask = torch.ones(n, 1, height, width, dtype=x.dtype)
    half = height // 4
    centres = torch.randint(0, height, [n, 2], generator=rng).tolist()
    for m, (cy, cx) in zip(mask, centres, strict=True):
        m[:, max(0, cy - half) : cy + half, max(0, cx - half) : cx + half] = 0
    return x * mask


def colour(x: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness +-0.5, saturation 0..2, contrast 0.5..1.5."""
    amount = torch.rand([3, len(x), 1, 1, 1], generator=rng, dtype=x.dtype)
    x = x + (amount[0] - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2 * amount[1])
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (amount[2] + 0.5)


POLICIES = {"translation": translation, "cutout": cutout, "colour": colour}


def augment(x: Tensor, policy: tuple[str, ...], rng: torch.Generator) -> Tensor:
    """The named augmentations in order; the input is untouched. KeyError for an unknown name."""
    for name in policy:
        x = POLICIES[name](x, rng)
    return x
