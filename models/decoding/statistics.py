"""How often each neuron is active, how strongly, and with which others: gathered once for a network, kept beside it.

Legend: S samples, C neurons (channels) of a layer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.bending.clusters import bendable, model_hash
from models.checkpoints import Refused, io
from models.generators import Generator
from models.latents import landmark

FORMAT = 1
KEY = "decoding"
OFF = 0.15  # the share of a layer's activities that counts as off, where the layer is not rectified
FEWEST = 4  # neurons that a layer needs for a choice among them to mean something
SAMPLES = 256
VECTORS = ("rates", "mean", "sigma", "texture")  # of an Activity, in its order


@dataclass(frozen=True)
class Activity:
    """One layer. `rates` [C] are shares of samples in which a neuron is active; `mean` and `sigma` [C] of its activity
    when it is; `texture` [C] the standard deviation inside its map, all 0 where there are no maps; `likeness` [C, C]
    the correlation of activities; `spread` the layer's standard deviation; `threshold` what an active neuron is above.
    """

    rates: Tensor
    mean: Tensor
    sigma: Tensor
    texture: Tensor
    likeness: Tensor
    spread: float
    threshold: float

    @property
    def ever(self) -> Tensor:
        """[C] bool, active in some sample."""
        return self.rates > 0

    @property
    def loudness(self) -> float:
        """How strong the maps of the layer's loudest neurons are; 0 where there are no maps."""
        return float(self.texture.quantile(0.99))

    def on(self, sigmas: float) -> Tensor:
        """[C], the activity of a neuron that is switched on."""
        return self.mean + sigmas * self.sigma


@dataclass(frozen=True)
class Statistics:
    """By layer; the hash of the network that they are of, and how they were gathered."""

    layers: Mapping[str, Activity]
    model: str = ""
    about: Mapping[str, Any] | None = None


def activity(seen: Tensor, texture: Tensor) -> Activity:
    """The statistics of activities `seen` [S, C], and of their maps' standard deviations `texture` [S, C], which are 0
    for single units.

    A layer of single units without a number below 0 is rectified: there active is above 0.
    """
    seen = seen.float()
    rectified = not texture.any() and bool((seen >= 0).all())
    threshold = 0.0 if rectified else float(_quantile(seen, OFF))
    active = seen > threshold if rectified else seen >= threshold
    count = active.sum(0)  # [C]
    some = count.clamp(min=1)
    mean = (seen * active).sum(0) / some
    sigma = (((seen - mean) * active).square().sum(0) / some).sqrt()
    centred = seen - seen.mean(0)
    unit = centred / centred.norm(dim=0).clamp(min=1e-12)
    likeness, spread = unit.T @ unit, float(seen.std(correction=0))
    return Activity(count / len(seen), mean, sigma, texture.float().mean(0), likeness, spread, threshold)


def level_and_square(x: Tensor, side: int = 0) -> tuple[Tensor, Tensor]:
    """Each map's mean and the mean of its squares, both [N, C] float32, of maps x [N, C, H, W].

    With `side` from about side x side points of them. Sums over rows of pixels are products with a row of ones, which
    with channels last is up to twenty times faster than `torch.var_mean`.
    """
    step = (max(1, x.shape[2] // side), max(1, x.shape[3] // side)) if side else (1, 1)
    rows = x.permute(0, 2, 3, 1)[:, :: step[0], :: step[1]].reshape(len(x), -1, x.shape[1]).float()  # [N, P, C]
    if rows.shape[1] == 1:
        return rows[:, 0], rows[:, 0].square()
    share = rows.new_full((1, 1, rows.shape[1]), 1 / rows.shape[1]).expand(len(x), -1, -1)
    return (share @ rows)[:, 0], (share @ rows.square())[:, 0]


def texture_of(mean: Tensor, square: Tensor) -> Tensor:
    """The standard deviation that belongs to a mean and a mean of squares."""
    return torch.addcmul(square, mean, mean, value=-1).clamp_(min=0).sqrt_()


def _quantile(seen: Tensor, share: float) -> Tensor:
    """Of any number of values; torch's own stops at 2^24."""
    flat = seen.flatten()
    return flat.kthvalue(max(1, round(share * len(flat)))).values


@torch.no_grad()
def gather(
    generator: Generator,
    samples: int = SAMPLES,
    seed: int = 0,
    truncation_psi: float = 0.7,
    latents: Iterable[Tensor] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Statistics:
    """Decode `samples` latents of seeds from `seed` on and keep what every layer's neurons did.

    `latents`, batches of w [n, num_ws, w_dim], take the place of the seeds (then `samples` only guides `progress`).
    Six seconds for the shipped network on two cores; for a background thread or a child process, with a network of
    its own (it is only called, never changed). `progress` is called with 0..1. The same arguments give the same
    statistics. Layers with fewer than `FEWEST` neurons, and those that make the picture itself, are left out.
    """
    wanted = set(bendable(generator))
    seen: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def look(layer: str, x: Tensor) -> Tensor:
        if layer in wanted and x.shape[1] >= FEWEST:
            mean, square = level_and_square(x)
            texture = texture_of(mean, square) if x.shape[2:].numel() > 1 else torch.zeros_like(mean)
            seen.setdefault(layer, []).append((mean.cpu(), texture.cpu()))
        return x

    done = 0
    for w in latents if latents is not None else _seeded(generator, samples, seed, truncation_psi):
        generator.synthesize(w, tap=look)
        done += len(w)
        if progress is not None:
            progress(0.95 * min(1.0, done / samples))
    if done < 2:
        raise ValueError(f"statistics need two samples or more, not {done}")
    found = {
        layer: activity(*(torch.cat(parts) for parts in zip(*pairs, strict=True))) for layer, pairs in seen.items()
    }
    if progress is not None:
        progress(1.0)
    about = {"samples": done, "seed": seed, "truncation_psi": truncation_psi, "own_latents": latents is None}
    return Statistics(found, model_hash(generator), about)


def _seeded(generator: Generator, samples: int, seed: int, truncation_psi: float) -> Iterator[Tensor]:
    """w [1, num_ws, w_dim] of one seed after another; classes take turns."""
    label = None if generator.c_dim == 0 else torch.eye(generator.c_dim, device=generator.w_avg.device)
    for k in range(samples):
        z = torch.from_numpy(landmark((seed + k) % 2**32, generator.z_dim)).to(generator.w_avg)[None]
        c = None if label is None else label[k % generator.c_dim][None]
        yield generator.map(z, c, truncation_psi=truncation_psi)


def statistics_path(model: Path) -> Path:
    """Where the statistics of a model file lie: beside it, `NAME.activity`."""
    return model.with_name(model.stem + ".activity")


def save_statistics(path: Path, statistics: Statistics) -> None:
    """Write beside, then rename over `path`. OSError as by any write."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    numbers: dict[str, list[float]] = {}
    for layer, one in statistics.layers.items():
        numbers[layer] = [one.spread, one.threshold]
        tensors |= {f"{layer}/{name}": getattr(one, name).contiguous() for name in VECTORS}
        tensors[f"{layer}/likeness"] = one.likeness.half().contiguous()
    top = {"format": FORMAT, "model": statistics.model, "about": dict(statistics.about or {}), "layers": numbers}
    beside = path.with_name(path.name + ".part")
    save_file(tensors, beside, metadata={KEY: json.dumps(top)})
    beside.chmod(0o644)
    beside.replace(path)


def load_statistics(path: Path, generator: Generator | None = None) -> Statistics:
    """What `save_statistics` wrote. Not on the render or generator thread: it touches the disk.

    Raises Refused for a file that is none, that is cut short or damaged, and, where `generator` is given, for one that
    was gathered from another network.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    io.names(path)  # raises Refused where the file is not whole
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
        top = json.loads(text or "")
        if int(top["format"]) > FORMAT:
            raise Refused(f"{path}: written by a newer perform (format {top['format']}). Update perform.")
        tensors = load_file(path)
        layers = {str(layer): _activity(tensors, layer, numbers) for layer, numbers in top["layers"].items()}
        found = Statistics(layers, str(top["model"]), dict(top["about"]))
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"{path}: no statistics of a network, or damaged. Gather them again.") from error
    if generator is not None and found.model != model_hash(generator):
        raise Refused(f"{path}: these statistics are of another model. Gather them again for this one.")
    return found


def _activity(tensors: Mapping[str, Tensor], layer: str, numbers: list[float]) -> Activity:
    """One layer of a file. ValueError or LookupError where it does not hang together."""
    rates, mean, sigma, texture = vectors = [tensors[f"{layer}/{name}"].float() for name in VECTORS]
    likeness = tensors[f"{layer}/likeness"].float()
    spread, threshold = (float(number) for number in numbers)
    count = len(likeness)
    if likeness.shape != (count, count) or any(t.shape != (count,) for t in vectors):
        raise ValueError("shapes do not fit")
    if not all(bool(t.isfinite().all()) for t in (*vectors, likeness, torch.tensor([spread, threshold]))):
        raise ValueError("numbers that are none")
    return Activity(rates, mean, sigma, texture, likeness, spread, threshold)
