"""What every architecture promises: this walks the folder, so a new file is covered without an edit here."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import models
from models.checkpoints import io
from models.generators import Generator, architectures, build

SMALL: dict[
    str, dict[str, Any]
] = {  # settings that make a test quick; an architecture that is not here runs at its defaults
    "stylegan2": {
        "z_dim": 16,
        "w_dim": 24,
        "img_resolution": 32,
        "channel_base": 256,
        "channel_max": 16,
        "mapping_layers": 2,
    },
    "stylegan3": {
        "z_dim": 16,
        "w_dim": 24,
        "img_resolution": 32,
        "channel_base": 512,
        "channel_max": 16,
    },
    "cppn": {"grid": 32, "img_resolution": 64},
}


@pytest.fixture(params=sorted(architectures()))
def make(request: pytest.FixtureRequest) -> Callable[[], Generator]:
    def made() -> Generator:
        torch.manual_seed(1)
        return build(request.param, SMALL.get(request.param, {}))

    return made


def latents(g: Generator, count: int = 2) -> torch.Tensor:
    return torch.randn([count, g.z_dim], generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_shapes_and_types(make: Callable[[], Generator]) -> None:
    g = make()
    w = g.map(latents(g), truncation_psi=0.7)
    assert w.shape == (2, g.num_ws, g.w_dim)
    image = g.synthesize(w)
    assert image.shape == (2, g.img_channels, g.img_resolution, g.img_resolution)
    assert image.dtype == torch.float32
    assert torch.isfinite(image).all()
    assert g.w_avg.shape == (g.w_dim,)


@torch.no_grad()
def test_the_same_numbers_again(make: Callable[[], Generator]) -> None:
    g, h = make(), make()
    for mode in ("const", "none", "random"):
        pictures = [
            n.synthesize(n.map(latents(n)), noise_mode=mode, rng=torch.Generator().manual_seed(5)) for n in (g, g, h)
        ]
        assert torch.equal(pictures[0], pictures[1])
        assert torch.equal(pictures[0], pictures[2])


@torch.no_grad()
def test_tap_once_after_each_layer_in_order(make: Callable[[], Generator]) -> None:
    g = make()
    w = g.map(latents(g))
    seen: list[str] = []

    def tap(layer: str, x: torch.Tensor) -> torch.Tensor:
        assert x.ndim == 4
        assert len(x) == 2
        seen.append(layer)
        return x

    tapped = g.synthesize(w, tap=tap)
    assert tuple(seen) == g.layers
    assert torch.equal(tapped, g.synthesize(w))


@torch.no_grad()
def test_what_the_tap_gives_is_what_goes_on(make: Callable[[], Generator]) -> None:
    g = make()
    w = g.map(latents(g))
    plain = g.synthesize(w)
    for chosen in g.layers:
        kept: dict[str, torch.Tensor] = {}

        def tap(
            layer: str, x: torch.Tensor, chosen: str = chosen, kept: dict[str, torch.Tensor] = kept
        ) -> torch.Tensor:
            if layer != chosen:
                return x
            kept["given"], kept["copy"] = x, x.clone()
            return x.flip(-1) + 0.25

        assert not torch.equal(g.synthesize(w, tap=tap), plain), chosen
        # The layer's own output belongs to the tap: the network does not write into it afterwards.
        assert torch.equal(kept["given"], kept["copy"]), chosen


@torch.no_grad()
def test_inputs_and_weights_are_untouched(make: Callable[[], Generator]) -> None:
    g = make()
    z = latents(g)
    before = {name: t.clone() for name, t in g.state_dict().items()}
    w = g.map(z)
    w_before = w.clone()
    g.synthesize(w, noise_mode="random", rng=torch.Generator().manual_seed(1))
    assert torch.equal(z, latents(g))
    assert torch.equal(w, w_before)
    assert all(torch.equal(before[name], t) for name, t in g.state_dict().items())


@torch.no_grad()
def test_truncation(make: Callable[[], Generator]) -> None:
    g = make()
    z = latents(g)
    whole = g.map(z, truncation_psi=1.0)
    assert torch.equal(whole, g.map(z, truncation_psi=1))
    assert torch.equal(g.map(z, truncation_psi=0.0), g.w_avg.expand_as(whole))
    assert torch.equal(g.map(z, truncation_psi=torch.tensor(0.4)), g.map(z, truncation_psi=0.4))
    cut = g.map(z, truncation_psi=0.0, truncation_cutoff=1)
    assert torch.equal(cut[:, 1:], whole[:, 1:])
    assert not torch.equal(cut[:, :1], whole[:, :1])


@torch.no_grad()
def test_noise_can_move_as_a_tensor(make: Callable[[], Generator]) -> None:
    g = make()
    w = g.map(latents(g))
    quiet = g.synthesize(w, noise_strength=torch.tensor(0.0))
    assert torch.allclose(quiet, g.synthesize(w, noise_mode="none"), atol=1e-5)
    with pytest.raises(ValueError, match="noise_mode"):
        g.synthesize(w, noise_mode="loud")


@torch.no_grad()
def test_bfloat16_is_close(make: Callable[[], Generator]) -> None:
    g = make()
    w = g.map(latents(g))
    exact = g.synthesize(w)
    g.compute_dtype = torch.bfloat16
    rough = g.synthesize(w)
    assert rough.dtype == torch.float32
    assert float((rough - exact).square().mean().sqrt()) <= 0.05 * float(exact.std())


def test_labels() -> None:
    g = build("stylegan2", {**SMALL["stylegan2"], "c_dim": 3})
    z = latents(g)
    first, second = (g.map(z, torch.eye(3)[[k, k]], truncation_psi=1) for k in (0, 1))
    assert not torch.equal(first, second)
    with pytest.raises(ValueError, match="c is missing"):
        g.map(z)
    with pytest.raises(ValueError, match="c is not wanted"):
        build("stylegan2", SMALL["stylegan2"]).map(z, torch.zeros(2, 3))


def test_unknown_names_are_named() -> None:
    with pytest.raises(ValueError, match=r"no architecture 'stylgan2'; there are .*stylegan2"):
        build("stylgan2", {})
    with pytest.raises(ValueError, match="wings"):
        build("cppn", {"wings": 2})


@torch.no_grad()
def test_everything_shipped_plays() -> None:
    names = models.available()
    assert "cppn" in names
    assert all(names.values())
    for name in names:
        g = models.load(name)
        assert torch.isfinite(g.synthesize(g.map(latents(g, 1)))).all()


def test_a_network_comes_out_of_its_file_without_torchs_compiler(make: Callable[[], Generator], tmp_path: Path) -> None:
    """torch._dynamo takes seconds to import, and where Triton is installed it brings a second LLVM into the show."""
    path = tmp_path / "network.safetensors"
    io.save(path, make(), {})
    code = f"import pathlib, sys, models; models.load({str(path)!r}); print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"
