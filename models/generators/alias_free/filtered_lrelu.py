"""The nonlinearity of StyleGAN3: to a higher rate, leaky ReLU there, low-pass, back to the map's rate.

Raising by u is a sum over the u-th part of the filter's taps for each phase (a transposed convolution), lowering by d
computes only the samples that are kept (a convolution of stride d); a filter on a line is applied along each axis in
turn. Nothing is ever stuffed with zeros. On a processor the same is done in one pass by `native`, once that is ready.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators.alias_free import native


@dataclass(frozen=True)
class Resampling:
    """How one layer changes rates; `padding` (x0, x1, y0, y1) is at the raised rate, before the first filter."""

    up: int
    down: int
    padding: tuple[int, int, int, int]


def filtered_lrelu(
    x: Tensor, up_filter: Tensor, down_filter: Tensor, rates: Resampling, gain: float, slope: float, clamp: float | None
) -> Tensor:
    """[N, C, h, w] -> [N, C, H, W] in x's type: rise by `up_filter` [T] with gain up^2, leaky ReLU, `gain`, clamp, fall
    by `down_filter` [T], or [T, T] where it is no product of two lines. NotImplementedError under torch.export.
    """
    numbers = [rates.up, rates.down, *rates.padding]
    if x.device.type != "cpu" or (torch.is_grad_enabled() and x.requires_grad):
        return composed(x, up_filter, down_filter, numbers, gain, slope, clamp)
    if _is_exporting():
        # Measured: compiling what is around the kernel saves 3 to 5 %; without the kernel it is more than twice slower.
        raise NotImplementedError("StyleGAN3 has compiled filters of its own and is fastest as it is")
    made: Tensor = torch.ops.alias_free.filtered_lrelu(x, up_filter, down_filter, numbers, gain, slope, clamp)
    return made


def composed(
    x: Tensor,
    up_filter: Tensor,
    down_filter: Tensor,
    rates: Sequence[int],
    gain: float,
    slope: float,
    clamp: float | None,
) -> Tensor:
    """The same out of torch's operators; `rates` are up, down, x0, x1, y0, y1."""
    up, down, x0, x1, y0, y1 = rates
    # The gain of one axis, and half of the activation's, which saves a pass over the raised map: leaky ReLU is
    # homogeneous.
    line = up_filter * (up * math.sqrt(gain))
    # Four roundings on the way would be the largest error of a bfloat16 network; float16 keeps enough digits, but a
    # processor takes ten times as long over it.
    y = x.float() if x.dtype == torch.bfloat16 or x.device.type == "cpu" else x
    y = _rise(y, line, up, (x0, x1), dim=3)
    y = _rise(y, line, up, (y0, y1), dim=2)
    y = F.leaky_relu(y, slope)
    if clamp is not None:
        y = y.clamp(-clamp, clamp)
    if down_filter.ndim == 2:
        y = F.conv2d(y, _each(down_filter.flip(0, 1), y), stride=down, groups=y.shape[1])
        return y.to(x.dtype)
    line = down_filter.flip(0)
    y = F.conv2d(y, _each(line[:, None], y), stride=(down, 1), groups=y.shape[1])
    return F.conv2d(y, _each(line[None, :], y), stride=(1, down), groups=y.shape[1]).to(x.dtype)


def _rise(x: Tensor, line: Tensor, factor: int, padding: tuple[int, int], dim: int) -> Tensor:
    """One axis of x, raised by `factor` through the filter `line` [T]."""
    taps = len(line)
    length = x.shape[dim] * factor + sum(padding) - taps + 1
    # The transposed convolution gives every sample that the filter touches; the result is a stretch of those.
    first = taps - 1 - padding[0]
    kernel, stride = (line[None, :], (1, factor)) if dim == 3 else (line[:, None], (factor, 1))
    y = F.conv_transpose2d(x, _each(kernel, x), stride=stride, groups=x.shape[1])
    beyond = first + length - y.shape[dim]
    if first >= 0 and beyond <= 0:
        return y.narrow(dim, first, length)
    edges = (-first, beyond) if dim == 3 else (0, 0, -first, beyond)
    return F.pad(y, edges)  # zeros where no sample reaches


def _each(kernel: Tensor, x: Tensor) -> Tensor:
    """The same kernel [h, w] for each channel of x."""
    return kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)


_is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # newer than torch 2.6

# One operator of torch for the processor, so that a trace of the network holds it, whatever computes it when it runs.
_library = torch.library.Library("alias_free", "DEF")  # type: ignore[no-untyped-call]
_library.define(  # type: ignore[no-untyped-call]
    "filtered_lrelu(Tensor x, Tensor up_filter, Tensor down_filter, int[] rates, float gain, float slope, float? clamp)"
    " -> Tensor"
)


def _on_processor(x: Tensor, up_filter: Tensor, down_filter: Tensor, rates: Sequence[int], *numbers: Any) -> Tensor:
    made = native.compute(x, up_filter, down_filter, rates, *numbers)
    return composed(x, up_filter, down_filter, rates, *numbers) if made is None else made


def _shape(x: Tensor, up_filter: Tensor, down_filter: Tensor, rates: Sequence[int], *numbers: Any) -> Tensor:
    del numbers
    size = native.result_size((x.shape[2], x.shape[3]), up_filter.shape[0], down_filter.shape[0], rates)
    return x.new_empty([*x.shape[:2], *size]).contiguous(memory_format=torch.channels_last)


_library.impl("filtered_lrelu", _on_processor, "CPU")  # type: ignore[no-untyped-call]
torch.library.register_fake("alias_free::filtered_lrelu", _shape, lib=_library)
