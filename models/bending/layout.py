"""Numbers for each channel, or for each pixel, over maps that are channels-last.

There torch spreads a [C, 1, 1] or an [H, W] over a map twenty times slower than it adds two maps; seen as a table of
rows it does not.

Legend: N pictures, C channels, H rows and W columns of pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def is_last(x: Tensor) -> bool:
    """Whether x [N, C, H, W] lies channels-last on a processor."""
    return x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)


def rows(x: Tensor) -> Tensor:
    """x, channels-last, as [N, H, W * C], the same memory."""
    n, c, h, w = x.shape
    return x.permute(0, 2, 3, 1).view(n, h, w * c)


def maps(made: Tensor, like: Tensor) -> Tensor:
    """The way back from `rows`."""
    n, c, h, w = like.shape
    return made.view(n, h, w, c).permute(0, 3, 1, 2)


def means(x: Tensor) -> Tensor:
    """The mean of each map, [N, C]."""
    return x.mean((2, 3))


def plus_each(x: Tensor, numbers: Tensor) -> Tensor:
    """x with `numbers` [N, C] added, each to its whole map."""
    if not is_last(x):
        return x + numbers[:, :, None, None]
    return maps(rows(x) + numbers.repeat(1, x.shape[3])[:, None], x)


def mixed(x: Tensor, made: Tensor, shares: Tensor) -> Tensor:
    """x with `shares` [C] of `made` in each channel."""
    if not (is_last(x) and is_last(made)):
        return torch.lerp(x, made, shares[:, None, None])
    return maps(torch.lerp(rows(x), rows(made), shares.repeat(x.shape[3])), x)


def with_plane(x: Tensor, plane: Tensor) -> Tensor:
    """x with `plane` [H, W] added to every map."""
    plane = plane.to(x.dtype)
    if not is_last(x):
        return x + plane
    table = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
    column = plane.reshape(-1, 1).repeat(x.shape[0], 1)
    return maps(torch.addmm(table, column, torch.ones(1, x.shape[1], dtype=x.dtype)), x)
