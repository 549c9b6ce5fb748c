"""The machine code of bends does what torch does, and nothing hangs on its being there."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from bending_tools import maps
from torch import Tensor

from models.bending import native
from models.bending.transforms import Transform, transforms
from models.bending.warp import LIMIT
from models.machine_code import MachineCode

# Places are rounded to 1/4096 pixel: blurring by machine code makes use of that, and what lies just between two of them
# goes to either, by the last bit of a sine (1/4096 of the largest step from pixel to pixel, along both axes).
ROUNDED = {"blur": 5e-4, "swirl": 2e-3, "kaleidoscope": 2e-3}
SHAPES = ((1, 8, 17, 24), (2, 3, 12, 9), (1, 32, 4, 4), (2, 5, 7, 1), (1, 100, 1, 6))


@pytest.fixture(autouse=True)
def _kernels() -> None:
    if not native.prepare():
        pytest.skip(native.KERNELS.problem)


def both(transform: Transform, x: Tensor, values: Mapping[str, float], monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """With machine code and without."""
    given: dict[str, Any] = {name: torch.tensor(value) for name, value in values.items()}
    given |= transform.hints(values)
    if "memory" in transform.extras:
        given["memory"] = x.flip(3)
    made = [transform.apply(x, **given)]
    with monkeypatch.context() as without:
        without.setattr(native.KERNELS, "library", None)
        made.append(transform.apply(x, **given))
    return made


@pytest.mark.parametrize("transform", transforms().values(), ids=lambda transform: transform.name)
def test_machine_code_is_torch(transform: Transform, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.RandomState(0)
    for shape in SHAPES:
        for _ in range(6):
            x = maps(*shape)
            values = {knob.name: float(rng.uniform(knob.low, knob.high)) for knob in transform.knobs}
            values |= {name: float(rng.choice([0, 1, 0.4])) for name in values if name == "edge"}
            values |= {name: float(rng.choice([1, 2.5, 5])) for name in values if name == "radius"}
            ours, torchs = both(transform, x, values, monkeypatch)
            assert torch.allclose(ours, torchs, atol=ROUNDED.get(transform.name, 1e-4)), values
            half, torchs_half = both(transform, x.bfloat16(), values, monkeypatch)
            assert half.dtype == torch.bfloat16
            # Torch divides by a step in bfloat16, so that what lies near the middle may go to the other side there.
            apart = values["step"] * 1.01 if transform.name == "quantise" else 0.06
            assert torch.allclose(half.float(), torchs_half.float(), atol=apart, rtol=0.03), values
            if transform.name in ("erode", "dilate") and values["radius"] in (1, 5):
                assert torch.equal(ours, torchs)
                assert torch.equal(half, torchs_half)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_what_is_no_number_or_too_large_is_bounded(dtype: torch.dtype) -> None:
    numbers = [float("nan"), -float("nan"), float("inf"), -float("inf"), 1e7, -1e7, 3.0, -0.5, 0.0, LIMIT]
    x = torch.tensor(numbers, dtype=dtype).view(1, 2, 1, 5)
    want = x.clone().nan_to_num_(0.0, LIMIT, -LIMIT).clamp_(-LIMIT, LIMIT)
    assert native.bound(x, LIMIT)
    assert torch.equal(x, want)


def test_cosines_and_sines_are_right_to_the_last_places() -> None:
    angle = torch.linspace(-900, 900, 100_001)
    made = native.turns(angle)
    assert made is not None
    exact = angle.double()
    for ours, wanted in zip(made, (exact.cos(), exact.sin()), strict=True):
        assert (ours - wanted).abs().max() < 2e-6
    assert torch.equal(made[0][50_000], torch.tensor(1.0))
    few = native.turns(angle[49_000:51_001].view(3, 667))  # -18 to 18, which is what a swirl has
    assert few is not None
    assert (few[1].double() - exact[49_000:51_001].view(3, 667).sin()).abs().max() < 2e-7


def test_what_it_does_not_know_is_left_to_torch() -> None:
    x = maps(1, 8, 6, 6)
    assert native.reshape(x.double(), "gate", 0.1) is None
    assert not native.bound(x.half(), LIMIT)
    assert not native.bound(x[:, :, ::2, ::2], LIMIT)
    with torch.enable_grad():
        assert native.reshape(x.clone().requires_grad_(), "gate", 0.1) is None


def test_without_a_compiler_there_are_words_and_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    kernels = MachineCode(native._library, "they play without")
    assert not kernels.prepare()
    assert "install g++" in kernels.problem
    assert not kernels.prepare()
