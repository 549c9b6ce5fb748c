from __future__ import annotations

import numpy as np
import pytest

from models import latents

SEEDS = [0, 17, 4242]


def spline(seed: int, even: str = "loop", dim: int = 64, count: int = 7) -> tuple[latents.SplinePath, latents.Array]:
    center = np.random.RandomState(99).randn(dim) * 0.3
    points = latents.landmarks(seed, count, dim)
    return latents.SplinePath(points, center, even), points


def test_a_landmark_is_what_the_field_means_by_a_seed() -> None:
    assert np.array_equal(latents.landmark(5, 512), np.random.RandomState(5).randn(1, 512)[0])


def test_slerp_of_equal_norms_keeps_the_norm_where_lerp_loses_it() -> None:
    a, b = np.zeros(64), np.zeros(64)
    a[0] = b[1] = 8.0
    norms = [np.linalg.norm(latents.slerp(t, a, b)) for t in np.linspace(0, 1, 101)]
    assert np.allclose(norms, 8.0, atol=1e-5)
    assert np.linalg.norm(0.5 * a + 0.5 * b) == pytest.approx(8 * 0.7071, rel=1e-3)


def test_slerp_ends_are_the_landmarks_themselves_and_parallel_vectors_go_straight() -> None:
    a, b = latents.landmarks(3, 2, 32)
    assert latents.slerp(0.0, a, b) is a
    assert latents.slerp(1.0, a, b) is b
    assert np.allclose(latents.slerp(0.25, a, 2 * a), 1.25 * a)


@pytest.mark.parametrize("even", ["loop", "segment"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_spline_passes_every_landmark_and_closes_exactly(seed: int, even: str) -> None:
    path, points = spline(seed, even)
    for k, mark in enumerate(path.marks):
        assert np.allclose(path.at(mark), points[k % len(points)], atol=1e-9)
    assert np.array_equal(path.at(0.0), path.at(float(path.length)))
    assert np.array_equal(path.at(-1.25), path.at(path.length - 1.25))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_spline_does_not_breathe(seed: int) -> None:
    path, points = spline(seed)
    center = np.random.RandomState(99).randn(64) * 0.3
    radii = np.linalg.norm(points - center, axis=1)
    along = [np.linalg.norm(path.at(x) - center) for x in np.linspace(0, path.length, 500)]
    assert min(along) >= radii.min() * 0.999, "between landmarks the deviation from the mean is kept"
    assert max(along) <= radii.max() * 1.001


@pytest.mark.parametrize("seed", SEEDS)
def test_the_speed_along_the_spline_is_constant(seed: int) -> None:
    path, _ = spline(seed)
    points = np.stack([path.at(x) for x in np.linspace(0, path.length, 1400)])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.06


@pytest.mark.parametrize("seed", SEEDS)
def test_within_a_segment_the_speed_is_constant_too(seed: int) -> None:
    path, _ = spline(seed, "segment")
    for k in range(path.length):
        points = np.stack([path.at(k + t) for t in np.linspace(0, 1, 150)])
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        assert steps.max() / steps.min() < 1.08


def test_the_slerp_path_stays_on_one_sphere_and_passes_its_landmarks() -> None:
    points = latents.landmarks(8, 5, 128)
    path = latents.SlerpPath(points)
    norms = [np.linalg.norm(path.at(x)) for x in np.linspace(0, 5, 301)]
    assert max(norms) - min(norms) < 1e-9 * max(norms)
    for k in range(6):
        cosine = path.at(float(k)) @ points[k % 5] / np.linalg.norm(path.at(float(k))) / np.linalg.norm(points[k % 5])
        assert cosine == pytest.approx(1.0, abs=1e-12)


def test_truncation_at_one_is_the_identity_and_at_zero_the_mean() -> None:
    w, mean = latents.landmarks(1, 10, 16), latents.landmark(77, 16)
    assert latents.truncate(w, mean, 1.0, 10) is w
    assert np.array_equal(latents.truncate(w, mean, 0.0, 10), np.broadcast_to(mean, (10, 16)))
    cut = latents.truncate(w, mean, 0.5, 3)
    assert np.array_equal(cut[3:], w[3:])
    assert np.allclose(cut[:3], mean + 0.5 * (w[:3] - mean))


def test_accents_pull_only_their_layers_and_at_zero_do_nothing() -> None:
    w, towards = latents.landmarks(1, 10, 16), latents.landmark(77, 16)
    assert latents.accent(w, towards) is w
    coarse = latents.accent(w, towards, coarse=1.0)
    assert np.allclose(coarse[:3], towards)
    assert np.array_equal(coarse[3:], w[3:])
    fine = latents.accent(w, towards, fine=0.5)
    assert np.array_equal(fine[:6], w[:6])
    assert np.allclose(fine[6:], 0.5 * (w[6:] + towards))


def test_travel_is_the_same_at_any_frame_rate_and_follows_the_beat() -> None:
    for fps in (24, 60, 144):
        position = 0.0
        for _ in range(fps * 2):
            position = latents.travel(position, 1 / fps, 90.0, speed=0.5, sync="beats")
        assert position == pytest.approx(2 * 90 / 60 * 0.5)
    assert latents.travel(0.0, 1.0, 90.0, speed=0.5) == 0.5
    assert latents.travel(0.0, 1.0, 0.0, speed=1.0, sync="beats") == 2.0, "no tempo yet: 120 is meant"
