"""A picture sheet of what decoding makes of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image

from models import sheets
from models.decoding.decoder import Decoder
from models.decoding.played import METHODS
from models.decoding.statistics import Statistics
from models.generators import Generator
from models.latents import landmark


@torch.no_grad()
def decode_sheet(
    generator: Generator,
    statistics: Statistics,
    columns: Sequence[tuple[str, Mapping[str, float]]] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    truncation_psi: float = 0.7,
) -> Image.Image:
    """A row for each seed and a column for each set of knobs (see `models.decoding.decoder.knobs`), its words above.

    None: every method as it comes, and a second idea of low-active. Takes a picture's time for each; off the render
    and generator threads.
    """
    if columns is None:
        columns = [(name, {"method": float(place)}) for place, name in enumerate(METHODS)]
        columns.insert(2, ("low-active, another", {"method": float(METHODS.index("low-active")), "seed": 1.0}))
    label = None if generator.c_dim == 0 else torch.eye(generator.c_dim, device=generator.w_avg.device)[:1]
    z = torch.stack([torch.from_numpy(landmark(seed, generator.z_dim)) for seed in seeds]).to(generator.w_avg)
    ws = [generator.map(one[None], label, truncation_psi=truncation_psi) for one in z]
    decoder = Decoder(generator, statistics)
    pictures = []
    for _, values in columns:
        decoder.frame(values)
        pictures.append([generator.synthesize(w, tap=decoder.tap)[0] for w in ws])
    return sheets.grid([words for words, _ in columns], pictures)
