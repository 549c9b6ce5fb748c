"""The judge of weights before they reach the stage (METHODS M8)."""

from dataclasses import replace
from random import Random

import pytest
import torch
from torch import Tensor

import models
from models.bending.bender import Bender
from models.generators import Generator
from models.guard import Guard, Look, fixed_latents, guard_of, look, pictures_of
from models.studies.m8 import bend, value
from tests.models.playing import playing  # noqa: F401  a fixture for all of the file

HOME = Look(0.3, 0.1, 0.5, finite=True)


@pytest.fixture(scope="module")
def network() -> Generator:
    return models.load("first-light")


@pytest.mark.parametrize(
    ("seen", "alarms"),
    [
        (HOME, ()),
        (replace(HOME, diversity=0.9), ()),  # more diverse than home is what the instrument is for
        (replace(HOME, diversity=0.07), ()),
        (replace(HOME, diversity=0.05), ("collapse",)),
        (replace(HOME, saturated=0.8), ()),
        (replace(HOME, saturated=0.9), ("saturation",)),
        (replace(HOME, sparse=0.85), ()),
        (replace(HOME, sparse=0.95), ("sparse",)),
        (replace(HOME, sparse=1.0, diversity=0.0, saturated=1.0), ("collapse", "saturation", "sparse")),
        (Look(0.0, 0.0, 0.0, finite=False), ("not finite",)),
    ],
)
def test_each_failure_has_its_alarm(seen: Look, alarms: tuple[str, ...]) -> None:
    assert Guard(HOME).judge(seen) == alarms


def test_a_home_that_is_nearly_empty_or_black_does_not_cry_over_itself() -> None:
    home = Look(0.2, 0.95, 0.97, finite=True)
    assert Guard(home).judge(home) == ()


def test_without_a_home_only_what_is_broken_by_any_measure_is_an_alarm() -> None:
    assert Guard().judge(Look(0.02, 1.0, 1.0, finite=True)) == ()
    assert Guard().judge(Look(0.001, 0.0, 0.0, finite=True)) == ("collapse",)
    assert Guard().judge(Look(0.0, 0.0, 0.0, finite=False)) == ("not finite",)


def test_a_network_is_well_beside_itself(network: Generator) -> None:
    assert guard_of(network).check(network) == ()


def test_a_constant_generator_is_flagged_at_the_first_look(network: Generator) -> None:
    guard = guard_of(network)
    w = network.map(fixed_latents(network.z_dim)[:1], truncation_psi=1.0).expand(16, -1, -1)
    with torch.no_grad():
        assert "collapse" in guard.judge(look(network.synthesize(w, noise_mode="const")))


def test_weights_that_are_no_numbers_are_flagged(network: Generator) -> None:
    guard, broken = guard_of(network), models.load("first-light")
    assert isinstance(broken, torch.nn.Module)
    name, tensor = next((n, t) for n, t in broken.state_dict().items() if n.endswith("conv1.weight"))
    tensor[0, 0] = float("nan")
    assert guard.check(broken) == ("not finite",), name


def test_a_network_that_is_broken_as_it_comes_gets_a_guard_without_a_home() -> None:
    broken = models.load("first-light")
    assert isinstance(broken, torch.nn.Module)
    for name, tensor in broken.state_dict().items():
        if name.endswith("affine.weight"):
            tensor.zero_()  # no style reaches a layer: one picture whatever z
    assert guard_of(broken).home is None
    assert Guard().check(broken) == ("collapse",)


def test_slight_bends_raise_no_alarm(network: Generator) -> None:
    """A few of the thousand that `perform study divergence --rows m8` bends."""
    w, rng = network.map(fixed_latents(network.z_dim, 4), truncation_psi=1.0), Random(11)
    with torch.no_grad():
        guard = Guard(look(network.synthesize(w, noise_mode="const")))
    for _ in range(20):
        slot = bend(network, rng)
        assert slot.amount < 0.2
        bender = Bender([slot], network)
        with torch.no_grad():
            bender.frame([value(knob, rng) for knob in bender.knobs])
            made: Tensor = network.synthesize(w, tap=bender.tap, noise_mode="const")
        assert guard.judge(look(made)) == (), slot


def test_the_latents_are_the_same_everywhere_and_each_is_another() -> None:
    z = fixed_latents(64, 5)
    assert torch.equal(z, fixed_latents(64, 5))
    assert len({tuple(row) for row in z.tolist()}) == 5


def test_pictures_of_a_conditional_network_take_every_label_in_turn() -> None:
    from models.generators.style_modulated.config import Config
    from models.generators.stylegan2 import StyleGAN2

    torch.manual_seed(0)
    network = StyleGAN2(Config(z_dim=8, w_dim=8, c_dim=3, img_resolution=16, channel_base=64, channel_max=8))
    assert pictures_of(network, 4).shape == (4, 3, 16, 16)
