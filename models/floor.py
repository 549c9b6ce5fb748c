"""The least time that a picture can take on a device: what must be computed and moved, over what the device can do.

The device's own figures are measured in the same run, by a large matrix product and a large copy, so no table of cards
can be wrong or missing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.generators import Generator

TRIES = 10


@dataclass(frozen=True)
class Work:
    """What one picture asks for: multiplications and additions of its convolutions and matrix products, and the bytes
    that move if each weight is read once, each layer's map is written once and read once, and the picture is written.
    """

    flops: int
    bytes: int


@dataclass(frozen=True)
class Peak:
    """What a device reaches: operations a second in products of matrices, bytes a second read and written in copies."""

    flops: float
    bytes: float


def work(network: Generator, dtype: torch.dtype) -> Work:
    """Counted from the shapes of the network as torch's operators compute it; nothing runs."""
    assert isinstance(network, torch.nn.Module)
    module: torch.nn.Module = network
    away = {id(t): torch.empty_like(t, device="meta") for t in (*module.parameters(), *module.buffers())}
    shapes: Generator = copy.deepcopy(network, away)  # no weights are copied
    shapes.compute_dtype = dtype
    moved = sum(t.numel() * t.element_size() for t in module.parameters())

    def look(_: str, x: Tensor) -> Tensor:
        nonlocal moved
        moved += 2 * x.numel() * x.element_size()
        return x

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        image = shapes.synthesize(torch.empty([1, network.num_ws, network.w_dim], device="meta"), tap=look)
    return Work(counter.get_total_flops(), moved + image.numel() * image.element_size())


def peak(now: Callable[[], float], device: torch.device, dtype: torch.dtype) -> Peak:
    """Measured now, below a second on a card. Nothing else should run there meanwhile.

    Products of float32 may round as convolutions of float32 may there (TF32).
    """
    on_card = device.type == "cuda"
    side, size = (8192, 1 << 30) if on_card else (1024, 1 << 26)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    here = torch.zeros(size, dtype=torch.uint8, device=device)
    there = torch.empty_like(here)

    def best(call: Callable[[], object]) -> float:
        spans = []
        for _ in range(TRIES):
            begun = now()
            call()
            if on_card:
                torch.cuda.synchronize(device)
            spans.append(now() - begun)
        return min(spans)

    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    try:
        return Peak(2 * side**3 / best(lambda: torch.mm(a, b)), 2 * size / best(lambda: there.copy_(here)))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def least(asked: Work, there: Peak) -> float:
    """Seconds below which no picture comes."""
    return max(asked.flops / there.flops, asked.bytes / there.bytes)
