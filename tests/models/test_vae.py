"""The autoencoder beyond what every architecture promises: its two halves, its settings, its files."""

from pathlib import Path

import pytest
import torch

from models.checkpoints import Refused, io
from models.generators import build
from models.generators.vae import VAE, Config

SMALL = {"z_dim": 6, "widths": [30, 20, 10], "grid": 8, "img_resolution": 8}


def small(**changes: object) -> VAE:
    torch.manual_seed(0)
    network = build("vae", {**SMALL, **changes})
    assert isinstance(network, VAE)
    return network.requires_grad_(False)


def test_by_itself_it_has_the_sizes_of_the_paper() -> None:
    network = VAE(Config())
    assert [layer.out_features for layer in network.encoder] == [1000, 500, 250]
    assert [layer.out_features for layer in network.decoder] == [250, 500, 1000, 784]
    assert network.z_dim == 50
    assert network.settings.dropout == 0.1
    assert network.layers == ("hidden1", "hidden2", "hidden3", "image")


def test_a_picture_goes_in_and_comes_out() -> None:
    network = small()
    pixels = torch.rand(5, 64)
    mean, log_variance = network.encode(pixels)
    assert mean.shape == log_variance.shape == (5, 6)
    out = torch.sigmoid(network.decode(mean))
    assert out.shape == pixels.shape
    shown = network.synthesize(network.map(mean, truncation_psi=1))
    assert torch.allclose(shown.flatten(1), out * 2 - 1, atol=1e-6)


def test_neurons_are_maps_of_one_point_and_rectified() -> None:
    seen: dict[str, torch.Tensor] = {}
    small().decode(torch.randn(3, 6), seen.setdefault)
    assert {layer: tuple(x.shape) for layer, x in seen.items()} == {
        "hidden1": (3, 10, 1, 1), "hidden2": (3, 20, 1, 1), "hidden3": (3, 30, 1, 1), "image": (3, 1, 8, 8),
    }  # fmt: skip
    assert all((seen[f"hidden{k}"] >= 0).all() and (seen[f"hidden{k}"] == 0).any() for k in (1, 2, 3))


def test_dropout_is_for_training_alone() -> None:
    network, z = small(), torch.randn(4, 6)
    assert torch.equal(network.decode(z), network.decode(z))
    network.train()
    assert not torch.equal(network.decode(z), network.decode(z))


def test_the_picture_may_be_shown_larger() -> None:
    large = small(img_resolution=32).synthesize(torch.zeros(1, 1, 6))
    assert large.shape == (1, 1, 32, 32)
    assert large.abs().max() <= 1


def test_the_decoder_alone_plays_and_says_that_it_cannot_encode(tmp_path: Path) -> None:
    whole = small()
    path = tmp_path / "half.safetensors"
    parts = {name: t for name, t in whole.state_dict().items() if name.startswith("decoder")}
    half = build("vae", {**SMALL, "encoder": False}, parts)
    io.save(path, half, {"description": "half"})
    network = io.load(path)
    assert isinstance(network, VAE)
    w = torch.randn(2, 1, 6)
    assert torch.equal(network.synthesize(w), whole.synthesize(w))
    with pytest.raises(ValueError, match="without its encoder"):
        network.encode(torch.rand(1, 64))


@pytest.mark.parametrize("change", [{"z_dim": 0}, {"widths": []}, {"widths": [3, 0]}, {"dropout": 1.0}, {"grid": -1}])
def test_settings_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|share below 1"):
        small(**change)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    network = small()
    tensors = {**network.state_dict(), "wing": torch.zeros(1)}
    tensors["decoder.0.bias"] = torch.zeros(3)
    with pytest.raises(ValueError, match=r"unknown wing; decoder\.0\.bias is \[3\], not \[10\]"):
        build("vae", SMALL, tensors)
    path = tmp_path / "x.safetensors"
    io.save(path, network, {})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(Refused, match="cut short"):
        io.load(path)
