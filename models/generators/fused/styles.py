"""All affine layers of a frame in one launch, from a table of where their weights lie."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.generators.fused.launch import ceil, launch, power_of_two
from models.generators.style_modulated.mapping import Dense

ROWS, COLUMNS = 8, 512  # of a tile: 32 numbers a thread
APART = 16  # styles begin at multiples of so many numbers, for wide loads


class Styles:
    """The affine layers of one network. Any thread: while it plays, another may capture or build.

    Kernels find weights by a table of addresses on the device. It is made again when a weight has moved (never by
    values that change in place), which copies a few hundred bytes and cannot be captured; then, and for weights that
    are not plain float32, each layer is computed by itself. A table is never let go of: a graph may know it.
    """

    def __init__(self) -> None:
        self._tables: tuple[tuple[tuple[int, ...], Tensor], ...] = ()  # by addresses, the newest first

    def of(self, layers: Sequence[Dense], which: Sequence[int], w: Tensor, capturing: bool) -> list[Tensor]:
        """w [1, num_ws, w_dim] -> style [I] of each layer, from w[0, which]. Raises launch.Unplayable."""
        counts = [len(layer.bias) for layer in layers]
        firsts, total = [], 0
        for count in counts:
            firsts.append(total)
            total += ceil(count, APART) * APART
        table = self._table(layers, counts, firsts, which, w, capturing)
        if table is None:
            return [layer(w[:, k])[0] for layer, k in zip(layers, which, strict=True)]
        w = w if w.stride(2) == 1 else w.contiguous()
        made = torch.empty([total], device=w.device)
        launch(
            "styles", (ceil(max(counts), ROWS), len(layers)),
            table, w, made, layers[0].weight_gain, w.stride(1),
            width=w.shape[2], rows=ROWS, columns=power_of_two(w.shape[2], COLUMNS),
        )  # fmt: skip
        return [made[first : first + count] for first, count in zip(firsts, counts, strict=True)]

    def _table(
        self,
        layers: Sequence[Dense],
        counts: Sequence[int],
        firsts: Sequence[int],
        which: Sequence[int],
        w: Tensor,
        capturing: bool,
    ) -> Tensor | None:
        """Where the weights lie now, if that can be said."""
        places = tuple(t.data_ptr() for layer in layers for t in (layer.weight, layer.bias))
        for known, table in self._tables:
            if known == places and table.device == w.device:
                return table
        plain = all(
            t.dtype == torch.float32 and t.is_contiguous() and t.device == w.device
            for layer in layers
            for t in (layer.weight, layer.bias)
        )
        if capturing or not plain or w.dtype != torch.float32:
            return None
        rows = zip(places[::2], places[1::2], counts, firsts, which, strict=True)
        table = torch.tensor(list(rows), dtype=torch.int64, device=w.device)
        self._tables = ((places, table), *self._tables)
        return table
