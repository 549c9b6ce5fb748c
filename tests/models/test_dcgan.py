"""The DCGAN beyond what every architecture promises: its sizes, its ending, its files."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from models.bending.bender import Bender
from models.bending.slots import Slot
from models.blending.blend import Blend
from models.blending.relatives import read
from models.checkpoints import Refused, io
from models.generators import build
from models.generators.dcgan import DCGAN, REACH, Config, mapped, start
from models.resident import Resident

SMALL = {"z_dim": 6, "grid": 16, "channels": 4}


def small(seed: int = 0, **changes: object) -> DCGAN:
    torch.manual_seed(seed)
    network = build("dcgan", {**SMALL, **changes})
    assert isinstance(network, DCGAN)
    return network.requires_grad_(False)


def test_by_itself_it_is_that_of_the_papers() -> None:
    network = DCGAN(Config())
    assert len(network.convs) == 5
    assert all(isinstance(conv, nn.ConvTranspose2d) for conv in network.convs)
    assert [tuple(conv.weight.shape[:2]) for conv in network.convs] == [
        (100, 512), (512, 256), (256, 128), (128, 64), (64, 3),
    ]  # fmt: skip
    assert network.img_resolution == 64
    assert network.layers == ("b4", "b8", "b16", "b32", "image")
    assert DCGAN(Config(grid=32)).layers == ("b4", "b8", "b16", "image")


def test_pixels_lie_where_the_sigmoid_of_minus_four_to_four_ends() -> None:
    most = (1 + REACH) / 2
    assert most == pytest.approx(0.98201, abs=1e-5)
    assert most * 255 == pytest.approx(250.4, abs=0.02)
    picture = small().synthesize(1000 * torch.randn(8, 1, 6))
    assert picture.amin((1, 2, 3)).add(REACH).abs().max() < 1e-6
    assert picture.amax((1, 2, 3)).sub(REACH).abs().max() < 1e-6
    assert math.isclose(1 / (1 + math.exp(4)), 0.01799, abs_tol=1e-5)


def test_the_map_is_linear_in_each_picture_and_a_plain_one_is_grey() -> None:
    x = torch.randn(2, 3, 8, 8)
    x[1] = 0.7
    y = mapped(x)
    slope, shift = (8 / (x[0].max() - x[0].min())), -4 - 8 * x[0].min() / (x[0].max() - x[0].min())
    assert torch.allclose(y[0], slope * x[0] + shift, atol=1e-5)
    assert torch.equal(y[1], torch.zeros_like(y[1]))
    assert torch.allclose(mapped(5 * x[:1] - 3), y[:1], atol=1e-5)


def test_a_picture_does_not_depend_on_its_neighbours() -> None:
    network, w = small(), torch.randn(3, 1, 6)
    assert torch.allclose(network.synthesize(w)[1:2], network.synthesize(w[1:2]), atol=1e-6)


def test_a_bend_before_the_ending_stays_a_picture() -> None:
    network = small()
    loud = network.synthesize(torch.randn(1, 1, 6), tap=lambda layer, x: 100 * x if layer == "image" else x)
    assert loud.abs().max() <= 1
    assert loud.abs().max() > REACH


@torch.no_grad()
def test_every_layer_can_be_bent() -> None:
    network = small()
    w = torch.randn(1, 1, 6)
    plain = network.synthesize(w)
    for layer in network.layers:
        bender = Bender((Slot(layer, "rotate"),), network)
        assert bender.muted == ()
        bender.frame([90.0 if knob.name.endswith("angle") else knob.default for knob in bender.knobs])
        bent = network.synthesize(w, tap=bender.tap)
        assert float((bent - plain).abs().mean()) > 0.01, layer
        assert bent.abs().max() <= 1


def test_it_may_be_shown_larger_and_end_as_radfords() -> None:
    assert small(img_resolution=50).synthesize(torch.randn(1, 1, 6)).shape == (1, 3, 50, 50)
    plain = small(output="tanh")
    seen: dict[str, torch.Tensor] = {}
    picture = plain.synthesize(torch.randn(1, 1, 6), tap=seen.setdefault)
    assert torch.equal(picture, seen["image"].tanh())


def test_a_smooth_start_has_no_grain() -> None:
    rough, smooth = small(output="tanh"), small(output="tanh")
    start(smooth, torch.Generator().manual_seed(1), smooth=True)
    w = torch.randn(8, 1, 6)

    def grain(network: DCGAN) -> float:
        x = network.train().paint(w[:, 0])
        steps = (x[..., 1:] - x[..., :-1]).square().mean() + (x[..., 1:, :] - x[..., :-1, :]).square().mean()
        return float(steps / x.var())

    assert grain(smooth) < 0.3 * grain(rough)


def test_a_start_is_drawn_from_what_it_is_given_alone() -> None:
    one, two = small(1), small(2)
    for network in (one, two):
        start(network, torch.Generator().manual_seed(5))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_files_and_kin(tmp_path: Path) -> None:
    networks = [small(seed) for seed in (1, 2)]
    for k, network in enumerate(networks):
        with torch.no_grad():
            network.train().paint(torch.randn(16, 6))  # batch statistics of its own
        io.save(tmp_path / f"{k}.safetensors", network.eval(), {"description": f"{k}"})
    loaded = [io.load(tmp_path / f"{k}.safetensors") for k in range(2)]
    w = torch.randn(1, 1, 6)
    assert torch.equal(loaded[0].synthesize(w), networks[0].synthesize(w))
    assert all(t.is_floating_point() for t in loaded[0].state_dict().values()), "every tensor can be blended"
    live = loaded[0]
    resident = Resident(live)
    blend = Blend(resident, live, [read(tmp_path / "1.safetensors")])
    halfway = {name: (a + networks[1].state_dict()[name]) / 2 for name, a in networks[0].state_dict().items()}
    blend.frame({"alpha": 0.5})
    resident.update([blend])
    assert all(torch.allclose(t, halfway[name], atol=1e-5) for name, t in live.state_dict().items())


@pytest.mark.parametrize("change", [{"grid": 24}, {"grid": 4}, {"z_dim": 0}, {"channels": 0}, {"output": "loud"}])
def test_settings_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"power of two|at least 1|one of mapped, tanh"):
        small(**change)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    io.save(path, small(), {})
    text = path.read_bytes().replace(b'\\"channels\\": 4', b'\\"channels\\": 8')
    assert text != path.read_bytes()
    path.write_bytes(text)
    with pytest.raises(Refused, match=r"convs\.0\.weight is \[6, 8, 4, 4\], not \[6, 16, 4, 4\]"):
        io.load(path)
