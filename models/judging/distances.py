"""How far two sets of pictures are apart: local FID and local KID, on features of our own extractor.

"Local" because the published distances are taken in features of an Inception network that was trained on ImageNet,
which is a download and is not here: these numbers cannot be compared with any paper's, only with each other. They are
training curves and comparisons, no measure of novelty (METHODS M9).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.guard.look import seeded_layers

EXTRACTOR = "seeded-168: three layers of convolutions drawn from one seed, never trained; each map's mean and deviation"
WIDTHS = (24, 48, 96)
SEED = 168
LARGEST = 128  # side of the largest pictures that the extractor sees
BATCH = 64


@torch.no_grad()
def features(pictures: Tensor) -> Tensor:
    """[N, 3, H, W] about -1..1 -> [N, 336] of `EXTRACTOR`."""
    return torch.cat([_features(part) for part in torch.split(pictures, BATCH)])


def _features(pictures: Tensor) -> Tensor:
    x = pictures.float().clamp(-1, 1)
    if x.shape[-1] > LARGEST:
        x = F.adaptive_avg_pool2d(x, LARGEST)
    found = []
    for k, weight in enumerate(seeded_layers(SEED, WIDTHS, x.device)):
        x = F.relu(F.conv2d(x, weight, stride=1 if k == 0 else 2, padding=1))
        found += [x.mean((2, 3)), x.std((2, 3), correction=0)]
    return torch.cat(found, dim=1)


def frechet(a: Tensor, b: Tensor) -> float:
    """The Frechet distance of Gaussians fitted to features [N, F] and [M, F] (Heusel et al. 2017)."""
    a, b = a.double(), b.double()
    return frechet_of(a.mean(0), torch.cov(a.T), b.mean(0), torch.cov(b.T))


def frechet_of(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2), in float64.

    The last trace is the sum of the singular values of C_a^1/2 C_b^1/2, which loses nothing to roots of rounded zeros.
    """
    cross = torch.linalg.svdvals(_root(cov_a) @ _root(cov_b)).sum()
    return float((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross)


def _root(covariance: Tensor) -> Tensor:
    """The symmetric square root."""
    values, vectors = torch.linalg.eigh(covariance)
    return torch.as_tensor((vectors * values.clamp(min=0).sqrt()) @ vectors.T)


def kid(a: Tensor, b: Tensor) -> float:
    """Kernel distance of features [N, F] and [M, F]: the unbiased squared MMD with the kernel (x.y / F + 1)^3
    (Binkowski et al. 2018). About 0, or a little below, for equal sets.
    """
    a, b = a.double(), b.double()
    n, m = len(a), len(b)

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return torch.as_tensor((x @ y.T / x.shape[1] + 1) ** 3)

    aa, bb = kernel(a, a), kernel(b, b)
    within = (aa.sum() - aa.diagonal().sum()) / (n * (n - 1)) + (bb.sum() - bb.diagonal().sum()) / (m * (m - 1))
    return float(within - 2 * kernel(a, b).mean())
