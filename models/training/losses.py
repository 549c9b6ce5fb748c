"""Losses, as the papers name them. Logits are [N, 1]; every loss is a 0-d tensor.

Goodfellow et al. 2014 (non-saturating), Mescheder et al. 2018 (R1), Bojanowski et al. 2018 (fixed latents for
pictures).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere


def generator_loss(fake: Tensor) -> Tensor:
    """-log sigmoid(D(G(z)))."""
    return F.softplus(-fake).mean()


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log sigmoid(D(x)) - log(1 - sigmoid(D(G(z))))."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E |grad_x D(x)|^2 over real pictures, in float32 (it squares small numbers)."""
    x = real.detach().float().requires_grad_(True)
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()


def anchor_loss(made: Tensor, wanted: Tensor, scales: int = 3) -> Tensor:
    """How far pictures of fixed latents are from the pictures they stand for, at full size and halved `scales` - 1
    times.

    Squared and absolute differences together: the first finds the place of a thin bright line, the second its edge.
    """
    total = made.new_zeros([])
    for _ in range(scales):
        difference = made - wanted
        total = total + difference.square().mean() + 0.25 * difference.abs().mean()
        made, wanted = F.avg_pool2d(made, 2), F.avg_pool2d(wanted, 2)
    return total
