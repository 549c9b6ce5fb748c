"""A small classifier that knows nothing of the networks it judges: which domain, or which style, is this picture of?

It is trained on real pictures only, with its own seed and draws. For pictures between two domains it must not be surer
than there is reason for, so it is taught with noise, and with mixed pictures and mixed labels (mixup, Zhang et al.
2018).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

BATCH = 32
RATE = 2e-3
NOISE = 0.1  # of pictures in -1..1


class Classifier(nn.Module):
    """Pictures [N, 3, H, W] in -1..1, H and W at least 16 -> logits [N, classes]."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        sizes = (3, width, 2 * width, 4 * width)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(sizes))
        self.last = nn.Linear(4 * width, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, classes]."""
        return torch.as_tensor(self.last(self.features(pictures)))

    def features(self, pictures: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, 4 * width]: what the last layer sees, each map's strongest place."""
        x = pictures
        for conv in self.convs:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return x.amax((2, 3))


def train_classifier(
    pictures: Tensor, labels: Tensor, seed: int = 0, steps: int = 600, classes: int | None = None
) -> Classifier:
    """A classifier of pictures [N, 3, H, W] in -1..1 with labels [N] int64. About 10 s on one core at 32x32."""
    classes = classes or int(labels.max()) + 1
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)  # where layers begin
    network = Classifier(classes)
    torch.random.set_rng_state(state)
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    wanted = F.one_hot(labels, classes).float()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        one, two = (torch.randint(0, len(pictures), [BATCH], generator=rng) for _ in range(2))
        share = torch.rand([BATCH, 1], generator=rng)
        x = share[:, :, None, None] * pictures[one] + (1 - share[:, :, None, None]) * pictures[two]
        x = x + NOISE * torch.rand([BATCH, 1, 1, 1], generator=rng) * torch.randn(x.shape, generator=rng)
        loss = F.cross_entropy(network(x), share * wanted[one] + (1 - share) * wanted[two])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return network.eval().requires_grad_(False)


@torch.no_grad()
def chances(network: nn.Module, pictures: Tensor) -> Tensor:
    """[N, 3, H, W] -> the chance of each class, [N, classes], adding up to 1."""
    return torch.cat([network(part.clamp(-1, 1)).softmax(1) for part in torch.split(pictures, 256)])


def accuracy(network: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """The share of pictures whose likeliest class is the labelled one."""
    return float((chances(network, pictures).argmax(1) == labels).float().mean())


def entropy(network: nn.Module, pictures: Tensor) -> float:
    """Mean entropy of the classes' chances over pictures, 0 (sure) to 1 (every class alike)."""
    p = chances(network, pictures)
    return float(-(p * p.clamp(min=1e-12).log()).sum(1).mean() / torch.tensor(float(p.shape[1])).log())
