"""A picture of what each direction does: a row for each, from -3 to 3 sigma."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw

from models.generators import Generator
from models.latents import landmark
from models.steering.directions import Direction, Directions

LABEL = 14  # pixels of a line of words
COLUMNS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def direction_sheet(
    generator: Generator,
    directions: Directions,
    seed: int = 0,
    truncation_psi: float = 0.7,
    columns: Sequence[float] = COLUMNS,
    side: int = 112,
    progress: Callable[[float], None] | None = None,
) -> Image.Image:
    """A row for each direction with its number, name and layers above; pictures of one seed, `side` pixels high.

    Takes a picture's time for each; off the render and generator threads. `progress` is called with 0..1.
    """
    base = base_w(generator, seed, truncation_psi)
    width = side
    rows: list[list[Image.Image]] = []
    for place, entry in enumerate(directions.entries, 1):
        pictures = [picture(generator, moved(base, entry, x)) for x in columns]
        width = max(1, round(side * pictures[0].width / pictures[0].height))
        rows.append([one.resize((width, side), Image.Resampling.LANCZOS) for one in pictures])
        if progress is not None:
            progress(place / len(directions))
    sheet = Image.new("RGB", (width * len(columns), (LABEL + side) * max(1, len(rows))), (16, 16, 16))
    pen = ImageDraw.Draw(sheet)
    for place, (entry, row) in enumerate(zip(directions.entries, rows, strict=True)):
        top = place * (LABEL + side)
        found = f"{entry.method} {entry.component}"
        said = [f"{place + 1}: {entry.name}", *([found] if found != entry.name else [])]
        said += [f"layers {entry.first}-{entry.last}", f"{columns[0]:g} to {columns[-1]:g} x {entry.sigma:.3g}"]
        pen.text((2, top + 1), "   ".join(said).encode("latin-1", "replace").decode("latin-1"), fill=(230, 230, 230))
        for column, one in enumerate(row):
            sheet.paste(one, (column * width, top + LABEL))
    return sheet


@torch.inference_mode()
def base_w(generator: Generator, seed: int, truncation_psi: float) -> torch.Tensor:
    """w `[1, L, D]` of a seed, of the first class where there are any."""
    z = torch.from_numpy(landmark(seed, generator.z_dim)).to(generator.w_avg)[None]
    label = None if generator.c_dim == 0 else torch.eye(generator.c_dim, device=z.device)[:1]
    return generator.map(z, label, truncation_psi=truncation_psi)


@torch.inference_mode()
def moved(w: torch.Tensor, direction: Direction, x: float) -> torch.Tensor:
    """w `[1, L, D]`, `x` sigma along a direction."""
    out = w.clone()
    out[:, direction.first : direction.last + 1] += torch.from_numpy(x * direction.sigma * direction.vector).to(w)
    return out


@torch.inference_mode()
def picture(generator: Generator, w: torch.Tensor) -> Image.Image:
    """The picture of w `[1, L, D]` as it is shown."""
    made = generator.synthesize(w, noise_mode="const")[0]
    rows = (made.float().cpu() * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(rows.expand(-1, -1, 3).numpy()))
