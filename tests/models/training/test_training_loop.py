"""Training in the small: it steps, it can be killed and goes on with the same numbers, it grows without a jump."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models import training
from models.training import data, loop
from models.training.augment import POLICIES, augment
from models.training.discriminator import Discriminator, grow
from models.training.losses import anchor_loss, r1_penalty
from models.training.recipe import Recipe, Stage
from models.training.state import NETWORKS, State, begin, resume, save


def blobs(rng: np.random.Generator, size: int) -> Tensor:
    return data.gradient_map(data.glow_mask(rng, size, 0.3, 0.0), torch.tensor([[0.0, 0, 0], [1, 0.5, 0], [1, 1, 1]]))


TINY = Recipe(
    name="tiny",
    seed=4,
    scenes=lambda: blobs,
    generator={"z_dim": 8, "w_dim": 8, "channel_base": 128, "channel_max": 8, "mapping_layers": 2},
    discriminator={"channel_base": 128, "channel_max": 8},
    stages=(Stage(8, 0.016, 4, 8), Stage(16, 0.016, 4, 8, augment=("translation", "cutout", "colour"))),
    r1_every=2,
    anchors=4,
)


def numbers(state: State) -> dict[str, Tensor]:
    parts = {f"{n}.{k}": t for n in NETWORKS for k, t in getattr(state, n).state_dict().items()}
    return {name: t.clone() for name, t in parts.items()}


def test_two_steps_change_the_network_and_stay_finite() -> None:
    state = begin(TINY)
    pictures = data.bank(blobs, 8, 8, TINY.seed)
    before = numbers(state)
    for _ in range(2):
        losses = loop.step(state, pictures, TINY)
        assert all(np.isfinite(v) for v in losses.values())
    assert state.steps == 2
    assert state.seen == 8
    after = numbers(state)
    for name in ("generator.synthesis.b8.conv1.weight", "discriminator.out.weight", "average.mapping.fc0.weight"):
        assert not torch.equal(before[name], after[name])


def test_a_killed_run_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    pictures = data.bank(blobs, 8, 8, TINY.seed)
    whole = begin(TINY)
    for _ in range(4):
        loop.step(whole, pictures, TINY)
    broken = begin(TINY)
    for _ in range(2):
        loop.step(broken, pictures, TINY)
    save(broken, tmp_path / "checkpoint.pt")
    again = resume(TINY, tmp_path / "checkpoint.pt")
    for _ in range(2):
        loop.step(again, pictures, TINY)
    want, have = numbers(whole), numbers(again)
    assert all(torch.equal(want[name], have[name]) for name in want)
    assert (again.steps, again.seen, again.total) == (4, 16, 16)


def test_a_whole_run_through_both_sizes(tmp_path: Path) -> None:
    network = loop.run(TINY, tmp_path, sheet_every=2, save_every=3, progress=False)
    assert network.img_resolution == 16
    assert {p.name for p in tmp_path.iterdir()} >= {"checkpoint.pt", "stage-8.pt", "stage-16.pt", "real-16.png"}
    assert list(tmp_path.glob("sheet-16-*.png"))
    # All done already: running again changes nothing.
    again = loop.run(TINY, tmp_path, progress=False)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_growing_starts_as_the_small_networks() -> None:
    small = begin(TINY)
    large = begin(TINY, 1, small)
    w = small.average.map(torch.randn(2, 8))
    with torch.no_grad():
        grown = large.average.synthesize(torch.cat([w, w[:, :2]], 1), noise_mode="none")
        assert torch.allclose(
            F.avg_pool2d(grown, 2).mean(), small.average.synthesize(w, noise_mode="none").mean(), atol=0.1
        )
        assert large.average.state_dict()["synthesis.b16.torgb.weight"].abs().max() == 0
        picture = torch.randn(4, 3, 16, 16)
        judge = small.discriminator
        bigger = grow(judge.state_dict(), 16, **TINY.discriminator)
        assert torch.allclose(bigger(picture), judge(F.avg_pool2d(picture, 2)), atol=1e-5)


def test_numbers_that_run_away_end_the_run() -> None:
    state = begin(dataclasses.replace(TINY, anchors=0))
    with torch.no_grad():
        state.discriminator.out.bias.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 1"):
        loop.step(state, data.bank(blobs, 8, 8, 1), TINY)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_augmentation_is_differentiable_and_pure(name: str) -> None:
    x = (torch.rand(3, 3, 16, 16) * 2 - 1).requires_grad_()
    before = x.detach().clone()
    y = augment(x, (name,), torch.Generator().manual_seed(1))
    assert y.shape == x.shape
    assert not torch.equal(y, x)
    assert torch.equal(y, augment(x, (name,), torch.Generator().manual_seed(1)))
    (slope,) = torch.autograd.grad(y.square().sum(), x)
    assert torch.isfinite(slope).all()
    assert slope.abs().sum() > 0
    assert torch.equal(x.detach(), before)


def test_r1_of_a_plane_is_its_slope() -> None:
    slope = torch.randn(3, 4, 4)
    penalty = r1_penalty(lambda x: (x * slope).sum((1, 2, 3), keepdim=True), torch.randn(5, 3, 4, 4))
    assert torch.allclose(penalty, slope.square().sum())


def test_anchor_loss_is_zero_only_there() -> None:
    x = torch.rand(2, 3, 8, 8)
    assert anchor_loss(x, x) == 0
    assert anchor_loss(x, x.roll(1, -1)) > 0


def test_a_scene_is_the_same_at_every_size() -> None:
    large, small = (data.bank(blobs, 2, size, 9).float() for size in (32, 16))
    assert float((F.avg_pool2d(large, 2) - small).abs().max()) < 12
    assert torch.equal(data.bank(blobs, 2, 16, 9).float(), small)


def test_the_discriminator_takes_any_batch() -> None:
    judge = Discriminator(8, channel_base=64, channel_max=8)
    assert all(judge(torch.randn(n, 3, 8, 8)).shape == (n, 1) for n in (1, 3, 4, 8))


def test_recipes_by_name() -> None:
    recipe = training.load_recipe("first-light")
    assert recipe.stages[-1].resolution == 256
    with pytest.raises(KeyError, match=r"no recipe 'fist-light'; there are .*first-light"):
        training.load_recipe("fist-light")


def test_first_light_makes_pictures_from_the_wheel() -> None:
    pytest.importorskip("skimage")
    pictures = data.bank(training.load_recipe("first-light").scenes(), 8, 32, 1).float()
    assert pictures.std() > 20
    assert pictures.mean() < 110  # a dark stage
