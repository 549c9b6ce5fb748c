"""The losses of creative adversarial networks (CAN) and of two generators without data. 0-d tensors, plain functions.

Elgammal et al., "CAN: Creative Adversarial Networks" (2017); Ahn, Huang and Lee, "Implementing Creative Adversarial
Networks", equations 2 and 3; Broad and Grierson, "Searching for an (un)stable equilibrium" (2019). D_r is the chance
that a picture is real, D_c that it is of a style; logits come in, chances never leave the logarithm, so nothing
overflows.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere


def fooled_loss(logits: Tensor) -> Tensor:
    """log(1 - D_r(G(z))), what G minimises in equation 3; logits [N, 1]."""
    return -F.softplus(logits).mean()


def style_loss(styles: Tensor) -> Tensor:
    """-sum over the K styles of (1/K) log D_c + (1 - 1/K) log(1 - D_c), for logits [N, K]: least where all are 1/K.

    Printed, the sum of equation 3 closes before its second term; but that holds the style too, so it is inside.
    """
    count = styles.shape[1]
    share = 1 / count
    chances = styles.log_softmax(1)
    others = (
        styles[:, None].expand(-1, count, -1).masked_fill(torch.eye(count, device=styles.device).bool(), -torch.inf)
    )
    rest = others.logsumexp(2) - styles.logsumexp(1, keepdim=True)  # log(1 - D_c), [N, K]
    return -(share * chances + (1 - share) * rest).sum(1).mean()


def style_floor(count: int) -> float:
    """The least value that `style_loss` can have with so many styles."""
    return float(style_loss(torch.zeros(1, count, dtype=torch.float64)))


def colour_variance(pictures: Tensor, places: int = 4, floor: float = 1e-4) -> Tensor:
    """[N, 3, H, W] in -1..1 -> how much the colours of a batch vary.

    Pictures are averaged down to `places` x `places`, so that areas count and grain does not; at each place the batch
    has a cloud of colours, whose size is the generalised variance |covariance of red, green and blue|^(1/3) (Wilks
    1932). A plain variance is largest for black beside white; this one asks for all three at once, and over the batch,
    so that one picture again and again has none.
    """
    x = F.adaptive_avg_pool2d(pictures.float(), places)
    x = x - x.mean(0, keepdim=True)
    cloud = torch.einsum("nchw,ndhw->hwcd", x, x) / len(x)  # [places, places, 3, 3]
    volume = torch.linalg.det(cloud + floor * torch.eye(3, device=x.device))
    return torch.as_tensor(volume.clamp(min=floor**3).pow(1 / 3).mean())


def colour_loss(own: Tensor, other: Tensor, epsilon: float = 1e-4) -> Tensor:
    """-log(var(own) / (var(other) + epsilon)): to have more colours than the other generator's pictures, which only
    stand there to be outdone.
    """
    return -torch.log(colour_variance(own) / (colour_variance(other.detach()) + epsilon))
