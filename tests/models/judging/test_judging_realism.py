"""Real against made, rank correlation, and the classifier that knows no network."""

import math

import pytest
import torch
from torch import nn

from models.judging.classifier import accuracy, chances, entropy, train_classifier
from models.judging.rank import spearman
from models.judging.realism import auc, last_features
from models.studies.scenes import scenes
from models.training.discriminator import Discriminator


def test_equal_sets_are_not_told_apart_and_different_ones_are() -> None:
    rng = torch.Generator().manual_seed(1)
    a, b = (torch.randn([2000, 12], generator=rng) for _ in range(2))
    assert auc(a, b) == pytest.approx(0.5, abs=0.03)
    assert auc(a, b + 0.5 * torch.eye(12)[0]) == pytest.approx(0.638, abs=0.03)  # Phi(0.5 / sqrt 2)
    assert auc(a, b + 5) > 0.999


def test_a_classifier_that_only_learnt_by_heart_is_at_chance() -> None:
    """More features than pictures: only what holds for the other half counts."""
    rng = torch.Generator().manual_seed(2)
    a, b = (torch.randn([60, 200], generator=rng) for _ in range(2))
    assert 0.3 < auc(a, b) < 0.7


def test_a_critics_features_do_not_depend_on_who_else_is_in_the_batch() -> None:
    torch.manual_seed(3)
    critic = Discriminator(32, 256, 16)
    eye, pictures = last_features(critic), scenes("star", 24, 32, 0)
    assert torch.allclose(eye(pictures)[:3], eye(pictures[:3]), atol=1e-5)
    assert critic.groups == 4
    assert critic.training
    assert eye(pictures).shape == (24, 16)


def test_a_network_without_a_linear_layer_has_no_last_features() -> None:
    with pytest.raises(ValueError, match="linear layer"):
        last_features(nn.Sequential(nn.Conv2d(3, 4, 3)))


def test_ranks_follow_or_they_do_not() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 1000]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3, 4, 5], [2, 2, 3, 1, 5]) == pytest.approx(3.5 / math.sqrt(95))  # ranks 2.5 2.5 4 1 5
    assert math.isnan(spearman([1, 2, 3], [7, 7, 7]))
    with pytest.raises(ValueError, match="three pairs"):
        spearman([1, 2], [1, 2])


def test_the_classifier_knows_discs_from_stars_and_is_unsure_between() -> None:
    count = 300
    seen = torch.cat([scenes("circle", count, 32, 1), scenes("star", count, 32, 2)])
    network = train_classifier(seen, torch.arange(2 * count) // count, seed=0, steps=250)
    discs, stars = scenes("circle", 100, 32, 3), scenes("star", 100, 32, 3)
    assert accuracy(network, torch.cat([discs, stars]), torch.arange(200) // 100) > 0.9
    between = chances(network, 0.5 * discs + 0.5 * stars)[:, 1]
    assert 0.2 < float(between.median()) < 0.8
    assert entropy(network, 0.5 * discs + 0.5 * stars) > entropy(network, stars)


def test_teaching_a_classifier_leaves_the_worlds_chance_alone() -> None:
    torch.manual_seed(4)
    wanted = torch.rand(1)
    torch.manual_seed(4)
    train_classifier(scenes("circle", 8, 32, 0), torch.arange(8) % 2, steps=1)
    assert torch.equal(torch.rand(1), wanted)
