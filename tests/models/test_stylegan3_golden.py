"""Our StyleGAN3 makes the same numbers as the official code did, for T and R, with labels, clamped, at several sizes.

The weights come from seeded numbers, so that only what the official code made of them is kept (stylegan3.npz). Files
that the official program itself wrote are tested where checkpoints are read.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.generators.alias_free import native
from models.generators.alias_free.config import design_config
from models.generators.stylegan3 import StyleGAN3, build

GOLDEN = Path(__file__).parent.parent / "golden" / "stylegan3.npz"
CLOSE = 2e-5
R = {"conv_kernel": 1, "use_radial_filters": True}
CASES: dict[str, dict[str, Any]] = {
    "T64": {"img_resolution": 64, "channel_base": 1024, "channel_max": 24},
    "R64": {"img_resolution": 64, "channel_base": 1024, "channel_max": 20, **R},
    "T32-labels": {"img_resolution": 32, "channel_base": 500, "channel_max": 17, "c_dim": 3, "mapping_layers": 3},
    "R16-clamp": {"img_resolution": 16, "channel_base": 512, "channel_max": 20, "conv_clamp": 1.5, **R},
}


def seeded(name: str, like: torch.Tensor) -> torch.Tensor:
    """The numbers of one tensor; nothing in the network is left at a value that would hide a mistake."""
    draw = np.random.RandomState(zlib.crc32(name.encode()) % 2**32)
    normal = torch.from_numpy(np.asarray(draw.randn(*like.shape), np.float32))
    if name.endswith(("_filter", "transform")):
        return like
    scales = {
        "magnitude_ema": normal.sigmoid() / 2 + 0.75,
        "w_avg": normal * 0.3,
        "input.freqs": normal,
        "input.phases": normal * 0.3,
        "input.affine.weight": normal * 0.3,
        "input.affine.bias": normal * 0.2 + torch.tensor([1.0, 0, 0, 0]) if like.shape == (4,) else normal,
        "affine.bias": normal * 0.3 + 1,
        "bias": normal * 0.2,
    }
    if name.startswith("mapping.fc"):
        return normal * (100 if name.endswith("weight") else 10)  # their learning rate is 0.01
    return next((value for end, value in scales.items() if name.endswith(end)), normal)


def network(case: str) -> StyleGAN3:
    made = build({"z_dim": 24, "w_dim": 40, **CASES[case]})
    return build(made.config, {name: seeded(name, t) for name, t in made.state_dict().items()})


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reference() -> Mapping[str, torch.Tensor]:
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays if name != "configs"}


@pytest.fixture(params=["machine code", "torch"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of the nonlinearity, whether or not this machine has used the first one yet."""
    if request.param == "torch":
        monkeypatch.setattr(native.KERNEL, "library", None)
    elif not native.prepare():
        pytest.skip(native.KERNEL.problem)
    return str(request.param)


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


@torch.no_grad()
def test_mapping(case: str, reference: Mapping[str, torch.Tensor]) -> None:
    g = network(case)
    z, c = reference[f"{case}/z"], reference[f"{case}/c"]
    made = g.map(z, c if g.c_dim else None, truncation_psi=0.8, truncation_cutoff=5)
    assert far(made, reference[f"{case}/w"]) <= CLOSE


@torch.no_grad()
@pytest.mark.usefixtures("form")
def test_pictures_and_every_layer(case: str, reference: Mapping[str, torch.Tensor]) -> None:
    g = network(case)
    w, transform = reference[f"{case}/w"], reference[f"{case}/transform"]
    distance: dict[str, float] = {}

    def tap(layer: str, x: torch.Tensor) -> torch.Tensor:
        distance[layer] = far(x[:1, :3, ::6, ::6], reference[f"{case}/{layer}"])
        return x

    assert far(g.synthesize(w, tap=tap), reference[f"{case}/picture"]) <= CLOSE
    assert tuple(distance) == g.layers
    assert max(distance.values()) <= CLOSE, distance
    assert far(g.synthesize(w[:1]), reference[f"{case}/picture"][:1]) <= CLOSE  # the form for one picture
    moved = g.synthesize(w[:1], transform=transform)
    assert far(moved, reference[f"{case}/moved"]) <= CLOSE
    assert far(moved, reference[f"{case}/picture"][:1]) > 400 * CLOSE


@torch.no_grad()
@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(("kind", "share"), [(torch.bfloat16, 0.04), (torch.float16, 0.004)])
def test_half_precision_is_close(
    kind: torch.dtype,
    share: float,
    reference: Mapping[str, torch.Tensor],
    record_property: Callable[[str, object], None],
) -> None:
    g = network("T64")
    w, want = reference["T64/w"][:1], reference["T64/picture"][:1]
    g.compute_dtype = kind
    error = float((g.synthesize(w) - want).abs().mean())
    record_property("mean abs", error)
    assert error <= min(0.02, share * float(want.std()))


def test_the_plan_is_the_official_one(case: str) -> None:
    with np.load(GOLDEN) as arrays:
        official = json.loads(str(arrays["configs"]))[case]
    made, _ = design_config(z_dim=24, w_dim=40, **CASES[case])
    assert made.as_json() == official


def test_filters_are_the_official_ones(case: str, reference: Mapping[str, torch.Tensor]) -> None:
    _, filters = design_config(**CASES[case])
    want = {name.removeprefix(f"{case}/"): t for name, t in reference.items() if name.startswith(f"{case}/synthesis.")}
    assert set(filters) == set(want)
    for name, taps in want.items():
        assert far(torch.from_numpy(filters[name]), taps) <= 2e-8, name
