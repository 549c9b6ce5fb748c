"""Each kernel against torch's formula, by Triton's interpreter on the processor. `test_fused` runs this file."""

import pytest
import torch
from fused_tools import FLOATS, ULP, far, played, some
from torch.nn import functional as F  # noqa: N812

from models.generators.fused import launch, operations
from models.generators.fused.operations import Noise, Nonlinearity

__all__ = ["played"]


def close(made: torch.Tensor, want: torch.Tensor, dtype: torch.dtype) -> None:
    assert made.dtype == dtype
    assert far(made, want) <= ULP[dtype] * float(want.abs().max())


def in_memory(weight: torch.Tensor, how: str) -> torch.Tensor:
    """The same numbers, lying otherwise."""
    if how == "contiguous":
        return weight.contiguous()
    if how == "odd":  # a view into a block, four bytes beside a round address
        block = torch.zeros(weight.numel() + 1)
        view = block[1:].view(weight.shape[0], 3, 3, weight.shape[1]).permute(0, 3, 1, 2)
        return view.copy_(weight)
    if how == "strided":  # no one stride goes over all taps
        return torch.zeros([*weight.shape[:3], 4])[..., :3].copy_(weight)
    return weight.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("outputs", "inputs"), [(3, 5), (24, 8), (9, 130)])
@pytest.mark.parametrize("how", ["channels-last", "contiguous", "odd", "strided"])
def test_fold(outputs: int, inputs: int, how: str, dtype: torch.dtype) -> None:
    weight, style = in_memory(some(outputs, inputs, 3, 3), how), some(inputs, seed=1)
    want = weight * style[:, None, None]
    want = want / (want.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
    plain, turned = (operations.fold(weight, style, dtype, transposed) for transposed in (False, True))
    close(plain, want, dtype)
    close(turned, want.transpose(0, 1), dtype)
    for made in (plain, turned):
        assert made.is_contiguous(memory_format=torch.channels_last)


def finished(y: torch.Tensor, bias: torch.Tensor, noise: torch.Tensor | float, after: Nonlinearity) -> torch.Tensor:
    y = F.leaky_relu(y.float() + noise + bias[:, None, None], 0.2) * after.gain
    return y if after.clamp is None else y.clamp(-after.clamp, after.clamp)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("channels", "high", "wide"), [(3, 4, 4), (5, 6, 10), (24, 12, 20), (130, 4, 6)])
@pytest.mark.parametrize("performer", [None, 0.4, torch.tensor(0.4)])
def test_after_a_convolution(
    channels: int, high: int, wide: int, performer: torch.Tensor | float | None, dtype: torch.dtype
) -> None:
    bias, pattern, strength = some(channels, seed=1), some(high, wide, seed=2), torch.tensor(-0.7)
    noise = None if performer is None else Noise(pattern, strength, performer)
    added = 0.0 if performer is None else pattern * -0.7 * 0.4
    after = Nonlinearity(1.3, None if channels == 5 else 1.5)
    y = some(1, channels, high, wide).to(dtype)
    close(operations.finish(y.clone(), bias, noise, after), finished(y, bias, added, after), dtype)

    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    y = some(1, channels, high + 1, wide + 1).to(dtype)
    kernel = torch.outer(line, line).expand(channels, 1, 4, 4)
    want = finished(F.conv2d(y.float(), kernel, padding=1, groups=channels), bias, added, after)
    close(operations.blur_finish(y, bias, noise, after), want, dtype)
    close(operations.blur_finish(y.contiguous(), bias, noise, after), want, dtype)  # not channels-last


def twice(x: torch.Tensor) -> torch.Tensor:
    """Zero-stuffed, blurred, gain 4."""
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    stuffed = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    stuffed[:, :, ::2, ::2] = x
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(stuffed, (2, 1, 2, 1)), kernel, groups=x.shape[1])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("channels", "colours", "size"), [(5, 3, (4, 4)), (24, 1, (6, 10)), (130, 4, (8, 4))])
def test_pictures(channels: int, colours: int, size: tuple[int, int], dtype: torch.dtype) -> None:
    x, weight = some(1, channels, *size).to(dtype), some(colours, channels, 1, 1, seed=1)
    style, bias, small = some(channels, seed=2), some(colours, seed=3), some(1, colours, size[0] // 2, size[1] // 2)
    rgb = F.conv2d(x.float(), weight * style[:, None, None] * 0.1, bias)
    made = operations.to_rgb(x, style, weight, bias, 0.1, None, None)
    close(made, rgb, torch.float32)
    assert made.stride() == (colours * size[0] * size[1], 1, colours * size[1], colours)  # channels-last
    for clamp, image in ((0.5, small), (None, small.contiguous())):
        want = (rgb if clamp is None else rgb.clamp(-clamp, clamp)) + twice(small)
        close(operations.to_rgb(x, style, weight, bias, 0.1, clamp, image), want, torch.float32)
    half = some(1, channels, size[0] // 2, size[1] // 2, seed=5).to(dtype)
    want = x.float() + twice(half.float())
    close(operations.join(x, half), want, dtype)
    close(operations.join(x.contiguous(), half.contiguous()), want, dtype)


def test_what_does_not_fit_is_refused() -> None:
    y, bias, after = some(1, 3, 4, 4), some(3), Nonlinearity(1.0, None)
    with pytest.raises(launch.Unplayable, match=r"noise \[4, 5\] is not of the size"):
        operations.finish(y, bias, Noise(some(4, 5), torch.tensor(1.0), 1.0), after)
    with pytest.raises(launch.Unplayable, match="is not half of"):
        operations.join(y, some(1, 3, 3, 2))
    with pytest.raises(launch.Unplayable, match="32 bits"):
        operations.finish(torch.empty([1, 1, 1, 1]).expand(1, 32, 1 << 13, 1 << 12), bias, None, after)
