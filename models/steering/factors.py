"""Measured: which directions move one thing of the picture and leave the others alone (METHODS.md, row W7).

Each picture is measured for how bright it is, how warm its colour, how large its light, how fine it is. A direction is
tried on many landmarks, on each at one x drawn from -3 to 3 sigma; Spearman's rank correlation between x and each
measure of the picture says how far the fader rules it, against all else that makes the landmarks differ. (Against the
*change* of a measure it would be near 1 for the faintest side effect, since ranks know no size.) What a direction is
worth is its best correlation less its strongest other one, and it is compared with random directions of the same
length.

A substitute: the row asks for a network trained on scenes whose factors are known. Here the network is any one that is
loaded, and the factors are measured in its pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.generators import Generator
from models.latents import Array
from models.steering.directions import Direction, Directions
from models.steering.sheet import base_w

FACTORS = ("brightness", "warmth", "size", "fineness")
LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709
TRIES = 100  # landmarks, each at its own place on the fader; by chance |rho| then stays below 0.2 in 95 of 100
BATCH = 10  # pictures
ROUNDS = 5
RIVALS = 10  # random directions
SURE, STILL = 0.8, 0.3  # the row's thresholds
Measured = Callable[[Generator, Tensor], Array]  # a network and w [N, L, D] -> measures [N, K] of its pictures


def measure(pictures: Tensor) -> Array:
    """The `FACTORS` of pictures [N, 3, H, W] of about -1..1 -> [N, 4].

    Brightness is the mean light. The others do not change when all light is made stronger: warmth is red less blue in
    parts of the light, size the radius of gyration of the light in picture heights, fineness the steepness of the
    light in parts of it.
    """
    rgb = ((pictures.float().clamp(-1, 1) + 1) / 2).expand(-1, 3, -1, -1)
    light = torch.einsum("c,nchw->nhw", rgb.new_tensor(LUMA), rgb)
    height, width = light.shape[1:]
    across = (torch.arange(width, device=light.device) + 0.5) / height
    down = (torch.arange(height, device=light.device) + 0.5) / height
    total = light.sum((1, 2)) + 1e-9

    def spread(profile: Tensor, places: Tensor) -> Tensor:
        """The variance of places [K] under weights [N, K] that sum to `total`."""
        mean = (profile @ places) / total
        return (profile * (places - mean[:, None]).square()).sum(1) / total

    size = (spread(light.sum(1), across) + spread(light.sum(2), down)).sqrt()
    steep = (light.diff(dim=1).abs().sum((1, 2)) + light.diff(dim=2).abs().sum((1, 2))) / total
    warmth = (rgb[:, 0] - rgb[:, 2]).sum((1, 2)) / total
    found = torch.stack([light.mean((1, 2)), warmth, size, steep], 1)
    return np.asarray(found.double().cpu().numpy())


def spearman(a: Array, b: Array) -> float:
    """Rank correlation of two lists [N] without ties; 0 where one of them stands still."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    ranks = [np.argsort(np.argsort(values, kind="stable")).astype(float) for values in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


@dataclass(frozen=True)
class Found:
    """One direction: Spearman's rho with each of `FACTORS`."""

    name: str
    rho: tuple[float, ...]

    @property
    def factor(self) -> int:
        """The factor that it moves alone, as far as it moves any."""
        return int(np.argmax([self.worth(factor) for factor in range(len(self.rho))]))

    def worth(self, factor: int) -> float:
        """|rho| with this factor less the strongest |rho| with another."""
        others = [abs(rho) for place, rho in enumerate(self.rho) if place != factor]
        return abs(self.rho[factor]) - max(others)

    @property
    def alone(self) -> bool:
        """Whether it reaches the row's thresholds."""
        others = [abs(rho) for place, rho in enumerate(self.rho) if place != self.factor]
        return abs(self.rho[self.factor]) >= SURE and max(others) <= STILL


@dataclass(frozen=True)
class Round:
    """One round, on landmarks of its own: the directions, and what the best random one of the same length is worth."""

    found: tuple[Found, ...]
    best: Found
    rival: float

    @property
    def won(self) -> bool:
        """Whether the best direction beats the best random one."""
        return self.best.worth(self.best.factor) > self.rival


def study_directions(
    generator: Generator,
    directions: Directions,
    rounds: int = ROUNDS,
    tries: int = TRIES,
    top: int = 10,
    truncation_psi: float = 0.7,
    progress: Callable[[float], None] | None = None,
) -> tuple[Round, ...]:
    """The first `top` directions over `rounds`. (top + 10) x tries pictures a round; off the show's threads."""
    entries, made = directions.entries[:top], []
    for number in range(rounds):
        rng = np.random.RandomState(1000 + number)
        bases = torch.cat([base_w(generator, 1000 * number + k, truncation_psi) for k in range(tries)])

        def tell(share: float, number: int = number) -> None:
            if progress is not None:
                progress((number + share) / rounds)

        found: list[Found] = []
        for place, entry in enumerate(entries):
            found.append(Found(entry.name, rhos(generator, entry, bases, rng)))
            tell((place + 1) / (len(entries) + RIVALS))
        best = int(np.argmax([one.worth(one.factor) for one in found]))
        rivals = []
        for place in range(RIVALS):
            vector = rng.randn(generator.w_dim)
            other = replace(entries[best], vector=vector / np.linalg.norm(vector))
            rivals.append(Found("random", rhos(generator, other, bases, rng)))
            tell((len(entries) + place + 1) / (len(entries) + RIVALS))
        made.append(Round(tuple(found), found[best], max(one.worth(one.factor) for one in rivals)))
    return tuple(made)


def rhos(
    generator: Generator, entry: Direction, bases: Tensor, rng: np.random.RandomState, measured: Measured | None = None
) -> tuple[float, ...]:
    """Spearman's rho of one direction with each factor that `measured` tells of the pictures of w; `bases` are w
    [N, L, D]. Without it the factors are `FACTORS`.
    """
    x = rng.uniform(-3, 3, len(bases))
    step = torch.from_numpy(x[:, None, None] * (entry.sigma * entry.vector)).to(bases)
    w = bases.clone()
    w[:, entry.first : entry.last + 1] += step
    measures = (measured or _measured)(generator, w)
    return tuple(spearman(x, measures[:, factor]) for factor in range(measures.shape[1]))


@torch.inference_mode()
def _measured(generator: Generator, w: Tensor) -> Array:
    """w [N, L, D] -> measures [N, 4]."""
    some = [w[begin : begin + BATCH] for begin in range(0, len(w), BATCH)]
    return np.concatenate([measure(generator.synthesize(one, noise_mode="const")) for one in some])


def table(rounds: Sequence[Round]) -> str:
    """The figures as text: mean rho over the rounds, then what each round says."""
    names = [one.name for one in rounds[0].found]
    rows = [f"{'direction':24}" + "".join(f"{factor:>12}" for factor in FACTORS)]
    for place, name in enumerate(names):
        mean = np.mean([one.found[place].rho for one in rounds], axis=0)
        rows.append(f"{name:24}" + "".join(f"{rho:12.2f}" for rho in mean))
    rows.append("")
    for number, one in enumerate(rounds, 1):
        factor = one.best.factor
        said = "alone" if one.best.alone else "not alone"
        rows.append(
            f"round {number}: {one.best.name} moves {FACTORS[factor]} at rho {one.best.rho[factor]:.2f} ({said}),"
            f" worth {one.best.worth(factor):.2f}; best of {RIVALS} random ones {one.rival:.2f}"
        )
    wins, alone = sum(one.won for one in rounds), sum(any(f.alone for f in one.found) for one in rounds)
    rows.append(
        f"better than the best random one in {wins} of {len(rounds)}; a direction with |rho| >= {SURE:g} and the others"
        f" <= {STILL:g} in {alone} of {len(rounds)}"
    )
    rows.append("(a substitute: factors measured in this network's own pictures, not known from its training scenes)")
    return "\n".join(rows)
