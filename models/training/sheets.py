"""Sheets of samples, to look at."""

import torch
from PIL import Image
from torch import Tensor

from models.generators import Generator
from models.training import data

SHEET = (6, 8)  # rows, columns


def grid(pictures: Tensor, rows: int, columns: int) -> Image.Image:
    """[rows * columns, 3, H, W] in -1..1 -> one image."""
    height, width = pictures.shape[2:]
    x = (pictures * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    x = x.reshape(rows, columns, 3, height, width).permute(0, 3, 1, 4, 2).reshape(rows * height, columns * width, 3)
    return Image.fromarray(x.numpy())


def sample_sheet(network: Generator, truncation_psi: float = 1.0, first_seed: int = 0) -> Image.Image:
    """Seeds first_seed, ... of the averaged network, noise constant."""
    rows, columns = SHEET
    count = rows * columns
    z = torch.stack([data.seed_z(first_seed + k, network.z_dim) for k in range(count)])
    with torch.inference_mode():
        made = [network.synthesize(network.map(one[None], truncation_psi=truncation_psi)) for one in z]
    return grid(torch.cat(made), rows, columns)
