"""What moves in a picture besides w and the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator


def at_rest(generator: Generator) -> dict[str, Tensor]:
    """The further moving arguments of the generator's `synthesize` by name, as they are when nobody moves them.

    There is one so far: `transform`, for networks that keep a resting one in a buffer of that name.
    """
    if not isinstance(generator, torch.nn.Module):
        return {}
    found = [t for name, t in generator.named_buffers() if name.rpartition(".")[2] == "transform"]
    return {"transform": found[0]} if found else {}
