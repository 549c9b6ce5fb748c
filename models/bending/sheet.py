"""Picture sheets: what each group of channels, or each transform, does to a few pictures of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor

from models.bending.bender import Bender
from models.bending.clusters import Clusters
from models.bending.slots import Features, Slot
from models.generators import Generator
from models.sheets import grid, latents


def cluster_sheet(
    generator: Generator,
    clusters: Clusters,
    layer: str,
    slot: Slot | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    truncation_psi: float = 0.7,
) -> Image.Image:
    """A row for each seed; the plain picture, then `slot` (None: silence) on each group of `layer` in turn.

    Takes a picture's time for each; off the render and generator threads. ValueError if the layer has no groups.
    """
    count = clusters.count(layer)
    if not count:
        raise ValueError(f"no clusters are known of {layer}")
    base = slot or Slot(layer, "ablate")
    chosen = [Features("cluster", cluster=group) for group in range(count)]
    words = [
        f"{group}: {len(clusters.channels(layer, group))} of {len(clusters.layers[layer])}" for group in range(count)
    ]
    slots = [(replace(base, layer=layer, features=features),) for features in chosen]
    columns: list[tuple[str, Sequence[Slot]]] = [("plain", ()), *zip(words, slots, strict=True)]
    return bend_sheet(generator, columns, clusters, seeds, truncation_psi)


@torch.no_grad()
def bend_sheet(
    generator: Generator,
    columns: Sequence[tuple[str, Sequence[Slot]]],
    clusters: Clusters | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    truncation_psi: float = 0.7,
) -> Image.Image:
    """A row for each seed and a column for each list of slots, with its words above. Off the show's threads.

    ValueError if a slot cannot be played on this network.
    """
    ws = latents(generator, seeds, truncation_psi)
    pictures: list[list[Tensor]] = []
    for _, slots in columns:
        bender = Bender(slots, generator, clusters)
        if bender.muted:
            raise ValueError("; ".join(bender.muted))
        made = []
        for w in ws:
            bender.forget()
            bender.frame(bender.defaults)
            made.append(generator.synthesize(w, tap=bender.tap)[0])
        pictures.append(made)
    return grid([words for words, _ in columns], pictures)
