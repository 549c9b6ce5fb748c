"""Groups of channels that draw the same thing (Broad 2021, "clustered feature sets"), found in seconds.

The paper trains a small classifier for every layer and groups its bottleneck, which takes hours. This quick form needs
no training: many pictures' maps are averaged to 8 x 8, each is standardised, a channel's are averaged over pictures,
their 10 principal components are grouped by k-means. The numbers of groups and the file's entries are the paper's.

Legend: C channels of a layer, N pictures, k groups.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.checkpoints import Refused
from models.generators import Generator
from models.latents import landmark

FORMAT = 1
SIDE = 8  # maps are averaged to SIDE x SIDE
COMPONENTS = 10
TRIES = 32  # beginnings of k-means; the tightest grouping wins
FEWEST = 8  # channels a layer needs for grouping to mean something

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """By layer, the group of each channel; the hash of the network that they were found in, and how."""

    layers: Mapping[str, tuple[int, ...]]
    model: str = ""
    about: Mapping[str, Any] | None = None

    def channels(self, layer: str, group: int) -> tuple[int, ...]:
        """The channels of a group, ascending; none for a layer or group that there is not."""
        return tuple(channel for channel, found in enumerate(self.layers.get(layer, ())) if found == group)

    def count(self, layer: str) -> int:
        """How many groups a layer has."""
        return max(self.layers.get(layer, ()), default=-1) + 1


def groups_of(place: int) -> int:
    """The paper's k for the layer at this place: 5 for the first nine, then 4, from the thirteenth on 3."""
    return 5 if place <= 8 else 4 if place <= 12 else 3


def model_hash(generator: Generator) -> str:
    """sha256 over the names and numbers of all weights. Some 0.1 s for 30 M parameters; any thread."""
    digest = sha256(generator.architecture.encode())
    for name, tensor in sorted(generator.state_dict().items()):
        digest.update(f"{name}{list(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def bendable(generator: Generator) -> tuple[str, ...]:
    """The layers whose maps are features and no picture: all but those to RGB."""
    return tuple(layer for layer in generator.layers[:-1] if not layer.endswith("torgb"))


@torch.no_grad()
def find_clusters(
    generator: Generator,
    images: int = 128,
    seed: int = 0,
    truncation_psi: float = 0.5,
    layers: Sequence[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Clusters:
    """Group the channels of `layers` (None: all that are `bendable`) over `images` pictures of seeds from `seed` on.

    Seconds on a processor for a network of 256 x 256; off the render and generator threads, on a network of its own
    (the generator is only called, never changed). `progress` is called with 0..1 after each picture and layer. The
    same arguments give the same groups. A layer with fewer than `FEWEST` channels is left out.
    """
    wanted = tuple(layers if layers is not None else bendable(generator))
    sums: dict[str, Tensor] = {}

    def look(layer: str, x: Tensor) -> Tensor:
        if layer in wanted and x.shape[1] >= FEWEST:
            small = F.adaptive_avg_pool2d(x[:1].float(), (SIDE, SIDE)).flatten(2)[0]  # [C, 64]
            small = (small - small.mean(1, keepdim=True)) / (small.std(1, keepdim=True) + 1e-6)
            sums[layer] = sums[layer] + small if layer in sums else small
        return x

    label = None if generator.c_dim == 0 else torch.eye(generator.c_dim, device=generator.w_avg.device)
    for picture in range(images):
        z = torch.from_numpy(landmark((seed + picture) % 2**32, generator.z_dim)).to(generator.w_avg)[None]
        c = None if label is None else label[picture % generator.c_dim][None]
        generator.synthesize(generator.map(z, c, truncation_psi=truncation_psi), tap=look)
        if progress is not None:
            progress(0.9 * (picture + 1) / images)
    found = {}
    for place, layer in enumerate(bendable(generator)):
        if layer in sums:
            found[layer] = _group(sums[layer].double().cpu().numpy() / images, groups_of(place), seed)
    if progress is not None:
        progress(1.0)
    about = {"form": "quick", "images": images, "seed": seed, "truncation_psi": truncation_psi}
    return Clusters(found, model_hash(generator), about)


def _group(features: Array, k: int, seed: int) -> tuple[int, ...]:
    """features [C, 64] -> the group of each channel; groups are numbered by size, the largest first."""
    centred = features - features.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    groups = kmeans((u * s)[:, :COMPONENTS], k, seed)
    order = np.argsort(-np.bincount(groups, minlength=k), kind="stable")
    rank = np.empty(k, int)
    rank[order] = np.arange(k)
    return tuple(rank[groups].tolist())


def kmeans(points: Array, k: int, seed: int, rounds: int = 100) -> NDArray[np.int64]:
    """Lloyd's algorithm from k-means++ beginnings (Arthur and Vassilvitskii 2007): points [C, D] -> group [C]."""
    rng = np.random.RandomState(seed)
    best, tightest = np.zeros(len(points), np.int64), np.inf
    for _ in range(TRIES):
        centres = _spread(points, k, rng)
        groups = np.full(len(points), -1)
        for _ in range(rounds):
            far = ((points[:, None] - centres) ** 2).sum(2)  # [C, k]
            nearest = far.argmin(1)
            if (nearest == groups).all():
                break
            groups = nearest
            for group in range(k):
                if (groups == group).any():
                    centres[group] = points[groups == group].mean(0)
        spread = float(((points - centres[groups]) ** 2).sum())
        if spread < tightest:
            best, tightest = groups.astype(np.int64), spread
    return best


def _spread(points: Array, k: int, rng: np.random.RandomState) -> Array:
    """First centres, each drawn far from those before it."""
    chosen = [int(rng.randint(len(points)))]
    for _ in range(1, k):
        far = ((points[:, None] - points[chosen]) ** 2).sum(2).min(1)
        total = far.sum()
        chosen.append(int(rng.choice(len(points), p=far / total if total > 0 else None)))
    return points[chosen].copy()


def save_clusters(path: Path, clusters: Clusters) -> None:
    """Write beside, then rename over `path`. OSError as by any write."""
    layers = {
        layer: [{"cluster_index": group, "feature_index": channel} for channel, group in enumerate(groups)]
        for layer, groups in clusters.layers.items()
    }
    top = {"format": FORMAT, "model": clusters.model, "about": dict(clusters.about or {}), "layers": layers}
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(top), encoding="utf-8")
    beside.replace(path)


def clusters_path(model: Path) -> Path:
    """Where the clusters of a model file lie: beside it, `NAME.clusters.json`."""
    return model.with_name(model.stem + ".clusters.json")


def load_clusters(path: Path, generator: Generator | None = None) -> Clusters:
    """Clusters from our own JSON, or from a file of the author's program (.yaml, .yml).

    Raises Refused for a file that is none, and, where `generator` is given, for one that was found in another network
    (an author's file does not say in which; there the layers' channels are all that can be compared, when they play).
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        from models.bending.author import read_clusters

        return Clusters(read_clusters(path))
    try:
        top = json.loads(path.read_text(encoding="utf-8"))
        if int(top["format"]) > FORMAT:
            raise Refused(f"{path}: written by a newer perform (format {top['format']}). Update perform.")
        layers = {str(layer): groups_from(entries) for layer, entries in top["layers"].items()}
        found = Clusters(layers, str(top["model"]), dict(top["about"]))
    except OSError as error:
        raise Refused(f"{path}: cannot be read ({error.strerror}). Check the name and the rights.") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"{path}: not a cluster file, or damaged. Find the clusters again.") from error
    if generator is not None and found.model != model_hash(generator):
        raise Refused(f"{path}: these clusters were found in another model. Find them again for this one.")
    return found


def groups_from(entries: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """The group of each channel in order, from the file's entries. ValueError if a channel is missing or a group is
    no small number.
    """
    found = {int(entry["feature_index"]): int(entry["cluster_index"]) for entry in entries}
    if sorted(found) != list(range(len(found))) or not all(0 <= group < 64 for group in found.values()):
        raise ValueError("channels are missing, or groups are no numbers in 0..63")
    return tuple(found[channel] for channel in range(len(found)))
