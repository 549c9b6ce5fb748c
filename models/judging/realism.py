"""Real against made: how well a plain classifier tells them apart by the features of a discriminator.

Chance (0.5) is a network whose pictures a discriminator's eye cannot tell from real ones; 1 is one that is found out
every time. It says which of two networks is more realistic to that eye, nothing about a person's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.judging.reconstruction import auroc

Features = Callable[[Tensor], Tensor]
BATCH = 100
SHRINK = 0.1  # of the covariance towards its mean variance: features are many, pictures few


def auc(real: Tensor, made: Tensor, seed: int = 0) -> float:
    """Area under the ROC of a linear discriminant between features real [N, F] and made [M, F], on pictures that it was
    not fitted to: each half is judged by a discriminant of the other half, and the two areas are averaged.
    """
    halves = [_halves(part.double(), seed) for part in (real, made)]
    areas = []
    for fit, judge in ((0, 1), (1, 0)):
        direction = _discriminant(halves[0][fit], halves[1][fit])
        areas.append(auroc(halves[1][judge] @ direction, halves[0][judge] @ direction))
    return sum(areas) / 2


def _halves(features: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    middle = len(features) // 2
    return features[order[:middle]], features[order[middle:]]


def _discriminant(real: Tensor, made: Tensor) -> Tensor:
    """[F]: larger for real (Fisher 1936, with a covariance that is shrunk)."""
    inside = torch.cat([real - real.mean(0), made - made.mean(0)])
    covariance = inside.T @ inside / len(inside)
    mean = covariance.diagonal().mean() + 1e-12
    covariance = (1 - SHRINK) * covariance + SHRINK * mean * torch.eye(len(covariance), dtype=covariance.dtype)
    return torch.as_tensor(torch.linalg.solve(covariance, real.mean(0) - made.mean(0)))


def last_features(critic: nn.Module) -> Features:
    """Pictures [N, 3, H, W] -> what the last linear layer of a discriminator sees, [N, F].

    Statistics over a batch would give away which batch a picture came in, so they are taken over each picture alone
    (minibatch standard deviation) or as they ran in training (batch normalisation). ValueError without a linear layer.
    """
    linear = [module for module in critic.modules() if hasattr(module, "weight") and module.weight.ndim == 2]
    if not linear:
        raise ValueError("a discriminator without a linear layer at its end has no last features")

    @torch.no_grad()
    def of(pictures: Tensor) -> Tensor:
        caught: list[Tensor] = []
        groups, training = getattr(critic, "groups", None), critic.training
        hook = linear[-1].register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].float()))
        critic.eval()
        try:
            if groups is not None:
                vars(critic)["groups"] = 1
            for part in torch.split(pictures, BATCH):
                critic(part)
        finally:
            hook.remove()
            critic.train(training)
            if groups is not None:
                vars(critic)["groups"] = groups
        return torch.cat(caught)

    return of
