"""Row W4: temperature makes a mixture of classes more or less decided."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.latents import Array
from models.steering.temperature import draw, soften, temper, temperature_knob


def entropy(p: Array) -> float:
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def test_entropy_rises_with_temperature() -> None:
    logits = np.random.RandomState(0).randn(200, 12)
    mean = [np.mean([entropy(p) for p in soften(logits, t)]) for t in (0.25, 0.5, 1.0, 2.0, 4.0)]
    assert all(a < b for a, b in itertools.pairwise(mean))


def test_at_one_it_is_the_mixture_itself_and_at_the_coldest_the_strongest_class() -> None:
    mixture = np.array([0.3, 0.0, 0.7, 0.0])
    assert temper(mixture, 1.0) is mixture
    assert np.allclose(temper(mixture, 0.01), [0, 0, 1, 0])
    warm = temper(mixture, 4.0)
    assert warm[1] == warm[3] == 0
    assert 0.3 < warm[0] < warm[2]
    assert temper(mixture, 0.5) == pytest.approx(mixture**2 / (mixture**2).sum())
    for t in (0.01, 4.0):
        assert np.isfinite(temper(np.array([1.0, 0.0]), t)).all()


def test_draws_follow_the_probabilities_and_cold_ones_the_argmax() -> None:
    rng = np.random.RandomState(0)
    logits = np.log(np.array([0.2, 0.5, 0.3]))
    drawn = np.bincount([draw(logits, 1.0, rng) for _ in range(4000)], minlength=3) / 4000
    assert np.allclose(drawn, [0.2, 0.5, 0.3], atol=0.03)
    logits = rng.randn(2000, 10)
    cold = np.mean([draw(row, 0.001, rng) == row.argmax() for row in logits])
    assert cold >= 0.99


def test_its_knob_is_neutral_by_default() -> None:
    assert temperature_knob().default == 1.0
