"""Local distances: the checks of METHODS M9, on our own extractor."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from models.judging.distances import features, frechet, frechet_of, kid
from models.studies.scenes import scenes
from tests.models.playing import playing  # noqa: F401  a fixture for all of the file

DISCS = scenes("circle", 100, 32, seed=0)
MORE = scenes("circle", 100, 32, seed=1)


def test_a_set_is_at_no_distance_from_itself() -> None:
    found = features(DISCS)
    assert abs(frechet(found, found)) < 1e-6


def test_two_known_gaussians_are_as_far_apart_as_the_closed_form_says() -> None:
    rng = torch.Generator().manual_seed(5)
    size, count = 6, 100_000
    mean, scale = torch.arange(size) * 0.5, torch.linspace(0.5, 2, size)
    a = torch.randn([count, size], generator=rng)
    b = torch.randn([count, size], generator=rng) * scale + mean
    wanted = float(mean.square().sum() + (1 - scale).square().sum())  # covariances that commute
    assert frechet(a, b) == pytest.approx(wanted, rel=0.01)


def test_covariances_that_do_not_commute() -> None:
    """Against the trace of a matrix square root that is taken another way."""
    rng = torch.Generator().manual_seed(6)
    a, b = (torch.randn([5, 5], generator=rng, dtype=torch.float64) for _ in range(2))
    a, b, zero = a @ a.T, b @ b.T, torch.zeros(5, dtype=torch.float64)
    cross = torch.linalg.eigvals(a @ b).sqrt().sum().real  # the same eigenvalues as (a^1/2 b a^1/2)
    assert frechet_of(zero, a, zero, b) == pytest.approx(float(a.trace() + b.trace() - 2 * cross), rel=1e-9)


@pytest.mark.parametrize("what", ["blur", "noise"])
def test_distances_rise_with_every_level_of_blur_and_of_noise(what: str) -> None:
    real, rng = features(DISCS), torch.Generator().manual_seed(7)
    chance = torch.randn(DISCS.shape, generator=rng)
    fids, kids = [frechet(real, real)], [kid(real, real)]
    for level in range(1, 6):
        worse = DISCS + 0.05 * level * chance if what == "noise" else F.avg_pool2d(DISCS, 2 * level + 1, 1, level)
        fids.append(frechet(real, features(worse)))
        kids.append(kid(real, features(worse)))
    assert fids == sorted(fids)
    assert kids == sorted(kids)
    assert kid(real, features(MORE)) < kids[-1]


def test_large_pictures_are_seen_as_they_are_averaged_down() -> None:
    large = F.interpolate(DISCS[:4], scale_factor=8, mode="nearest")  # 256: seen at 128
    assert torch.allclose(features(large), features(F.avg_pool2d(large, 2)), atol=1e-5)
