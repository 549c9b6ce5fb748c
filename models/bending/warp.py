"""Moving pixels: every geometric transform says, for each pixel, where it comes from; `resample` fetches it.

Places are pixel indices of the source map, so (0, 0) is the centre of the first pixel. Interpolation is bilinear. A
pixel is the weighted sum of four rows of the map seen as a table [H * W, C], which torch has as one operation (an
embedding bag): on a processor that is 2 to 20 times faster than `grid_sample`, the more so the fewer channels there
are, and at whole places it gives the very numbers of the source.

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
    x0, x1, near_x, far_x = _taps(px, w, edge, border)
    y0, y1, near_y, far_y = _taps(py, h, edge, border)
    table = x.permute(0, 2, 3, 1)  # [N, H, W, C]
    if px.shape[0] == 1 and py.shape[1] == 1:  # rows, then columns: less to fetch, and few places to work out
        rows = _bag(table.reshape(n * h, w * c), torch.cat((y0, y1), 1), torch.cat((near_y, far_y), 1))
        places = (_axis(h, x.device).int() * w)[:, None, None] + torch.stack((x0[0], x1[0]), 1)  # [H, W, 2]
        weights = torch.stack((near_x[0], far_x[0]), 1).expand(h, w, 2)
        made = _bag(rows.view(n * h * w, c), places.view(-1, 2), weights.reshape(-1, 2))
    else:
        top, bottom = y0 * w, y1 * w
        places = torch.stack((top + x0, top + x1, bottom + x0, bottom + x1), -1)
        weights = torch.stack((near_y * near_x, near_y * far_x, far_y * near_x, far_y * far_x), -1)
        made = _bag(table.reshape(n * h * w, c), places.view(-1, 4), weights.view(-1, 4))
    return made.view(n, h, w, c).permute(0, 3, 1, 2)


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


def _bag(table: Tensor, places: Tensor, weights: Tensor) -> Tensor:
    """The weighted sums of rows of each picture's part of a table, [N * R, K] and [R, taps] -> [N * R, K]."""
    pictures = len(table) // len(places)
    if pictures > 1:
        offsets = torch.arange(pictures, dtype=places.dtype, device=table.device) * len(places)
        places, weights = (places + offsets[:, None, None]).flatten(0, 1), weights.repeat(pictures, 1)
    return F.embedding_bag(places, table, mode="sum", per_sample_weights=weights.to(table.dtype))


def _taps(p: Tensor, length: int, edge: Scalar, border: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The two pixels beside each place, as indices, and their weights."""
    if border == "mirror":
        period = max(2 * (length - 1), 1)
        p = p - period * (p / period).floor()
        p = torch.minimum(p, period - p)
    p = p.clamp(-1, length) if border == "nothing" else p.clamp(-FARTHEST, FARTHEST)
    p = (p * FINEST).round_().mul_(1 / FINEST)
    first = p.floor()
    share = p.sub_(first)
    if border == "mirror":
        index = first.to(torch.int32)
        return index, (index + 1).clamp_(max=length - 1), 1 - share, share
    second = first + 1
    if border == "nothing":
        index, beside = first.clamp(0, length - 1), second.clamp(0, length - 1)
        near, far = (1 - share) * (index == first), share * (beside == second)  # 0 for what lies outside
        return index.to(torch.int32), beside.to(torch.int32), near, far
    near, far = (1 - share) * _inside(first, length, edge), share * _inside(second, length, edge)
    return _mirror(first, length), _mirror(second, length), near, far


def _inside(p: Tensor, length: int, edge: Scalar) -> Tensor:
    inside = ((p >= 0) & (p <= length - 1)).float()
    return inside + edge * (1 - inside)


def _mirror(p: Tensor, length: int) -> Tensor:
    """Whole places folded into the map: ... 2 1 [0 1 2 ... L-1] L-2 ..."""
    period = max(2 * (length - 1), 1)
    folded = torch.remainder(p, period)
    return torch.minimum(folded, period - folded).clamp(max=length - 1).to(torch.int32)


def take(x: Tensor, places: Tensor) -> Tensor:
    """x [N, C, H, W] with each pixel replaced by that at `places` [N, H, W], indices into its H * W pixels."""
    n, c, h, w = x.shape
    offsets = torch.arange(n, dtype=places.dtype, device=x.device)[:, None, None] * (h * w)
    table = x.permute(0, 2, 3, 1).reshape(-1, c)
    return table.index_select(0, (places + offsets).flatten()).view(n, h, w, c).permute(0, 3, 1, 2)
