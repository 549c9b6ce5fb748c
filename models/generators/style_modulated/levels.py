"""Which tensors of a network belong to which of its layers, and which weights read what a layer gives.

Names are those of `state_dict`, as NVIDIA's checkpoints have them: `synthesis.b8.conv0.weight` belongs to the layer
`b8.conv0`. A block's own tensors (the constant that StyleGAN2 begins with, the way around a residual block) belong to
the block's first layer. A network whose weights are not under such names gives no tensors, for each layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.generators import Generator

ROOT = "synthesis."


def tensors_of(generator: Generator) -> Mapping[str, tuple[str, ...]]:
    """By layer, in the order of `layers`, the names of all its tensors: weight, bias, affine, noise, buffers.

    What belongs to no layer (mapping network, w_avg) is in none of them.
    """
    blocks: dict[str, str] = {}
    for layer in generator.layers:
        blocks.setdefault(layer.split(".")[0], layer)
    found: dict[str, list[str]] = {layer: [] for layer in generator.layers}
    for name in generator.state_dict():
        if not name.startswith(ROOT):
            continue
        path = name.removeprefix(ROOT).split(".")
        inside = [".".join(path[:k]) for k in range(len(path), 0, -1)]  # b8.conv0.weight, b8.conv0, b8
        owner = next((layer for layer in inside if layer in found), blocks.get(path[0]))
        if owner is not None:
            found[owner].append(name)
    return {layer: tuple(names) for layer, names in found.items()}


def readers_of(generator: Generator) -> Mapping[str, tuple[str, ...]]:
    """By layer, the weights `[O, I, ...]` whose input channels are its output channels: the next convolution, the way
    to RGB, the way around a residual block. Layers that only the picture reads have none.
    """
    own = tensors_of(generator)
    readers: dict[str, list[str]] = {layer: [] for layer in generator.layers}
    before: str | None = None  # the layer whose maps are going on
    for layer in generator.layers:
        if before is not None:
            weights = (f"{ROOT}{layer}.weight", f"{ROOT}{layer.split('.')[0]}.skip.weight")
            readers[before] += [name for name in weights if name in own[layer]]
        if not layer.endswith("torgb"):
            before = layer
    return {layer: tuple(names) for layer, names in readers.items()}
