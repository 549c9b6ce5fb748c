"""Which tensors belong to which layer: every one to one, and readers fit what they read."""

from __future__ import annotations

import pytest
from rewriting_tools import KINDS, network

from models.generators import build
from models.generators.style_modulated.levels import readers_of, tensors_of
from models.rewriting.rewriter import sites_of


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_has_one_layer(kind: str) -> None:
    generator = network(kind)
    table = tensors_of(generator)
    assert tuple(table) == generator.layers
    found = [name for names in table.values() for name in names]
    assert len(found) == len(set(found))
    assert {name for name in generator.state_dict() if name not in found} == {
        name for name in generator.state_dict() if name.startswith("mapping.")
    }
    assert all(f"synthesis.{layer}.weight" in names for layer, names in table.items())


@pytest.mark.parametrize("kind", KINDS)
def test_readers_read_what_a_layer_gives(kind: str) -> None:
    generator = network(kind)
    weights, readers = generator.state_dict(), readers_of(generator)
    for site in sites_of(generator):
        assert site.readers
        for name in site.readers:
            assert weights[name].shape[1] == weights[site.weight].shape[0]
    read = [name for names in readers.values() for name in names]
    assert len(read) == len(set(read))
    first = f"synthesis.{generator.layers[0]}.weight"
    convolutions = {name for name, t in weights.items() if t.ndim == 4 and name.endswith("weight")}
    assert set(read) == convolutions - {first}


def test_residual_ways_read_the_block_before() -> None:
    assert readers_of(network("resnet"))["b8.conv1"] == ("synthesis.b16.conv0.weight", "synthesis.b16.skip.weight")


def test_a_network_without_such_names_has_empty_layers() -> None:
    assert not any(tensors_of(build("cppn", {})).values())
    assert not any(readers_of(build("cppn", {})).values())
