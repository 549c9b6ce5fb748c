"""Wide pictures: as many times as wide, without a seam where asked, and each latent's own at its end."""

from dataclasses import replace

import pytest
import torch
from bending_tools import latent, small

from models.bending.enlarge import Enlarge, synthesize_wide
from models.generators import Generator, build

KINDS = ["skip", "resnet", "orig"]


@pytest.fixture(scope="module", params=KINDS)
def network(request: pytest.FixtureRequest) -> Generator:
    return small(architecture=request.param)


def test_once_is_the_network_itself(network: Generator) -> None:
    w = latent(network)
    plain = network.synthesize(w)
    assert torch.equal(synthesize_wide(network, w, Enlarge()), plain)
    # The way of a wide picture makes the same numbers, too: latents that are alike, mixed.
    alike = synthesize_wide(network, w.expand(2, -1, -1), Enlarge("b4.conv1"))
    assert torch.allclose(alike, plain, atol=1e-5)


@pytest.mark.parametrize("layer", ["b4.conv1", "b8.conv1", "b16.conv1"])
def test_tiles_have_one_period(network: Generator, layer: str) -> None:
    plan = Enlarge(layer, tile_x=3, tile_y=2, wrap_x=True, wrap_y=True)
    made = synthesize_wide(network, latent(network), plan)
    assert made.shape == (1, 3, 64, 96)
    assert (made - made.roll(32, 3)).abs().max() < 1e-4
    assert (made - made.roll(32, 2)).abs().max() < 1e-4
    assert made.std() > 0.05


def test_a_map_of_one_pixel_goes_round(network: Generator) -> None:
    tiny = Enlarge("b4.conv1", stretch_x=0.25, stretch_y=0.25, wrap_x=True, wrap_y=True)
    made = synthesize_wide(network, latent(network), tiny)
    tiled = synthesize_wide(network, latent(network), replace(tiny, tile_x=4, tile_y=4))
    assert made.shape == (1, 3, 8, 8)
    assert torch.allclose(tiled[..., 8:16, 16:24], made, atol=1e-5)


def test_two_latents_are_themselves_at_their_ends() -> None:
    network = small(img_resolution=64, channel_base=1024)
    both = torch.cat([latent(network, 0), latent(network, 1)])
    plan = Enlarge("b8.conv1", tile_x=2, seam=0.2)
    made, left, right = (synthesize_wide(network, w, plan) for w in (both, both[:1], both[1:]))
    assert (made - left)[..., :24].square().mean().sqrt() <= 0.02
    assert (made - right)[..., -24:].square().mean().sqrt() <= 0.02
    assert (made - left)[..., -24:].square().mean().sqrt() > 0.1


def test_stretched_and_padded_maps_give_other_shapes() -> None:
    network = small()
    made = synthesize_wide(network, latent(network), Enlarge("b8.conv1", stretch_x=1.5, stretch_y=0.5, pad_x=0.5))
    assert made.shape == (1, 3, 16, 72)  # 8 x 1.5 = 12, and 3 on each side; four times as large at the end
    assert made.isfinite().all()
    seen = {}
    synthesize_wide(
        network, latent(network), Enlarge("b8.conv1", tile_x=4), tap=lambda layer, x: seen.setdefault(layer, x) * 1.0
    )
    assert tuple(seen) == network.layers
    assert [seen[layer].shape[3] for layer in ("b8.conv1", "b16.conv0", "b32.torgb")] == [8, 64, 128]


def test_what_cannot_be_drawn_wide_is_said() -> None:
    network = small()
    w = latent(network)
    with pytest.raises(ValueError, match=r"after one of b4\.conv1, b8\.conv1, b16\.conv1, not b32\.conv1"):
        synthesize_wide(network, w, Enlarge("b32.conv1", tile_x=2))
    with pytest.raises(ValueError, match="noise_mode"):
        synthesize_wide(network, w, Enlarge(tile_x=2), noise_mode="random")
    with pytest.raises(ValueError, match="only a StyleGAN2"):
        synthesize_wide(build("cppn", {}), w, Enlarge(tile_x=2))
    for wrong in ({"tile_x": 0}, {"stretch_x": 0.0}, {"pad_y": -1.0}, {"seam": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Enlarge(**wrong)  # type: ignore[arg-type]
