"""Groups of channels that draw the same thing (Broad 2021, "clustered feature sets"), found in seconds.

The paper trains a small classifier for every layer and groups its bottleneck, which takes hours (`classifier`, the form
"author"). The quick form needs no training: many pictures' maps are averaged to 8 x 8 and
each is standardised; how alike two channels are is the mean product of their maps, whose principal components are
grouped by k-means, over many draws of pictures. The numbers of groups and the file's entries are the paper's.

Legend: C channels of a layer, N pictures, k groups.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.bending.grouping import by_size, consensus, kmeans
from models.checkpoints import Refused
from models.generators import Generator
from models.latents import landmark

if TYPE_CHECKING:
    from models.bending.classifier import Effort

FORMAT = 1
SIDE = 8  # maps are averaged to SIDE x SIDE
BUNDLES = 24  # of pictures
LOOKING = 0.6  # of the time goes into pictures, the rest into grouping
FEWEST = 8  # channels a layer needs for grouping to mean something


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
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def bendable(generator: Generator) -> tuple[str, ...]:
    """The layers whose maps are features and no picture: all but those to RGB."""
    return tuple(layer for layer in generator.layers[:-1] if not layer.endswith("torgb"))


@torch.no_grad()
def find_clusters(
    generator: Generator,
    images: int = 384,
    seed: int = 0,
    truncation_psi: float = 0.5,
    layers: Sequence[str] | None = None,
    progress: Callable[[float], None] | None = None,
    form: Literal["quick", "author"] = "quick",
    effort: Effort | None = None,
) -> Clusters:
    """Group the channels of `layers` (None: all that are `bendable`) over `images` pictures of seeds from `seed` on.

    Seconds on a processor for a network of 256 x 256; off the render and generator threads, on a network of its own
    (the generator is only called, never changed). `progress` is called with 0..1 after each picture and layer. The
    same arguments give the same groups. A layer with fewer than `FEWEST` channels is left out.

    `form="author"` finds them as the paper does, with a classifier for each layer: minutes with the usual `effort`
    (`classifier.QUICK`), hours with the paper's own (`classifier.PAPER`); `images` is then the effort's. `about` says
    what share of maps each classifier told rightly.
    """
    told = progress or _untold
    if form == "author":
        return _by_classifiers(generator, seed, truncation_psi, layers, told, effort)
    every = bendable(generator)
    alike = _alike(generator, every if layers is None else layers, images, seed, truncation_psi, told)
    found = {}
    for place, layer in enumerate(every):
        if layer in alike:
            k = groups_of(place)
            found[layer] = by_size(consensus([one.double().cpu().numpy() for one in alike[layer]], k, seed), k)
        told(LOOKING + (1 - LOOKING) * (place + 1) / len(every))
    about = {"form": "quick", "images": images, "seed": seed, "truncation_psi": truncation_psi}
    return Clusters(found, model_hash(generator), about)


def _untold(share: float) -> None:
    """Progress that nobody asked for."""


def _alike(
    generator: Generator,
    layers: Sequence[str],
    images: int,
    seed: int,
    truncation_psi: float,
    progress: Callable[[float], None],
) -> dict[str, list[Tensor]]:
    """By layer, how alike channels are [C, C], summed over each bundle of pictures."""
    alike: dict[str, list[Tensor]] = {}
    begins = {-(-bundle * images // BUNDLES) for bundle in range(BUNDLES)}  # the first pictures of bundles

    def look(layer: str, x: Tensor) -> Tensor:
        if layer in layers and x.shape[1] >= FEWEST:
            small = F.adaptive_avg_pool2d(x[:1].float(), (SIDE, SIDE)).flatten(2)[0]  # [C, 64]
            small = (small - small.mean(1, keepdim=True)) / (small.std(1, keepdim=True) + 1e-6)
            bundles = alike.setdefault(layer, [])
            if picture in begins:
                bundles.append(torch.zeros(len(small), len(small), device=x.device))
            bundles[-1] += small @ small.T
        return x

    for picture in range(images):
        _draw(generator, seed + picture, truncation_psi, look)
        progress(LOOKING * (picture + 1) / images)
    return alike


def _draw(generator: Generator, seed: int, truncation_psi: float, tap: Callable[[str, Tensor], Tensor]) -> None:
    """The picture of one seed, of the classes in turn where there are any, for what `tap` sees of it."""
    z = torch.from_numpy(landmark(seed % 2**32, generator.z_dim)).to(generator.w_avg)[None]
    c = torch.eye(generator.c_dim).to(z)[seed % generator.c_dim][None] if generator.c_dim else None
    generator.synthesize(generator.map(z, c, truncation_psi=truncation_psi), tap=tap)


def _maps_of(generator: Generator, layer: str, truncation_psi: float) -> Callable[[int, int], Tensor]:
    """The maps [N, C, H, W] of one layer, by the first seed and the number of pictures."""

    def maps(first: int, pictures: int) -> Tensor:
        seen: list[Tensor] = []

        def look(at: str, x: Tensor) -> Tensor:
            if at == layer:
                seen.append(x)
            return x

        for picture in range(pictures):
            _draw(generator, first + picture, truncation_psi, look)
        return torch.cat(seen)

    return maps


def _by_classifiers(
    generator: Generator,
    seed: int,
    truncation_psi: float,
    layers: Sequence[str] | None,
    progress: Callable[[float], None],
    effort: Effort | None,
) -> Clusters:
    from models.bending.classifier import QUICK, describe_channels

    effort = effort or QUICK
    counts: dict[str, int] = {}

    def count(layer: str, x: Tensor) -> Tensor:
        counts[layer] = x.shape[1]
        return x

    _draw(generator, seed, truncation_psi, count)
    every = bendable(generator)
    wanted = [layer for layer in (layers or every) if layer in every and counts[layer] >= FEWEST]
    found, told = {}, {}
    for number, layer in enumerate(wanted):

        def advance(share: float, number: int = number) -> None:
            progress((number + share) / len(wanted))

        place = every.index(layer)
        described, told[layer] = describe_channels(
            _maps_of(generator, layer, truncation_psi), place, seed, effort, advance
        )
        groups = kmeans(described, groups_of(place), seed)
        found[layer] = by_size(groups, groups_of(place))
    about = {"form": "author", "seed": seed, "truncation_psi": truncation_psi, **asdict(effort), "told_rightly": told}
    return Clusters(found, model_hash(generator), about)


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
