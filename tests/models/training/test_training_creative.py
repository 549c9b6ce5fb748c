"""The losses of creative and dataless networks, their discriminator, and the drawn styles."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from models.training.creative import colour_loss, colour_variance, fooled_loss, style_floor, style_loss
from models.training.dcgan_discriminator import DCGANDiscriminator, closeness
from models.training.folder import pictures_of
from models.training.inspirations import styles


@pytest.mark.parametrize("count", [2, 8, 27])
def test_the_style_loss_is_least_where_no_style_is_likelier(count: int) -> None:
    even = torch.full([3, count], 1.7, dtype=torch.float64, requires_grad=True)
    loss = style_loss(even)
    (slope,) = torch.autograd.grad(loss, even)
    assert float(slope.norm()) < 1e-6
    assert float(loss.detach()) == pytest.approx(style_floor(count), abs=1e-9)
    rng = torch.Generator().manual_seed(0)
    for size in (1e-3, 0.1, 1.0, 10.0):
        away = even.detach() + size * torch.randn(even.shape, generator=rng, dtype=torch.float64)
        assert float(style_loss(away)) > style_floor(count)


def test_the_style_loss_is_equation_3_with_both_terms_inside_the_sum() -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    total = 0.0
    for chances in logits.softmax(1).tolist():
        total -= sum(np.log(p) / 4 + (1 - 1 / 4) * np.log(1 - p) for p in chances)
    assert float(style_loss(logits)) == pytest.approx(total / 5, rel=1e-9)


def test_a_sure_critic_of_styles_leaves_the_loss_finite_and_steep() -> None:
    sure = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    loss = style_loss(sure)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert sure.grad is not None
    assert float(sure.grad[0, 0]) > 0.5


def test_the_generator_lowers_the_chance_to_be_found_out() -> None:
    logits = torch.tensor([[-2.0], [3.0]])
    assert float(fooled_loss(logits)) == pytest.approx(float(torch.log(1 - torch.sigmoid(logits)).mean()), rel=1e-5)


def test_colours_vary_over_areas_pictures_and_all_three_channels() -> None:
    rng = torch.Generator().manual_seed(0)
    areas = torch.rand([16, 3, 4, 4], generator=rng) * 2 - 1
    large = areas.repeat_interleave(8, 2).repeat_interleave(8, 3)
    grain = torch.rand([16, 3, 32, 32], generator=rng) * 2 - 1
    one = large[:1].expand(16, -1, -1, -1)
    grey = large.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    for poor in (grain, one, grey):
        assert float(colour_variance(poor)) < 0.2 * float(colour_variance(large))
    assert float(colour_variance(0.5 * large)) == pytest.approx(0.25 * float(colour_variance(large)), rel=0.01)


def test_the_other_ones_colours_only_stand_there_to_be_outdone() -> None:
    own, other = (torch.randn(4, 3, 8, 8).requires_grad_() for _ in range(2))
    loss = colour_loss(own, other)
    loss.backward()  # type: ignore[no-untyped-call]
    assert other.grad is None
    with torch.no_grad():
        assert colour_loss(own, 0.1 * other) < loss
        assert colour_loss(1.5 * own, other) < loss


def test_the_discriminator_is_that_of_the_papers() -> None:
    network = DCGANDiscriminator(64, classes=8)
    convs = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    assert len(convs) == 5
    pictures = torch.randn(3, 3, 64, 64)
    assert network(pictures).shape == (3, 1)
    assert network.style_of(network.features(pictures)).shape == (3, 8)
    plain = DCGANDiscriminator(16, 4)
    with pytest.raises(ValueError, match="made without classes"):
        plain.style_of(plain.features(torch.randn(2, 3, 16, 16)))


def test_minibatch_discrimination_sees_that_pictures_are_alike() -> None:
    projections = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(0))
    features = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    near = closeness(features, projections)
    rows = torch.einsum("na,abc->nbc", features, projections)
    by_hand = sum(torch.exp(-(rows[2] - rows[k]).abs().sum(1)) for k in (0, 1, 3, 4)) / 4
    assert isinstance(by_hand, Tensor)
    assert torch.allclose(near[2], by_hand, atol=1e-6)
    assert torch.allclose(closeness(features[:1].expand(5, -1), projections), torch.ones(5, 3), atol=1e-5)
    assert torch.equal(closeness(features[:1], projections), torch.zeros(1, 3))
    network = DCGANDiscriminator(16, 4, minibatch=3)
    pictures = torch.randn(4, 3, 16, 16)
    network.eval()
    together, apart = network(pictures), torch.cat([network(one[None]) for one in pictures])
    assert not torch.allclose(together, apart), "a batch is judged together"


def test_styles_are_eight_with_names_and_come_again(tmp_path: Path) -> None:
    assert len(set(styles.NAMES)) == 8
    assert list(styles.NAMES) == sorted(styles.NAMES)
    pictures, labels = styles.bank(3, 16, seed=1)
    assert pictures.shape == (24, 3, 16, 16)
    assert labels.tolist() == [k for k in range(8) for _ in range(3)]
    again, _ = styles.bank(2, 16, seed=1)
    assert torch.equal(again[2:4], pictures[3:5]), "a picture is the same however many there are"
    assert not torch.equal(styles.bank(3, 16, seed=2)[0], pictures)
    flat = pictures.flatten(1).float()
    assert float(torch.cdist(flat, flat).add(1e6 * torch.eye(24)).min()) > 100, "no two are alike"
    folder = styles.folder(2, 16, 1, tmp_path / "styles")
    bank = pictures_of(folder, 16, tmp_path, labels=True)
    assert bank.classes == styles.NAMES
    assert bank.labels is not None
    assert bank.labels.tolist() == [k for k in range(8) for _ in range(2)]
    with Image.open(folder / "rings" / "1-00001.png") as file:
        assert torch.equal(torch.from_numpy(np.array(file)).permute(2, 0, 1), pictures[5 * 3 + 1])


def test_a_picture_has_one_composition_at_every_size() -> None:
    for style in range(8):
        small, large = (styles.paint(style, np.random.default_rng(4), size) for size in (32, 64))
        halved = torch.nn.functional.avg_pool2d(large, 2)
        assert float((halved - small).abs().mean()) < 0.06, styles.NAMES[style]
