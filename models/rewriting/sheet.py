"""Picture sheets: what glitches do to a few pictures of a network. Off the show's threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from PIL import Image
from torch import Tensor

from models.generators import Generator
from models.resident import Resident
from models.rewriting.glitch import Glitch
from models.rewriting.rewriter import Rewriter
from models.sheets import grid, latents

Column = tuple[str, Sequence[Glitch]]


def glitch_sheet(
    generator: Generator, columns: Sequence[Column], seeds: Sequence[int] = (0, 11, 84), truncation_psi: float = 0.8
) -> Image.Image:
    """A row for each latent seed; the plain picture, then one for each column's glitches. The weights come home.

    ValueError if the network cannot play one of them.
    """
    ws = latents(generator, seeds, truncation_psi)
    made = list(pictures(generator, ws, [("plain", ()), *columns]))
    return grid(["plain", *(words for words, _ in columns)], made)


@torch.no_grad()
def pictures(generator: Generator, ws: Sequence[Tensor], columns: Sequence[Column]) -> Iterator[list[Tensor]]:
    """For each column the picture [C, H, W] of every w; the weights come home."""
    resident = Resident(generator)
    rewriter = Rewriter(generator, resident)
    try:
        for _, glitches in columns:
            rewriter.frame(glitches)
            if rewriter.muted:
                raise ValueError("; ".join(rewriter.muted))
            resident.update([rewriter])
            yield [generator.synthesize(w)[0] for w in ws]
    finally:
        resident.update([])
