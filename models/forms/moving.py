"""What moves in a picture besides the weights: w, the noise, and where the picture lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator

BESIDE_W = 11  # numbers


@dataclass(frozen=True, slots=True)
class Moving:
    """All numbers of the network that may move each frame, on its device: views of one vector, so that one small copy
    carries them.

    `w` is `[1, L, D]`, `noise_strength` and `anchor` are 0-d, `transform` is `[3, 3]`.
    """

    w: Tensor
    noise_strength: Tensor
    anchor: Tensor
    transform: Tensor

    @classmethod
    def of(cls, vector: Tensor, num_ws: int) -> Moving:
        """The views of a vector `[L * D + BESIDE_W]`."""
        w = vector[:-BESIDE_W].view(1, num_ws, -1)
        return cls(w, vector[-11], vector[-10], vector[-9:].view(3, 3))


def size(generator: Generator) -> int:
    """How many numbers move."""
    return generator.num_ws * generator.w_dim + BESIDE_W


def at_rest(generator: Generator) -> dict[str, Tensor]:
    """The further moving arguments of the generator's `synthesize` by name, as they are when nobody moves them.

    There is one so far: `transform`, for networks that keep a resting one in a buffer of that name.
    """
    if not isinstance(generator, torch.nn.Module):
        return {}
    found = [t for name, t in generator.named_buffers() if name.rpartition(".")[2] == "transform"]
    return {"transform": found[0]} if found else {}
