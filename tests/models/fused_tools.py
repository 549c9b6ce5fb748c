"""What the child processes of `test_fused` share. They run with TRITON_INTERPRET=1, or without a card to play on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from models.generators import build, fused
from models.generators.fused import operations, styles
from models.generators.stylegan2 import StyleGAN2

CLOSE = 2e-5
FLOATS = [torch.float32, torch.bfloat16]
ULP = {torch.float32: 2e-6, torch.bfloat16: 2**-7}  # of the largest number: what the last rounding may do
PROCESSOR = torch.device("cpu")
SMALL: dict[str, Any] = {
    "z_dim": 8, "w_dim": 12, "img_resolution": 16, "channel_base": 128, "channel_max": 16, "mapping_layers": 1,
}  # fmt: skip


def network(**settings: Any) -> StyleGAN2:
    torch.manual_seed(1)
    made = build("stylegan2", {**SMALL, **settings})
    assert isinstance(made, StyleGAN2)
    made.eval().requires_grad_(False)
    for name, weight in made.named_parameters():
        if name.endswith(("noise_strength", "bias")):
            weight.add_(torch.randn_like(weight) * 0.3)
    return made


def a_w(g: StyleGAN2, seed: int = 3) -> torch.Tensor:
    return torch.randn([1, g.num_ws, g.w_dim], generator=torch.Generator().manual_seed(seed))


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a.float() - b.float()).abs().max())


def some(*shape: int, seed: int = 0) -> torch.Tensor:
    made = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return made.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else made


@contextmanager
def by_torch() -> Iterator[None]:
    """For a while, nothing is played by kernels."""
    kinds = set(fused.KINDS)
    fused.KINDS.clear()
    yield
    fused.KINDS.update(kinds)


def rounded(cut: Callable[..., Any], data: np.ndarray, given: Any, wanted: Any, mode: Any) -> np.ndarray:
    """Triton's interpreter cuts float32 to bfloat16, where a card rounds to the nearest: this does as a card."""
    if (str(given), str(wanted)) != ("fp32", "bf16"):
        return cut(data, given, wanted, mode)  # type: ignore[no-any-return]
    narrow = torch.from_numpy(np.ascontiguousarray(data)).to(torch.bfloat16)
    return narrow.view(torch.int16).numpy().view(np.uint16).reshape(data.shape)


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels play on the processor, in large tiles, because a program takes the interpreter as long as its tile."""
    from triton.runtime import interpreter

    cut = interpreter._convert_float
    monkeypatch.setattr(interpreter, "_convert_float", partial(rounded, cut))
    monkeypatch.setattr(operations, "TILE", 1 << 15)
    monkeypatch.setattr(operations, "PROGRAMS", 1)
    monkeypatch.setattr(styles, "ROWS", 64)
    monkeypatch.setattr(fused, "KINDS", {"cpu"})
    monkeypatch.setattr(fused, "_verdicts", {PROCESSOR: True})
    with torch.no_grad():
        yield
        assert all(fused._verdicts.values()) or "expected" in fused._verdicts, "the kernels gave up"
