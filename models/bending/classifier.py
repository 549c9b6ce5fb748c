"""Groups of channels as the paper finds them: by what a small classifier learns that tells one channel from another.

Broad, Leymarie and Grierson, "Network Bending" (2021), on clustering, with the numbers of the author's program: for
each layer a network of ShuffleNet's units (Ma et al. 2018) learns from single maps of which channel they are. The 10
numbers before its last layer, averaged over many pictures, stand for a channel; k-means groups them.

The author's numbers take hours; `QUICK` looks at fewer, smaller maps and learns faster, which takes minutes. Two things
are done otherwise: a map is classified with the means and spreads learnt (his program leaves the normalisation in
training, one map at a time, where a map of 1 x 1 has none), and all maps of a picture are classified at once.

Legend: C channels of a layer, N pictures, h side of a map as the classifier sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from models.bending.grouping import Array

WIDTH = 50  # channels of the classifier
BOTTLENECK = 10
BATCH = 100
HELD_BACK = 0.1  # of the maps, for judging

Maps = Callable[[int, int], Tensor]  # (first seed, pictures) -> [N, C, H, W]


@dataclass(frozen=True)
class Effort:
    """How much is looked at and learnt: pictures to learn from, pictures to average over, rounds, Adam's rate, and the
    side to which larger maps are averaged first (0: as they are).
    """

    images: int = 100
    samples: int = 1000
    epochs: int = 50
    rate: float = 1e-4
    side: int = 0


PAPER = Effort()
QUICK = Effort(images=48, samples=96, epochs=8, rate=1e-3, side=32)


class Unit(nn.Module):
    """ShuffleNetV2's unit of stride 1: half of the channels pass, half are worked on, then they are shuffled."""

    def __init__(self) -> None:
        super().__init__()
        half = WIDTH // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False), nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """[N, 50, h, h] -> the same."""
        passed, worked = x.chunk(2, 1)
        n, c, h, w = passed.shape
        return torch.stack((passed, self.branch(worked)), 2).view(n, 2 * c, h, w)


class Classifier(nn.Module):
    """Of which of `count` channels a map is. `place` is the layer's among the bendable ones, 0 at 4x4."""

    def __init__(self, place: int, count: int) -> None:
        super().__init__()
        parts: list[nn.Module] = [
            nn.Conv2d(1, WIDTH, 3, 2, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        ]  # fmt: skip
        for _ in range(units_of(place)):
            parts += [Unit(), nn.MaxPool2d(3, 2, 1)]
        self.body = nn.Sequential(*parts)
        self.bottleneck = nn.Linear(WIDTH, BOTTLENECK)
        self.out = nn.Linear(BOTTLENECK, count)

    def describe(self, x: Tensor) -> Tensor:
        """Maps [N, 1, h, h] -> the 10 numbers that stand for each."""
        made: Tensor = self.bottleneck(self.body(x).mean((2, 3)))
        return made

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, 1, h, h] -> how likely each channel is [N, count], as logits."""
        made: Tensor = self.out(self.describe(x))
        return made


def units_of(place: int) -> int:
    """The author's depth for his layers 1 ... 16: 0, 0, 1, 1, 2, 2 ... 7, 7."""
    return min(max(place - 1, 0) // 2, 7)


def describe_channels(
    maps: Maps, place: int, seed: int, effort: Effort, progress: Callable[[float], None]
) -> tuple[Array, float]:
    """The bottleneck of each channel [C, 10], averaged, and the share of held-back maps that were told rightly.

    `maps` gives pictures' maps of one layer. Learns from seeds from `seed` on, averages over the seeds after those.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        examples = _seen(maps(seed, effort.images), effort.side)  # [N, C, h, w]
        progress(0.2)
        classifier = Classifier(place, examples.shape[1]).to(examples.device)
        accuracy = _learn(classifier, examples, effort, lambda share: progress(0.2 + 0.6 * share))
    total = torch.zeros(examples.shape[1], BOTTLENECK, dtype=torch.float64)
    with torch.no_grad():
        for sample in range(effort.samples):
            one = _smaller(maps(seed + effort.images + sample, 1).float(), effort.side)
            total += classifier.describe(one[0][:, None]).double().cpu()
            progress(0.8 + 0.2 * (sample + 1) / effort.samples)
    described: Array = np.asarray(total / effort.samples)
    return described, accuracy


def _smaller(x: Tensor, side: int) -> Tensor:
    return F.adaptive_avg_pool2d(x, (side, side)) if side and max(x.shape[2:]) > side else x


def _seen(x: Tensor, side: int) -> Tensor:
    """As the author's program keeps maps: grey pictures of 8 bits over -1..1."""
    return ((_smaller(x.float(), side).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _learn(classifier: Classifier, examples: Tensor, effort: Effort, progress: Callable[[float], None]) -> float:
    """Train in place; the share of held-back maps that it tells rightly, 0..1."""
    n, c = examples.shape[:2]
    maps, labels = examples.flatten(0, 1)[:, None], torch.arange(c, device=examples.device).repeat(n)
    order = torch.randperm(n * c)
    held, taught = order[: int(HELD_BACK * n * c)], order[int(HELD_BACK * n * c) :]
    adam = torch.optim.Adam(classifier.parameters(), lr=effort.rate)
    for epoch in range(effort.epochs):
        classifier.train()
        for batch in torch.split(taught[torch.randperm(len(taught))], BATCH):
            if len(batch) < 2:  # nothing to normalise over
                continue
            adam.zero_grad()
            F.cross_entropy(classifier(_floats(maps[batch])), labels[batch]).backward()  # type: ignore[no-untyped-call]
            adam.step()
        progress((epoch + 1) / effort.epochs)
    classifier.eval().requires_grad_(False)
    right = [
        classifier(_floats(maps[batch])).argmax(1) == labels[batch] for batch in torch.split(held, BATCH) if len(batch)
    ]
    return float(torch.cat(right).float().mean()) if right else 0.0


def _floats(x: Tensor) -> Tensor:
    """8 bits as -1..1."""
    return x.float() / 127.5 - 1
