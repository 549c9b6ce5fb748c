"""Pictures side by side, under words: to see what something does to a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from models.generators import Generator
from models.latents import landmark

LABEL = 14  # pixels of a line of words


def grid(words: Sequence[str], columns: Sequence[Sequence[Tensor]]) -> Image.Image:
    """Columns of pictures [3 or 1, H, W] in -1..1, all of one size, each column under its words."""
    height, width = columns[0][0].shape[1:]
    sheet = Image.new("RGB", (width * len(columns), LABEL + height * len(columns[0])), (16, 16, 16))
    pen = ImageDraw.Draw(sheet)
    for x, (said, pictures) in enumerate(zip(words, columns, strict=True)):
        pen.text((x * width + 2, 1), said[: max(3, width // 6)], fill=(230, 230, 230))
        for y, picture in enumerate(pictures):
            rows = (picture.float().cpu() * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
            if rows.shape[2] == 1:
                rows = rows.expand(-1, -1, 3)
            sheet.paste(Image.fromarray(rows.contiguous().numpy()), (x * width, LABEL + y * height))
    return sheet


@torch.no_grad()
def latents(generator: Generator, seeds: Sequence[int], truncation_psi: float = 0.7) -> list[Tensor]:
    """The w of each seed, [1, num_ws, w_dim]; a network with labels shows its first."""
    label = None if generator.c_dim == 0 else torch.eye(generator.c_dim, device=generator.w_avg.device)[:1]
    z = torch.stack([torch.from_numpy(landmark(seed, generator.z_dim)) for seed in seeds]).to(generator.w_avg)
    return [generator.map(one[None], label, truncation_psi=truncation_psi) for one in z]
