"""What is played becomes shares that sum to 1."""

import math

import numpy as np
import pytest
from blending_tools import small

from models.blending import rows
from models.blending.rows import BEYOND, LEVELS, blend_knobs, depths, matrix, mixture, numbers, played, reach, step
from models.generators import build


def made(values: dict[str, float], models: int = 4, divergence: float = 1.0, resolution: int = 1024) -> rows.Array:
    """The matrix [layers, models] of a StyleGAN2 of this resolution."""
    positions = np.concatenate(
        [[1.0, 1.0]] + [[d, d + 1, d + 1] for d in range(2, 2 * int(math.log2(resolution)) - 3, 2)]
    )
    given = numbers(values)
    now = played(given)
    return matrix(float(given[0]), mixture(now, positions, models), reach(now, positions), divergence)


def test_the_knobs_at_home_are_home() -> None:
    assert {knob.name: knob.default for knob in blend_knobs()} == rows.HOME
    assert (made({}) == [1, 0, 0, 0]).all()
    assert len(blend_knobs()) < 50  # what a performer can oversee


def test_depths_are_pinkneys_positions() -> None:
    g = small(img_resolution=16)
    assert g.layers == (
        "b4.conv1",
        "b4.torgb",
        "b8.conv0",
        "b8.conv1",
        "b8.torgb",
        "b16.conv0",
        "b16.conv1",
        "b16.torgb",
    )
    assert depths(g).tolist() == [1, 1, 2, 3, 3, 4, 5, 5]
    other = depths(build("stylegan3", {"img_resolution": 32, "channel_base": 256, "channel_max": 8}))
    assert other[0] == 0
    assert other[-1] == rows.position(32) + 1
    assert (np.diff(other) > 0).all()


@pytest.mark.parametrize("seed", range(200))
def test_rows_sum_to_one_whatever_is_played(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wild = [math.nan, math.inf, -math.inf, -1.0, 0.0, 1e-300, 1e300]
    values = {
        knob.name: float(rng.choice(wild)) if rng.random() < 0.2 else float(rng.uniform(knob.low, knob.high))
        for knob in blend_knobs()
    }
    models = int(rng.integers(2, 9))
    shares = made(values, models, float(rng.choice([0.0, 1.0, 0.3, math.nan, 7.0])))
    assert shares.shape[1] == models
    assert np.abs(shares.sum(1) - 1).max() <= 1e-6
    assert (shares >= 0).all()


def test_alpha_is_interpolation_and_divergence_scales_it() -> None:
    assert (made({"alpha": 0.25}) == [0.75, 0.25, 0, 0]).all()
    assert (made({"alpha": 1.0}) == [0, 1, 0, 0]).all()
    assert (made({"alpha": 1.0}, divergence=0.5) == [0.5, 0.5, 0, 0]).all()
    for nothing in (0.0, -1.0, math.nan):
        assert (made({"alpha": 1.0, "model.3.weight": 0.4}, divergence=nothing) == [1, 0, 0, 0]).all()


def test_barycentric() -> None:
    values = {"alpha": 1.0, "model.1.weight": 0.2, "model.2.weight": 0.2, "model.3.weight": 0.4}
    assert made(values) == pytest.approx(np.broadcast_to([0.25, 0.25, 0.5, 0], (26, 4)))
    one = {"alpha": 1.0, "model.2.weight": 0.0, "model.4.weight": 0.3}
    assert (made(one) == [0, 0, 0, 1]).all()
    assert (made({"alpha": 1.0, "model.2.weight": 0.0}) == [1, 0, 0, 0]).all()  # a mixture of nothing
    assert (
        made({"alpha": 1.0, "model.2.weight": 0.0, "model.4.weight": 1.0}, models=2) == [1, 0]
    ).all()  # of the absent


def test_a_swap_is_a_step() -> None:
    shares = made({"alpha": 1.0, "swap_resolution": 32})
    first = int(np.argmax(shares[:, 1] == 1))
    assert set(np.unique(shares)) == {0.0, 1.0}
    assert (shares[:first, 0] == 1).all()
    assert (shares[first:, 1] == 1).all()
    assert first == 2 + 3 * 2  # b4 has two layers, b8 and b16 three: b32.conv0 is the first of the other
    assert (made({"alpha": 1.0, "swap_resolution": 4})[:, 1] == 1).all()
    assert (made({"alpha": 1.0, "swap_resolution": BEYOND})[:, 0] == 1).all()
    share = {r: int(made({"alpha": 1.0, "swap_resolution": r})[:, 1].sum()) for r in (16, 20, 24, 28, 32)}
    assert share == {16: 21, 20: 20, 24: 20, 28: 18, 32: 18}  # between resolutions the edge goes to the nearer layer


@pytest.mark.parametrize("width", [0.25, 1.0, 4.0])
def test_a_soft_swap_is_the_sigmoid(width: float) -> None:
    depth = np.arange(18.0)
    soft = step(depth, 64, width)
    exact = [1 / (1 + math.exp(-(p - (8 - 0.5)) / width)) for p in depth]
    assert soft == pytest.approx(exact)
    assert (np.diff(soft) > 0).all()
    hard = step(depth, 64, 0)
    assert ((soft > 0.5) == (hard > 0.5)).all()
    assert np.abs(step(depth, 64, 1e-3) - hard).max() < 1e-9


def test_bands_are_a_cascade_and_two_of_them_a_swap() -> None:
    cascade = {
        "alpha": 1.0, "model.1.weight": 1.0, "model.2.weight": 1.0, "model.3.weight": 1.0,
        "model.1.high": 16, "model.2.low": 16, "model.2.high": 128, "model.3.low": 128,
    }  # fmt: skip
    shares = made(cascade)
    assert set(np.unique(shares)) == {0.0, 1.0}
    assert shares.sum(0).tolist() == [5, 9, 12, 0]  # b4 b8 · b16 b32 b64 · b128 b256 b512 b1024
    for width in (0.0, 0.5, 2.0):
        swap = made({"alpha": 1.0, "swap_resolution": 64, "swap_width": width})
        bands = {"alpha": 1.0, "model.1.weight": 1.0, "model.1.high": 64, "model.2.low": 64, "swap_width": width}
        assert made(bands) == pytest.approx(swap, abs=2 * rows.FAINT)
        if width == 0:
            assert (made(bands) == swap).all()


def test_levels_take_alpha_back_at_one_resolution() -> None:
    shares = made({"alpha": 0.8, "level.16": 0.0, "level.32": 0.5})
    by_level = [shares[:2, 1], *np.split(shares[2:, 1], 8)]
    expected = {16: 0.0, 32: 0.4}
    for resolution, found in zip(LEVELS, by_level, strict=True):
        assert found == pytest.approx(expected.get(resolution, 0.8))


def test_a_faint_share_is_none() -> None:
    assert (made({"alpha": rows.FAINT / 2}) == [1, 0, 0, 0]).all()
    assert (made({"alpha": 1 - rows.FAINT / 2}) == [0, 1, 0, 0]).all()
    assert made({"alpha": rows.FAINT * 2})[0, 1] > 0


def test_a_matrix_by_hand_is_checked() -> None:
    given = rows.check([[2, 2], [0, 0], [math.nan, 3]], 3, 2)
    assert given.tolist() == [[0.5, 0.5], [1, 0], [0, 1]]
    with pytest.raises(ValueError, match=r"a matrix \[3, 2\]"):
        rows.check([[1, 0]], 3, 2)
