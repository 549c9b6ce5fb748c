"""Directions in w, found without training and without labels, in seconds.

GANSpace (Härkönen et al. 2020): principal components of many w. One unit of a fader is the standard deviation of w
along the component. The paper takes a million samples and an incremental PCA; w has at most some hundred dimensions,
so here their covariance is summed exactly, 10,000 samples by default, and one `eigh` gives all.

SeFa (Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs"): the directions along which the
styles of all layers change most, eigenvectors of A^T A, A being the weights of all style affines, each row at unit
length. The paper has no unit for a fader; here it is the standard deviation of w along the direction too. StyleGAN3's
`input.affine`, which turns and moves the picture, is left out.

Legend: D width of w.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from models.bending.clusters import model_hash
from models.checkpoints import Refused
from models.latents import Array
from models.steering.directions import Direction, Directions
from models.steering.files import known_directions

if TYPE_CHECKING:
    from models.generators import Generator

METHODS = ("ganspace", "sefa")
SAMPLES = 10_000
COUNT = 20  # directions of each method
BATCH = 1000
Progress = Callable[[float], None]


def lacks_directions(generator: Generator) -> str:
    """Why a network has no directions to find, in words; "" where it has."""
    if hasattr(generator, "mapping"):
        return ""
    return f"{generator.architecture} has no mapping network: every direction of its w is like every other"


def find_directions(
    generator: Generator,
    methods: Sequence[str] = METHODS,
    count: int = COUNT,
    samples: int = SAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Directions:
    """`count` directions by each of `methods`, those of the first method first; all layers, names by number.

    Only the mapping network runs. 0.3 s on one core for the shipped model, some seconds for one of D = 512. Off the
    render and generator threads, before the network's weights are played with. The same on every machine, to rounding.

    Raises Refused where the network has no directions, or for too few samples; ValueError for an unknown method.
    """
    if reason := lacks_directions(generator):
        raise Refused(f"no directions can be found: {reason}")
    if unknown := [method for method in methods if method not in METHODS]:
        raise ValueError(f"no method {unknown[0]!r}; there are {', '.join(METHODS)}")
    if samples < 2 or count < 1:
        raise Refused(f"directions need at least 2 samples and a count of 1, not {samples} and {count}")
    covariance = w_covariance(generator, samples, seed, progress)
    entries = []
    for method in methods:
        vectors = principal(covariance) if method == "ganspace" else principal(style_gram(generator))
        found = 0
        for vector in vectors.T[:count]:
            sigma = float(np.sqrt(max(vector @ covariance @ vector, 0.0)))
            if sigma <= 1e-6:  # w never goes there
                continue
            found += 1
            name = f"{method} {found}"
            entries.append(Direction(name, method, found, vector.copy(), sigma, 0, generator.num_ws - 1))
    if progress is not None:
        progress(1.0)
    return Directions(tuple(entries), model_hash(generator), {"samples": samples, "seed": seed})


def directions_for(
    generator: Generator, name: str, folder: Path, shipped: Mapping[str, Path], progress: Progress | None = None
) -> tuple[Directions | None, str, tuple[str, ...]]:
    """What a network that was asked for by `name` is steered along: its file's directions (`known_directions`), or,
    where there is none, GANSpace components found now. With it why there are none, and a line for each refused file.

    For the loader's thread, before the network plays; the hash of its weights and 0.1 s for the shipped model.
    """
    if reason := lacks_directions(generator):
        return None, reason, ()
    found, refused = known_directions(name, model_hash(generator), folder, shipped)
    if found is None:
        found = find_directions(generator, ["ganspace"], progress=progress)
    return found, "", refused


@torch.inference_mode()
def w_covariance(generator: Generator, samples: int, seed: int = 0, progress: Progress | None = None) -> Array:
    """The covariance `[D, D]` of w over `samples` draws of z (classes in turn), without truncation."""
    rng, center = np.random.RandomState(seed), generator.w_avg
    total = np.zeros(generator.w_dim)
    square = np.zeros((generator.w_dim, generator.w_dim))
    for begin in range(0, samples, BATCH):
        size = min(BATCH, samples - begin)
        z = torch.from_numpy(rng.randn(size, generator.z_dim)).to(center)
        c = None
        if generator.c_dim:
            classes = torch.arange(begin, begin + size, device=center.device) % generator.c_dim
            c = torch.nn.functional.one_hot(classes, generator.c_dim).to(center)
        # from w_avg on, so that nothing is lost where the mean is large
        w = (generator.map(z, c, truncation_psi=1.0)[:, 0] - center).double().cpu().numpy()
        total += w.sum(0)
        square += w.T @ w
        if progress is not None:
            progress(0.9 * (begin + size) / samples)
    mean = total / samples
    return np.asarray((square - samples * np.outer(mean, mean)) / (samples - 1))


def style_gram(generator: Generator) -> Array:
    """A^T A `[D, D]` of all style affines, each row of A at unit length."""
    gram = np.zeros((generator.w_dim, generator.w_dim))
    for name, tensor in generator.state_dict().items():
        if name.endswith("affine.weight") and not name.endswith("input.affine.weight"):
            rows = tensor.detach().double().cpu().numpy()
            rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
            gram += rows.T @ rows
    return gram


def principal(matrix: Array) -> Array:
    """The eigenvectors of a symmetric matrix `[D, D]` as columns, the largest eigenvalue first; the largest number of
    each is positive, so that a direction does not turn round from machine to machine.
    """
    _, vectors = np.linalg.eigh(matrix)
    vectors = vectors[:, ::-1]
    signs = np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    return np.asarray(vectors * signs)
