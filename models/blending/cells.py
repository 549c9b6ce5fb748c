"""Which row of the matrix a tensor goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.blending.rows import Array, Played, depths, owned
from models.generators.style_modulated.levels import tensors_of

if TYPE_CHECKING:
    from models.generators import Generator

Cell = tuple[int, str]  # a layer and which part of it; (-1, "mapping") is in no layer
PARTS = ("conv", "affine", "rgb", "rgb affine", "noise")


class Cells:
    """The tensors of one network grouped by what decides their shares; `names` keeps the order of the network.

    Tensors of a layer travel together: weight, bias, StyleGAN3's `magnitude_ema`, StyleGAN2's constant. Styles
    (`affine`), colour layers (torgb) and noise may be apart. The mapping has w_avg with it.
    """

    def __init__(self, generator: Generator) -> None:
        self.layers = generator.layers
        self.depth = depths(generator)
        of = {name: k for k, layer in enumerate(generator.layers) for name in tensors_of(generator)[layer]}
        self.cells: dict[str, Cell] = {name: _cell(name, of, generator.layers) for name in generator.state_dict()}
        self.kinds: tuple[Cell, ...] = tuple(dict.fromkeys(self.cells.values()))
        place = {cell: k for k, cell in enumerate(self.kinds)}
        self.of: dict[str, int] = {name: place[cell] for name, cell in self.cells.items()}
        count = len(self.layers)
        rows = [5 * count if layer < 0 else PARTS.index(part) * count + layer for layer, part in self.kinds]
        self._rows: NDArray[np.intp] = np.array(rows, dtype=np.intp)

    def rows(self, layers: Array, now: Played, divergence: float) -> tuple[Array, Array]:
        """The shares [cells, models] of what is in `kinds`, and of the mapping [models], from those of the layers
        [layers, models].
        """
        mapping = owned(now.mapping, layers[:1], divergence)
        rgb = owned(now.torgb, layers, divergence)
        styles, rgb_styles = layers, rgb
        if now.affine == "mapping":
            styles = rgb_styles = np.repeat(mapping, len(layers), 0)
        table = np.concatenate((layers, styles, rgb, rgb_styles, owned(now.noise, layers, divergence), mapping))
        return table[self._rows], table[-1]


def _cell(name: str, of: Mapping[str, int], layers: tuple[str, ...]) -> Cell:
    if name not in of:
        return -1, "mapping"
    layer = of[name]
    is_rgb = ".torgb." in name or (layer == len(layers) - 1 and not layers[layer].startswith("b"))
    if ".affine." in name:
        return layer, "rgb affine" if is_rgb else "affine"
    if name.endswith(("noise_const", "noise_strength")):
        return layer, "noise"
    return layer, "rgb" if is_rgb else "conv"
