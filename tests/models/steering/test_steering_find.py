"""Directions are found, the same ones again; on a toy whose factors are known they are those factors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from steering_tools import Scenes, small

import models
from models.checkpoints import Refused
from models.generators import Generator
from models.steering.directions import Directions
from models.steering.factors import FACTORS, measure, spearman, study_directions, table
from models.steering.find import directions_for, find_directions, principal, style_gram, w_covariance
from models.steering.sheet import LABEL, direction_sheet
from models.steering.steer import Steer


def samples(network: Generator, count: int, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    rng, found = np.random.RandomState(seed), []
    for begin in range(0, count, 1000):
        z = torch.from_numpy(rng.randn(min(1000, count - begin), network.z_dim)).float()
        found.append(network.map(z, truncation_psi=1.0)[:, 0].double().numpy())
    return np.concatenate(found)


@pytest.mark.parametrize("architecture", ["stylegan2", "stylegan3"])
def test_components_are_those_of_a_plain_pca(architecture: str) -> None:
    network = small(2, architecture)
    told: list[float] = []
    found = find_directions(network, ["ganspace"], count=5, samples=2500, progress=told.append)
    w = samples(network, 2500)
    _, stretch, vectors = np.linalg.svd(w - w.mean(0), full_matrices=False)
    for k, entry in enumerate(found.entries):
        assert abs(entry.vector @ vectors[k]) > 1 - 1e-6
        assert entry.sigma == pytest.approx(stretch[k] / np.sqrt(2499), rel=1e-5)
        assert entry.vector[np.abs(entry.vector).argmax()] > 0
        assert (entry.first, entry.last) == (0, network.num_ws - 1)
    assert told == sorted(told)
    assert told[-1] == 1
    again = find_directions(network, ["ganspace"], count=5, samples=2500)
    assert all(np.array_equal(a.vector, b.vector) for a, b in zip(found.entries, again.entries, strict=True))
    assert found.model == again.model != find_directions(small(3, architecture), samples=100).model


@pytest.mark.parametrize("architecture", ["stylegan2", "stylegan3"])
def test_sefa_is_where_the_styles_change_most_and_leaves_the_pose_out(architecture: str) -> None:
    network = small(2, architecture)
    assert isinstance(network, torch.nn.Module)
    affines = [
        module.affine.weight
        for name, module in network.synthesis.named_modules()
        if hasattr(module, "affine") and name != "input"
    ]
    rows = torch.cat(affines).double().numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    _, _, vectors = np.linalg.svd(rows, full_matrices=False)
    found = find_directions(network, ["sefa"], count=4, samples=500)
    assert [entry.name for entry in found.entries] == ["sefa 1", "sefa 2", "sefa 3", "sefa 4"]
    for k, entry in enumerate(found.entries):
        assert abs(entry.vector @ vectors[k]) > 1 - 1e-6
        along = entry.vector @ w_covariance(network, 500) @ entry.vector
        assert entry.sigma == pytest.approx(np.sqrt(along))
    if architecture == "stylegan3":
        before = style_gram(network)
        network.synthesis["input"].affine.weight.normal_()
        assert np.array_equal(before, style_gram(network))


def test_eigenvectors_come_largest_first() -> None:
    vectors = principal(np.diag([1.0, 5.0, 3.0]))
    assert np.array_equal(np.abs(vectors).argmax(0), [1, 2, 0])
    assert (vectors.max(0) > 0.99).all()


def test_both_methods_and_their_count() -> None:
    found = find_directions(small(), count=3, samples=200)
    assert [(entry.method, entry.component) for entry in found.entries] == [
        *(("ganspace", k) for k in (1, 2, 3)),
        *(("sefa", k) for k in (1, 2, 3)),
    ]
    assert len(find_directions(small(), count=999, samples=200)) <= 2 * 16


def test_networks_with_classes_are_sampled_over_all_of_them() -> None:
    found = find_directions(small(1, c_dim=3), count=2, samples=90)
    assert len(found) == 4


def test_what_has_no_directions_is_refused_in_words() -> None:
    with pytest.raises(Refused, match="cppn has no mapping network"):
        find_directions(models.load("cppn"))
    with pytest.raises(ValueError, match="no method 'pca'"):
        find_directions(small(), ["pca"])
    with pytest.raises(Refused, match="at least 2 samples"):
        find_directions(small(), samples=1)


def test_a_model_comes_with_its_file_or_with_what_is_found_at_once(tmp_path: Path) -> None:
    shipped = models.shipped()
    found, why, refused = directions_for(models.load("first-light"), "first-light", tmp_path, shipped)
    assert found is not None
    assert (found.entries[0].name, why, refused) == ("gold", "", ())
    network = small(4)
    found, why, refused = directions_for(network, "first-light", tmp_path, shipped)  # the file is another network's
    assert found is not None
    assert [entry.name for entry in found.entries[:2]] == ["ganspace 1", "ganspace 2"]
    assert (why, len(refused)) == ("", 1)
    assert "found in another model" in refused[0]
    found, why, refused = directions_for(models.load("cppn"), "cppn", tmp_path, shipped)
    assert (found, refused) == (None, ())
    steer = Steer(lambda z: z, np.zeros(8), 8, 5, found, why)
    w = np.ones((5, 8))
    assert steer.apply(w, {"2.amount": 1.0}) is w
    assert steer.muted == ("steer.2: cppn has no mapping network: every direction of its w is like every other",)


def test_the_sheet_has_a_row_for_each_and_the_middle_is_home() -> None:
    network = small()
    found = find_directions(network, count=2, samples=200)
    told: list[float] = []
    sheet = direction_sheet(network, found.changed(1, name="Lächeln 笑"), side=32, progress=told.append)
    assert sheet.size == (7 * 32, 4 * (32 + LABEL))
    assert told[-1] == 1
    shown = np.asarray(sheet)
    rows = [shown[k * (32 + LABEL) + LABEL : (k + 1) * (32 + LABEL)] for k in range(4)]
    middles = [row[:, 3 * 32 : 4 * 32] for row in rows]
    assert all(np.array_equal(middles[0], middle) for middle in middles)
    assert not np.array_equal(rows[0][:, :32], rows[0][:, -32:])


def test_measures_say_what_they_are_called() -> None:
    y, x = torch.meshgrid(torch.linspace(-1, 1, 48), torch.linspace(-1, 1, 48), indexing="ij")

    def disc(radius: float, colour: tuple[float, float, float], light: float = 1.0) -> np.ndarray:  # type: ignore[type-arg]
        lit = torch.sigmoid((radius - torch.hypot(x, y)) * 30) * light
        return measure((torch.tensor(colour)[:, None, None] * lit * 2 - 1)[None])[0]

    grey = (0.5, 0.5, 0.5)
    place = {name: k for k, name in enumerate(FACTORS)}
    small_one, large = disc(0.3, grey), disc(0.7, grey)
    assert large[place["size"]] > 1.5 * small_one[place["size"]]
    assert small_one[place["fineness"]] > 1.5 * large[place["fineness"]]
    assert disc(0.5, (0.9, 0.5, 0.1))[place["warmth"]] > 0.5
    assert disc(0.5, (0.1, 0.5, 0.9))[place["warmth"]] < -0.5
    dim, bright = disc(0.5, grey, 0.4), disc(0.5, grey)
    assert bright[place["brightness"]] == pytest.approx(2.5 * dim[place["brightness"]], rel=1e-3)
    assert np.allclose(dim[1:], bright[1:], atol=1e-3)


def test_spearman_is_the_correlation_of_ranks() -> None:
    rng = np.random.RandomState(0)
    a = rng.randn(50)
    assert spearman(a, np.exp(3 * a)) == pytest.approx(1)
    assert spearman(a, -(a**3)) == pytest.approx(-1)
    assert abs(spearman(a, rng.randn(50))) < 0.35
    assert spearman(a, np.zeros(50)) == 0


def test_known_factors_are_found_and_no_random_direction_does_as_well() -> None:
    """Row W7's figures, on toys whose factors are known: 5 of 5."""
    alone, won, true = 0, 0, 0
    for seed in range(5):
        toy: Generator = Scenes(seed)  # type: ignore[assignment]
        found = find_directions(toy, ["ganspace"], count=10)
        assert isinstance(toy, Scenes)
        true += all(abs(found.entries[k].vector @ toy.turn[:, k]) > 0.98 for k in range(3))
        (one,) = study_directions(toy, found, rounds=1)
        alone += any(direction.alone for direction in one.found)
        won += one.won
        assert "round 1: ganspace" in table([one])
    assert (true, alone, won) == (5, 5, 5)


def test_the_study_finds_nothing_where_there_is_nothing() -> None:
    """A direction that the picture does not know is not said to lead anything."""
    toy: Generator = Scenes(0)  # type: ignore[assignment]
    found = find_directions(toy, ["ganspace"], count=10)
    (one,) = study_directions(toy, Directions(found.entries[5:]), rounds=1)
    assert not any(direction.alone for direction in one.found)
