"""The kernels as functions of tensors, one picture at a time; each is one pass over memory and one launch.

Maps are [1, C, H, W], made channels-last where they are not, float32 or bfloat16. Sizes of tiles: one thread holds 16
to 32 numbers, enough loads in flight to hide memory behind them, and 128 threads a program leave several programs on
each multiprocessor. All of them raise `launch.Unplayable`, and allocate nothing but what they return.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.generators import Scalar
from models.generators.fused.launch import Unplayable, ceil, launch, power_of_two

TILE = 4096  # numbers in a tile of 128 threads
MOST_CHANNELS = 4096
PROGRAMS = 512  # fewer than that leave multiprocessors idle (an H100 has 132), so tiles are cut smaller


@dataclass(frozen=True)
class Noise:
    """What is added to all channels: `pattern` [H, W] times `strength` (0-d) times `performer` (0-d or a number)."""

    pattern: Tensor
    strength: Tensor
    performer: Scalar


@dataclass(frozen=True)
class Nonlinearity:
    """Leaky ReLU 0.2, times `gain`, clamped to +-`clamp`."""

    gain: float
    clamp: float | None


def fold(weight: Tensor, style: Tensor, dtype: torch.dtype, transposed: bool) -> Tensor:
    """W [O, I, k, k], style [I] -> modulated and demodulated, in `dtype`: [O, I, k, k] for `conv2d`, or `transposed`
    [I, O, k, k] for `conv_transpose2d`; either channels-last, so that cuDNN has nothing to rearrange.

    Karras et al. 2020, equations 1 and 3.
    """
    outputs, inputs, high, wide = weight.shape
    taps = high * wide
    if weight.stride(2) != wide * weight.stride(3):  # taps are walked with one stride
        weight = weight.contiguous(memory_format=torch.channels_last)
    first, second = (inputs, outputs) if transposed else (outputs, inputs)
    made = torch.empty([first, high, wide, second], dtype=dtype, device=weight.device).permute(0, 3, 1, 2)
    to_o, to_i = (1, 0) if transposed else (0, 1)
    # A program writes whole 16 byte pieces: along I a row at a time, along O eight outputs together.
    rows = 8 if transposed else 1
    columns = power_of_two(inputs, 128 if transposed else 1024)
    launch(
        "fold", (ceil(outputs, rows),),
        weight, style, made, weight.stride(0), weight.stride(1), weight.stride(3),
        made.stride(to_o), made.stride(to_i), made.stride(3),
        outputs=outputs, inputs=inputs, taps=taps, rows=rows, columns=columns, padded=power_of_two(taps, 1 << 10),
        warps=8 if rows * columns > 128 else 4,
    )  # fmt: skip
    return made


def finish(y: Tensor, bias: Tensor, noise: Noise | None, after: Nonlinearity) -> Tensor:
    """y + noise + bias [C], then the nonlinearity; in place where y is channels-last."""
    y = _dense(y)
    channels, pixels = y.shape[1], y.shape[2] * y.shape[3]
    columns = power_of_two(channels, 128)
    rows = _fitting(TILE // columns, pixels * ceil(channels, columns))
    launch(
        "finish", (ceil(pixels, rows), ceil(channels, columns)),
        y, bias, *_noise(noise, bias, y), after.gain, after.clamp or 0.0, pixels,
        channels=channels, noisy=noise is not None, clamps=after.clamp is not None,
        rows=rows, columns=columns,
    )  # fmt: skip
    return y


def blur_finish(y: Tensor, bias: Tensor, noise: Noise | None, after: Nonlinearity) -> Tensor:
    """[1, C, H + 1, W + 1], what the transposed convolution gives, -> [1, C, H, W]: the blur, then as `finish`."""
    y = _dense(y)
    channels, height, width = y.shape[1], y.shape[2] - 1, y.shape[3] - 1
    made = _empty(channels, height, width, y.dtype, y.device)
    columns = power_of_two(channels, 128)
    rows = power_of_two(width, max(1, TILE // 2 // columns))
    # Going down eight rows a program reads each number 5.5 times (from the cache) instead of 16.
    lines = 8 if ceil(height, 8) * ceil(width, rows) * ceil(channels, columns) >= PROGRAMS else 2
    launch(
        "blur_finish", (ceil(height, lines), ceil(width, rows), ceil(channels, columns)),
        y, made, bias, *_noise(noise, bias, made), after.gain, after.clamp or 0.0, height, width,
        channels=channels, noisy=noise is not None, clamps=after.clamp is not None,
        lines=lines, rows=rows, columns=columns,
    )  # fmt: skip
    return made


def to_rgb(
    x: Tensor, style: Tensor, weight: Tensor, bias: Tensor, gain: float, clamp: float | None, small: Tensor | None
) -> Tensor:
    """x [1, C, H, W], W [K, C, 1, 1], style [C] -> [1, K, H, W] float32: convolution with W * style * gain, bias,
    clamp; plus the picture `small` [1, K, H/2, W/2] enlarged, if there is one.
    """
    x = _dense(x)
    colours, channels, height, width = len(weight), *x.shape[1:]
    made = _empty(colours, height, width, torch.float32, x.device)
    columns = power_of_two(channels, MOST_CHANNELS)
    rows = _fitting(TILE // columns, height * width)
    there = weight.view(-1)[:0] if small is None else _half(small, made)
    strides = (0, 0, 0) if small is None else there.stride()[1:]
    launch(
        "to_rgb", (ceil(height * width, rows),),
        x, style, weight, bias, there, made, gain, clamp or 0.0, height, width, *weight.stride()[:2], *strides,
        channels=channels, colours=colours, clamps=clamp is not None, joins=small is not None,
        rows=rows, columns=columns,
    )  # fmt: skip
    return made


def join(x: Tensor, small: Tensor) -> Tensor:
    """x [1, C, H, W] + `small` [1, C, H/2, W/2] enlarged by [1, 3, 3, 1], in x's type, zeros beyond the border."""
    _addressable(x)
    channels, height, width = x.shape[1:]
    made = _empty(channels, height, width, x.dtype, x.device)
    columns = power_of_two(channels, 128)
    rows = _fitting(TILE // 4 // columns, height * width * ceil(channels, columns))
    launch(
        "join", (ceil(height * width, rows), ceil(channels, columns)),
        x, _half(small, made), made, height, width, *x.stride()[1:], *small.stride()[1:],
        channels=channels, rows=rows, columns=columns,
    )  # fmt: skip
    return made


def _empty(channels: int, height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.empty([1, height, width, channels], dtype=dtype, device=device).permute(0, 3, 1, 2)


def _dense(x: Tensor) -> Tensor:
    """x as [H, W, C] lies in memory."""
    _addressable(x)
    return x.contiguous(memory_format=torch.channels_last)


def _addressable(x: Tensor) -> None:
    if len(x) != 1 or x.numel() >= 2**30 or x.shape[1] > MOST_CHANNELS:
        raise Unplayable(f"a map {list(x.shape)} is more than 32 bits of address can play")


def _half(small: Tensor, large: Tensor) -> Tensor:
    """`small`, if it is half of `large`: nothing is read beside a map."""
    if [2 * side for side in small.shape[2:]] != list(large.shape[2:]) or small.shape[:2] != large.shape[:2]:
        raise Unplayable(f"{list(small.shape)} is not half of {list(large.shape)}")
    return small


def _noise(noise: Noise | None, filler: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, float, float]:
    """Pattern, strength, the performer's as a tensor and as a number, and whether it is a tensor (1.0); a number, so
    that it chooses no other kernel. `filler` stands where nothing is read.
    """
    if noise is None:
        return filler, filler, filler, 1.0, 0.0
    if noise.pattern.shape != y.shape[2:]:
        raise Unplayable(f"noise {list(noise.pattern.shape)} is not of the size of a map {list(y.shape)}")
    pattern = noise.pattern.contiguous()
    if isinstance(noise.performer, Tensor):
        return pattern, noise.strength, noise.performer, 1.0, 1.0
    return pattern, noise.strength, noise.strength, float(noise.performer), 0.0


def _fitting(most: int, count: int) -> int:
    """Rows of a tile: `most`, or fewer where `count` rows would make too few programs; a power of two."""
    rows = max(1, most)
    while rows > 4 and count < rows * PROGRAMS:
        rows //= 2
    return rows
