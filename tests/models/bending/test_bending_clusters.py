"""Clusters are found, the same ones again, and only read for the network that they belong to."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bending_tools import small

import models
from models.bending.classifier import PAPER, Classifier, Effort, units_of
from models.bending.clusters import (
    Clusters,
    clusters_path,
    find_clusters,
    groups_of,
    load_clusters,
    model_hash,
    save_clusters,
)
from models.bending.grouping import agreement, kmeans
from models.bending.sheet import bend_sheet, cluster_sheet
from models.bending.slots import Slot
from models.checkpoints import Refused
from models.generators import Generator

LAYER = "b16.conv0"


def grouped() -> tuple[Generator, tuple[int, ...]]:
    """A network in which channels of `LAYER` draw one of five things, and which that is."""
    network = small(3)
    assert isinstance(network, torch.nn.Module)
    layer = network.get_submodule("synthesis.b16.conv0")
    truth = tuple(int(n) for n in np.random.RandomState(0).permutation(np.arange(16) % 5))
    spread = torch.Generator().manual_seed(0)
    weight = layer.weight
    weight.copy_(weight[list(truth)] + 0.05 * torch.randn(weight.shape, generator=spread))
    layer.bias.copy_(layer.bias[list(truth)])  # type: ignore[attr-defined,operator,index]
    return network, truth


def test_what_draws_alike_is_grouped_and_another_sample_agrees() -> None:
    network, truth = grouped()
    told: list[float] = []
    first = find_clusters(network, images=24, seed=0, progress=told.append)
    second = find_clusters(network, images=24, seed=900, layers=[LAYER])
    assert agreement(first.layers[LAYER], truth) >= 0.9
    assert agreement(first.layers[LAYER], second.layers[LAYER]) >= 0.9
    again = find_clusters(network, images=24, seed=0, layers=[LAYER])
    assert first.layers[LAYER] == again.layers[LAYER]
    assert told == sorted(told)
    assert told[-1] == 1
    assert sorted(first.layers) == sorted(layer for layer in network.layers if not layer.endswith("torgb"))
    assert first.count(LAYER) == 5
    every = [channel for group in range(5) for channel in first.channels(LAYER, group)]
    assert sorted(every) == list(range(16))


def test_two_samples_of_the_shipped_network_agree() -> None:
    network, layers = models.load("first-light"), ["b8.conv1", "b64.conv0", "b256.conv0"]
    first, second = (find_clusters(network, 192, seed, layers=layers).layers for seed in (0, 5000))
    assert {layer: agreement(first[layer], second[layer]) >= 0.7 for layer in layers} == dict.fromkeys(layers, True)


def test_the_authors_classifier_finds_what_draws_alike() -> None:
    network, truth = grouped()
    told: list[float] = []
    effort = Effort(images=40, samples=24, epochs=10, rate=2e-3)
    found = find_clusters(network, seed=0, layers=[LAYER], progress=told.append, form="author", effort=effort)
    assert tuple(found.layers) == (LAYER,)
    assert agreement(found.layers[LAYER], truth) >= 0.6
    assert found.about is not None
    assert found.about["told_rightly"][LAYER] > 2 / 16
    assert told == sorted(told)
    assert told[-1] == 1
    assert not any(weight.requires_grad for weight in network.parameters())  # type: ignore[attr-defined]


def test_the_authors_classifier_has_his_depth() -> None:
    assert [units_of(place) for place in range(17)] == [0, 0, 0, *(n for k in range(1, 8) for n in (k, k))]
    assert (PAPER.images, PAPER.samples, PAPER.epochs, PAPER.rate) == (100, 1000, 50, 1e-4)
    assert Classifier(5, 7)(torch.zeros(2, 1, 16, 16)).shape == (2, 7)


def test_the_papers_numbers_of_groups() -> None:
    assert [groups_of(place) for place in range(17)] == [5] * 9 + [4] * 4 + [3] * 4


def test_kmeans_finds_heaps_and_stands_points_that_are_all_one() -> None:
    rng = np.random.RandomState(0)
    heaps = np.concatenate([rng.randn(20, 3) * 0.1 + 5 * np.eye(3)[k] for k in range(3)])
    assert agreement(tuple(kmeans(heaps, 3, 0)), tuple(np.arange(60) // 20)) == 1
    assert len(kmeans(np.zeros((9, 2)), 4, 0)) == 9


def test_clusters_are_kept_beside_the_model_and_only_for_it(tmp_path: Path) -> None:
    network = small()
    path = clusters_path(tmp_path / "moss.safetensors")
    assert path.name == "moss.clusters.json"
    found = Clusters({LAYER: (0, 1, 1, 2)}, model_hash(network), {"images": 1})
    save_clusters(path, found)
    assert load_clusters(path, network) == found
    with pytest.raises(Refused, match="found in another model"):
        load_clusters(path, small(1))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"format": 1}', '{"format": 1, "model": "", "about": {}, "layers": {"a": 5}}',
        '{"format": 1, "model": "", "about": {}, "layers": {"a": [{"feature_index": 3, "cluster_index": 0}]}}',
        '{"format": 1, "model": "", "about": {}, "layers": {"a": [{"feature_index": 0, "cluster_index": -1}]}}',
    ],
)  # fmt: skip
def test_damaged_files_are_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(Refused, match=r"x\.json"):
        load_clusters(path)
    with pytest.raises(Refused, match="cannot be read"):
        load_clusters(tmp_path / "none.json")
    path.write_text(json.dumps({"format": 99, "model": "", "about": {}, "layers": {}}))
    with pytest.raises(Refused, match="newer"):
        load_clusters(path)


def test_the_sheet_shows_every_group() -> None:
    network = small()
    clusters = Clusters({LAYER: tuple(channel % 3 for channel in range(16))})
    sheet = cluster_sheet(network, clusters, LAYER, seeds=(0, 1))
    assert sheet.size == (4 * 32, 14 + 2 * 32)
    shown = np.asarray(sheet)[14:]
    columns = [shown[:, 32 * k : 32 * k + 32] for k in range(4)]
    assert all(not np.array_equal(columns[0], column) for column in columns[1:])
    with pytest.raises(ValueError, match="no clusters are known"):
        cluster_sheet(network, clusters, "b8.conv0")
    with pytest.raises(ValueError, match="no layer b1"):
        bend_sheet(network, [("x", [Slot("b1", "invert")])])
