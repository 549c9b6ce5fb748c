"""Our StyleGAN2 makes the same numbers as the official code did (tests/golden, random weights)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import containers
from models.generators.stylegan2 import StyleGAN2, build

GOLDEN = Path(__file__).parent.parent / "golden"
CONFIG = {"z_dim": 64, "w_dim": 64, "img_resolution": 64, "channel_base": 2048, "channel_max": 64, "mapping_layers": 2}
CLOSE = 2e-5


@pytest.fixture(scope="module")
def network() -> StyleGAN2:
    made = containers.read(memoryview((GOLDEN / "sg2ada-64.nosrc.pkl").read_bytes()))
    return build(made.config, {name: torch.from_numpy(array) for name, array in made.tensors.items()})


@pytest.fixture(scope="module")
def reference() -> Mapping[str, torch.Tensor]:
    with np.load(GOLDEN / "sg2ada-64.ref.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


def test_mapping_and_truncation(network: StyleGAN2, reference: Mapping[str, torch.Tensor]) -> None:
    z = reference["z"]
    assert far(network.map(z, truncation_psi=1), reference["w_psi1"]) <= CLOSE
    assert far(network.map(z, truncation_psi=0.7), reference["w_psi07"]) <= CLOSE
    moving = network.map(z, truncation_psi=torch.tensor(0.5), truncation_cutoff=3)
    assert far(moving, reference["w_psi05_cut3"]) <= CLOSE


@pytest.mark.parametrize("one_by_one", [True, False], ids=["batch 1 (folded)", "batch 4 (scaled)"])
def test_pictures(network: StyleGAN2, reference: Mapping[str, torch.Tensor], one_by_one: bool) -> None:
    z = reference["z"]
    cases = [
        ("img_psi07_const", network.map(z, truncation_psi=0.7), "const"),
        ("img_psi1_none", network.map(z, truncation_psi=1.0), "none"),
        ("img_mix_const", reference["ws_mix"], "const"),
    ]
    for name, w, noise in cases:
        with torch.no_grad():
            batches = w.split(1) if one_by_one else [w]
            made = torch.cat([network.synthesize(part, noise_mode=noise) for part in batches])
        assert far(made, reference[name]) <= CLOSE, name


def test_every_layer(network: StyleGAN2, reference: Mapping[str, torch.Tensor]) -> None:
    with np.load(GOLDEN / "sg2ada-64.acts.npz") as arrays:
        want = {name: torch.from_numpy(arrays[name]) for name in arrays}
    distance: dict[str, float] = {}

    def tap(layer: str, x: torch.Tensor) -> torch.Tensor:
        distance[layer] = far(x, want[f"act/{layer}"])
        return x

    with torch.no_grad():
        network.synthesize(network.map(reference["z"][:1], truncation_psi=0.7), tap=tap)
    assert [f"act/{layer}" for layer in distance] == list(want)
    assert max(distance.values()) <= CLOSE, distance


def test_the_trained_form_is_the_played_form(network: StyleGAN2, reference: Mapping[str, torch.Tensor]) -> None:
    w = reference["ws_mix"][:1]
    with torch.enable_grad():
        trained = network.synthesize(w)
    with torch.inference_mode():
        played = network.synthesize(w)
    assert far(trained, played) <= CLOSE


def test_weights_that_do_not_fit_are_named(network: StyleGAN2) -> None:
    state = dict(network.state_dict())
    del state["mapping.fc1.bias"]
    state["synthesis.b4.torgb.bias"] = torch.zeros(4)
    with pytest.raises(ValueError, match=r"missing mapping\.fc1\.bias.*synthesis\.b4\.torgb\.bias is \[4\], not \[3\]"):
        build(CONFIG, state)
    with pytest.raises(ValueError, match="power of two"):
        build({**CONFIG, "img_resolution": 96})
