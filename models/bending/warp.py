"""Moving pixels: every geometric transform says, for each pixel, where it comes from; `resample` fetches it.

Places are pixel indices of the source map, so (0, 0) is the centre of the first pixel. Interpolation is bilinear. A
pixel is the weighted sum of four rows of the map seen as a table [H * W, C], which torch has as one operation (an
embedding bag): on a processor that is 2 to 20 times faster than `grid_sample`, the more so the fewer channels there
are; it is there in 16 bits with places in 32; and at whole places it gives the very numbers of the source.

Legend: H, W the map's size; p a place along one axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.bending import native
from models.generators import Scalar

FINEST = 4096.0  # places are rounded to this part of a pixel, which takes away the rounding of sines
FARTHEST = 1e5
LIMIT = 1e6  # keeps maps finite through all later layers, whatever is multiplied how often


def scalar(value: Scalar, like: Tensor) -> Tensor:
    """A knob as a 0-d float32 tensor on the device of `like`."""
    return value.float() if isinstance(value, Tensor) else torch.tensor(float(value), device=like.device)


@lru_cache(maxsize=64)
def _axis(length: int, device: torch.device) -> Tensor:
    return torch.arange(length, dtype=torch.float32, device=device)


def pixels(x: Tensor) -> tuple[Tensor, Tensor]:
    """The columns [1, W] and rows [H, 1] of a map's pixels, shared by all warps of one size: not to be written to."""
    return _axis(x.shape[3], x.device)[None, :], _axis(x.shape[2], x.device)[:, None]


@lru_cache(maxsize=16)
def _polar(height: int, width: int, device: torch.device) -> tuple[tuple[float, float], Tensor, Tensor]:
    cx, cy = (width - 1) / 2, (height - 1) / 2
    across, down = _axis(width, device)[None, :] - cx, _axis(height, device)[:, None] - cy
    return (cx, cy), torch.hypot(across, down), torch.atan2(down, across)


def polar(x: Tensor) -> tuple[tuple[float, float], Tensor, Tensor]:
    """A map's middle (x, y), each pixel's distance from it and direction in radians [H, W]; shared, so only to read."""
    return _polar(x.shape[2], x.shape[3], x.device)


def turns(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines, both new."""
    return native.turns(angle) or (angle.cos(), angle.sin())


def outside(edge: float) -> dict[str, str]:
    """The argument `border` of `resample` for an edge that the host knows."""
    return {"border": "nothing" if edge == 0 else "mirror" if edge == 1 else "mixed"}


def resample(x: Tensor, px: Tensor, py: Tensor, edge: Scalar = 0.0, border: str = "mixed") -> Tensor:
    """x [N, C, H, W] with each pixel fetched from column `px` [1 or H, W] and row `py` [H, 1 or W].

    `edge` 0..1 is the strength of what lies outside: 0 is nothing, 1 the map mirrored at its outer pixels. Where the
    host knows it to be 0 or 1, `border` "nothing" or "mirror" is quicker, with the same result.
    """
    if (ready := fetched(x, "given", edge, border, px, py)) is not None:
        return ready
    n, c, h, w = x.shape
    index, weights = _beside(px, py, h, w, edge, border)
    (ix, wx), (iy, wy) = (
        (index[:, part].view(2, *p.shape).permute(1, 2, 0), weights[:, part].view(2, *p.shape).permute(1, 2, 0))
        for p, part in ((px, slice(0, px.numel())), (py, slice(px.numel(), None)))
    )
    shape = max(px.shape[0], py.shape[0]), max(px.shape[1], py.shape[1]), 2, 2
    places = torch.add(ix[..., None, :], iy[..., None], alpha=w, out=index.new_empty(shape))
    weights = torch.mul(wy[..., None], wx[..., None, :], out=x.new_empty(shape))
    made = _bag(x.permute(0, 2, 3, 1).reshape(n * h * w, c), h * w, places.view(-1, 4), weights.view(-1, 4))
    return made.view(n, *shape[:2], c).permute(0, 3, 1, 2)


def fetched(
    x: Tensor,
    kind: str,
    edge: Scalar,
    border: str,
    px: Tensor | None = None,
    py: Tensor | None = None,
    numbers: Sequence[Scalar] = (),
    under: tuple[Tensor, Tensor, float] | None = None,
) -> Tensor | None:
    """x fetched in one pass from places that are worked out on the way; None where there is no machine code for it.

    `kind` says how they follow from the other arguments: `native.resample`.
    """
    return native.resample(x, kind, edge, border, FINEST, FARTHEST, px, py, numbers, under)


def turned(
    x: Tensor, about: tuple[float, float], cosine: Tensor, sine: Tensor, edge: Scalar = 0.0, border: str = "mixed"
) -> Tensor:
    """`resample` from the places that x's own become when they are turned about a place (x, y)."""
    if (ready := fetched(x, "turned", edge, border, numbers=(*about, cosine, sine))) is not None:
        return ready
    return resample(x, *_turned(x, about, cosine, sine), edge, border)


def _turned(x: Tensor, about: tuple[float, float], cosine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor]:
    columns, rows = pixels(x)
    across, down = columns - about[0], rows - about[1]
    return (about[0] + cosine * across) - sine * down, (about[1] + sine * across) + cosine * down


def laid_over(
    x: Tensor, old: Tensor, share: Tensor, about: tuple[float, float], cosine: Tensor, sine: Tensor
) -> Tensor:
    """x mixed with as much of `old`, turned and mirrored at its edges, as `share` says, none of it beyond LIMIT."""
    numbers, share = (*about, cosine, sine), share.to(x.dtype)
    made = fetched(old, "turned", 1.0, "mirror", numbers=numbers, under=(x, share, LIMIT))
    return bounded(torch.lerp(x, turned(old, about, cosine, sine, 1.0, "mirror"), share)) if made is None else made


def bounded(x: Tensor) -> Tensor:
    """x itself, in place: NaN becomes 0, what lies beyond the limit the limit."""
    return x if native.bound(x, LIMIT) else x.nan_to_num_(0.0, LIMIT, -LIMIT).clamp_(-LIMIT, LIMIT)


def _bag(table: Tensor, size: int, places: Tensor, weights: Tensor) -> Tensor:
    """The weighted sums of rows of each picture's part, of `size` rows, of a table [N * size, C]: places and weights
    [R, taps] -> [N * R, C].
    """
    pictures = len(table) // size
    if pictures > 1:
        offsets = torch.arange(pictures, dtype=places.dtype, device=table.device) * size
        places, weights = (places + offsets[:, None, None]).flatten(0, 1), weights.repeat(pictures, 1)
    return F.embedding_bag(places, table, mode="sum", per_sample_weights=weights)


def _beside(px: Tensor, py: Tensor, h: int, w: int, edge: Scalar, border: str) -> tuple[Tensor, Tensor]:
    """The two pixels beside each place, as int32 indices along its axis, and their weights: [2, columns and rows].

    Both axes are worked out together, and every step is one for the card, which minds their number more than their
    length.
    """
    p = torch.cat((px.flatten(), py.flatten()))
    last, period = _ends(px.numel(), py.numel(), h, w, p.device)
    if border == "mirror":
        p = p.addcmul((p / period).floor_(), period, value=-1)
        p = torch.minimum(p, period - p)
    else:
        p = p.clamp_(-FARTHEST, FARTHEST)
    p = p.mul_(FINEST).round_().mul_(1 / FINEST)
    first = p.floor()
    share = p.sub_(first)
    both, weights = torch.stack((first, first + 1)), torch.stack((1 - share, share))
    if border == "mirror":
        return torch.minimum(both, last).to(torch.int32), weights
    folded = (both + last).remainder_(period).sub_(last).abs_()  # ... 2 1 [0 1 2 ... L-1] L-2 ...
    weights.mul_(torch.where(folded == both, 1.0, 0.0 if border == "nothing" else edge))
    return folded.to(torch.int32), weights


@lru_cache(maxsize=64)
def _ends(columns: int, rows: int, h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For so many places along the columns and then the rows: the last pixel, and after how many the mirror repeats."""
    last = torch.cat((torch.full([columns], w - 1.0), torch.full([rows], h - 1.0)))
    return last.to(device), (2 * last).clamp_(min=1).to(device)


def take(x: Tensor, places: Tensor) -> Tensor:
    """x [N, C, H, W] with each pixel replaced by that at `places` [N, H, W], indices into its H * W pixels."""
    n, c, h, w = x.shape
    offsets = torch.arange(n, dtype=places.dtype, device=x.device)[:, None, None] * (h * w)
    table = x.permute(0, 2, 3, 1).reshape(-1, c)
    return table.index_select(0, (places + offsets).flatten()).view(n, h, w, c).permute(0, 3, 1, 2)
