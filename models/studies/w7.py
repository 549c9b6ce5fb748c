"""W7, GANSpace: components of w that move one thing of the picture and leave the others alone (METHODS.md, row W7).

The five trainings are the five shipped relatives. Each was taught to draw a family of pictures whose numbers are known
(`models.training.inspirations`), so what a picture shows can be read off it: by kernel ridge regression on drawn
pictures of the family, which never saw the network. Only numbers that it reads well off drawn pictures held out are
factors here. A component is moved over -3..3 sigma on 100 landmarks; Spearman's correlation of x with every factor says
what it rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.checkpoints import io
from models.generators import Generator
from models.latents import Array
from models.steering.directions import Direction
from models.steering.factors import RIVALS, STILL, SURE, rhos
from models.steering.find import find_directions
from models.steering.sheet import base_w
from models.studies import Check, Run, at_least, over_seeds, true_in_all
from models.training.inspirations import family
from models.training.sheets import grid

ABOUT = "GANSpace: a component of w moves one drawn factor of the picture and leaves the others alone"
SUBSTITUTE = "factors read off the pictures by a regression taught on drawn pictures of the relative's family"
RELATIVES = ("bloom", "masks", "ink", "medusa", "glass")
WEIGHTS = Path(__file__).parents[1] / "weights"
SIZE = 64  # of drawn pictures; the network's are averaged down to it
DRAWN, HELD_OUT = 1500, 300
PARTS = 100  # principal components of a picture
READABLE = 0.6  # R^2 on drawn pictures held out
TRIES = 300  # landmarks, each at its own place on the fader
SETTINGS = {
    "relatives": RELATIVES,
    "size": SIZE,
    "drawn": DRAWN,
    "readable": READABLE,
    "tries": TRIES,
    "rivals": RIVALS,
}


@dataclass(frozen=True)
class Reader:
    """Reads the numbers that a family draws by off its pictures. `good` are those that it reads well."""

    mean: Tensor  # [F]
    basis: Tensor  # [F, PARTS], scaled
    known: Tensor  # [DRAWN, PARTS]
    weights: Tensor  # [DRAWN, DIMENSIONS]
    width: float
    r2: tuple[float, ...]

    @property
    def good(self) -> tuple[int, ...]:
        return tuple(k for k, r2 in enumerate(self.r2) if r2 >= READABLE)

    def read(self, pictures: Tensor) -> Tensor:
        """Pictures [N, 3, SIZE, SIZE] in 0..1 -> their numbers [N, DIMENSIONS]."""
        return kernel((flat(pictures) - self.mean) @ self.basis, self.known, self.width) @ self.weights


def flat(pictures: Tensor) -> Tensor:
    """[N, 3, SIZE, SIZE] -> [N, F]."""
    return F.avg_pool2d(pictures, 2).flatten(1).double()


def kernel(a: Tensor, b: Tensor, width: float) -> Tensor:
    """exp(-width |a - b|^2)."""
    return torch.exp(-width * torch.cdist(a, b).square())


def teach(name: str, drawn: int = DRAWN, held_out: int = HELD_OUT) -> Reader:
    """A reader for the family `name`; of three widths and two penalties the one that is best on pictures held out."""
    drawing = family(name)
    rng = torch.Generator().manual_seed(0)
    p = torch.randn(drawn + held_out, drawing.DIMENSIONS, generator=rng).clamp(-3, 3)
    seen = flat(torch.stack([drawing.draw(one, SIZE) for one in p]))
    mean = seen[:drawn].mean(0)
    torch.manual_seed(0)  # pca_lowrank begins with chance
    _, strength, vectors = torch.pca_lowrank(seen[:drawn] - mean, q=PARTS, center=False, niter=4)
    # between the picture's own distances, in which large shapes are all, and equal weight to every part
    basis = vectors / (strength / drawn**0.5) * (strength / strength[0]).sqrt()
    parts, wanted = (seen - mean) @ basis, p.double()
    base = float(1 / torch.cdist(parts[:300], parts[:300]).square().median())
    readers = []
    for width in (0.3 * base, 0.1 * base, 0.03 * base):
        between = kernel(parts[:drawn], parts[:drawn], width)
        for penalty in (1e-2, 1e-3):
            weights = torch.linalg.solve(between + penalty * torch.eye(drawn, dtype=torch.float64), wanted[:drawn])
            told = kernel(parts[drawn:], parts[:drawn], width) @ weights
            r2 = 1 - (told - wanted[drawn:]).square().mean(0) / wanted[drawn:].var(0)
            readers.append(Reader(mean, basis, parts[:drawn], weights, width, tuple(r2.tolist())))
    return max(readers, key=lambda one: sum(max(r2, 0.0) for r2 in one.r2))


@torch.inference_mode()
def shown(network: Generator, w: Tensor, reader: Reader) -> Array:
    """What the reader's good numbers are in the pictures of w [N, L, D], [N, factors]."""
    made = []
    for some in torch.split(w, 10):
        pictures = ((network.synthesize(some) + 1) / 2).clamp(0, 1)
        made.append(F.adaptive_avg_pool2d(pictures, SIZE))
    return np.asarray(reader.read(torch.cat(made)).numpy()[:, list(reader.good)])


def worth(found: Array) -> float:
    """The strongest |rho| less the next."""
    ranked = np.sort(np.abs(found))
    return float(ranked[-1] - ranked[-2])


def alone(found: Array) -> bool:
    """Whether one factor is ruled and the others are left alone, by the row's thresholds."""
    ranked = np.sort(np.abs(found))
    return bool(ranked[-1] >= SURE and ranked[-2] <= STILL)


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """Relative number `seed`; its reader's quality is in `r2`."""
    name = RELATIVES[seed % len(RELATIVES)]
    network = io.load(WEIGHTS / f"{name}.safetensors", name)
    reader = teach(name, DRAWN // 5, HELD_OUT // 5) if quick else teach(name)
    entries = find_directions(network, ["ganspace"], count=10).entries
    rng = np.random.RandomState(seed)
    bases = torch.cat([base_w(network, 1000 * seed + k, 0.7) for k in range(TRIES // 5 if quick else TRIES)])
    measured = partial(shown, reader=reader)
    found = [np.array(rhos(network, entry, bases, rng, measured)) for entry in entries]
    best = max(range(len(found)), key=lambda k: (alone(found[k]), worth(found[k])))
    rivals = []
    for _ in range(RIVALS):
        vector = rng.randn(network.w_dim)
        other = replace(entries[best], vector=vector / np.linalg.norm(vector))
        rivals.append(worth(np.array(rhos(network, other, bases, rng, measured))))
    with torch.inference_mode():
        still = bases[:1] + 0.0 * torch.from_numpy(entries[best].vector).to(bases)
        exact = torch.equal(network.synthesize(still), network.synthesize(bases[:1]))
    ranked = np.argsort(-np.abs(found[best]))
    folder.mkdir(parents=True, exist_ok=True)
    walk(network, entries[best], bases[:4]).save(folder / "walk.png")
    return {
        "network": name,
        "factors": len(reader.good),
        "r2": [round(reader.r2[k], 2) for k in reader.good],
        "component": entries[best].name,
        "factor": reader.good[ranked[0]],
        "rho": abs(float(found[best][ranked[0]])),
        "other": abs(float(found[best][ranked[1]])),
        "alone": sum(alone(one) for one in found),
        "ahead": worth(found[best]) - max(rivals),
        "exact": exact,
        "pictures": {f"{name}: {entries[best].name} from -3 to 3 sigma on four landmarks": "walk.png"},
    }


@torch.inference_mode()
def walk(network: Generator, entry: Direction, bases: Tensor) -> Image.Image:
    """A sheet of landmarks [N, L, D], each moved from -3 to 3 sigma."""
    steps = torch.linspace(-3, 3, 7)
    move = torch.from_numpy(entry.sigma * entry.vector).to(bases)
    w = (bases[:, None] + steps[:, None, None] * move).flatten(0, 1)
    return grid(F.avg_pool2d(torch.cat([network.synthesize(some) for some in torch.split(w, 7)]), 2), len(bases), 7)


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """The row's checks: 5 of 5."""
    return (
        at_least(runs, "components of 10 that move one factor alone (|rho| >= 0.8, others <= 0.3)", "alone", 1),
        over_seeds(
            runs, "worth more than the best of 10 random directions, by", "> 0", lambda r: r["ahead"], lambda v: v > 0
        ),
        true_in_all(runs, "x = 0 is exact", "exact"),
    )
