"""Readings of pictures: what each says, and that it says it of everything that may come."""

import math

import pytest
import torch

from models.guard import look
from models.studies.scenes import scenes
from tests.models.playing import playing  # noqa: F401  a fixture for all of the file

DISCS = scenes("circle", 16, 32, seed=3)


def test_one_picture_over_and_over_has_no_diversity() -> None:
    seen = look(DISCS[:1].expand(16, -1, -1, -1))
    assert seen.diversity == pytest.approx(0, abs=1e-6)
    assert look(DISCS).diversity > 0.1


def test_diversity_counts_pairs_not_pixels_of_noise() -> None:
    """Half of the pictures the same: about half of the pairs are."""
    half = torch.cat([DISCS[:1].expand(8, -1, -1, -1), DISCS[8:]])
    assert 0.5 < look(half).diversity / look(DISCS).diversity < 0.95


def test_diversity_hardly_depends_on_the_size_of_the_pictures() -> None:
    large = torch.nn.functional.interpolate(DISCS, scale_factor=4, mode="nearest")
    assert look(large).diversity == pytest.approx(look(DISCS).diversity, rel=0.01)


def test_saturation_is_the_share_at_black_or_full() -> None:
    pictures = torch.zeros(2, 3, 8, 8)
    pictures[:, 0] = 1.3  # beyond full is full
    pictures[:, 1, :4] = -1
    assert look(pictures).saturated == pytest.approx(0.5)


def test_sparse_is_the_share_that_is_ground() -> None:
    pictures = torch.full([2, 3, 32, 32], -0.5)
    assert look(pictures).sparse == 1
    pictures[:, 1, :8] = 0.5
    assert look(pictures).sparse == pytest.approx(0.75)


def test_change_is_the_mean_difference_from_before() -> None:
    assert math.isnan(look(DISCS).change)
    assert look(DISCS, DISCS).change == 0
    assert look(DISCS.clamp(-0.9, 0.9), DISCS.clamp(-0.9, 0.9) - 0.1).change == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_seen_and_nothing_else_is_said(wrong: float) -> None:
    pictures = DISCS.clone()
    pictures[3, 1, 5, 5] = wrong
    seen = look(pictures)
    assert not seen.finite
    assert seen.diversity == seen.saturated == seen.sparse == 0


def test_grey_pictures_and_odd_sizes_can_be_looked_at() -> None:
    assert look(torch.rand(3, 1, 50, 77) * 2 - 1).finite


def test_one_picture_has_no_diversity_to_be_read() -> None:
    with pytest.raises(ValueError, match="two or more"):
        look(DISCS[:1])


def test_the_pictures_are_left_as_they_are_and_readings_are_the_same_twice() -> None:
    before = DISCS.clone()
    assert look(DISCS) == look(DISCS) or math.isnan(look(DISCS).change)
    assert torch.equal(before, DISCS)
    assert look(DISCS).diversity == look(DISCS).diversity
