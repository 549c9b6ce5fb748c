"""Who is related to whom, and walking with a mixed mapping."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from blending_tools import blend_of, child, family, small, tensors

from models.blending import Unmixable
from models.blending.blend import Blend
from models.blending.mapping import mixture
from models.blending.relatives import AKIN, Relative, kinship, likeness, lineage, read
from models.checkpoints import Refused, io
from models.generators import build
from models.latents import landmarks
from models.resident import Resident


def test_a_card_names_the_ancestors() -> None:
    imported = {"ancestry": [{"what": "imported", "file": "a.pkl", "sha256": "aa"}]}
    trained = {"recipe": "first-light", "seed": 2026}
    further = {"ancestry": [*imported["ancestry"], {"what": "trained", "recipe": "first-light", "seed": 2026}]}
    assert lineage(imported) == {"aa"}
    assert lineage(trained) == {"first-light 2026"}
    assert lineage(further) == {"aa", "first-light 2026"}
    assert lineage({}) == lineage({"ancestry": ["a word", {}]}) == frozenset()


def test_strangers_are_warned_of_and_never_refused() -> None:
    a = tensors(small(0))
    near, stranger = child(a, 1, 0.5), tensors(small(1))
    assert likeness(a, a) == pytest.approx(1.0)
    assert likeness(a, near) > 0.8
    assert abs(likeness(a, stranger)) < 0.1
    home = Relative("home", a, lineage=frozenset({"x"}))
    assert kinship(home, Relative("near", near))[1] == ""
    assert kinship(home, Relative("stranger", stranger, lineage=frozenset({"x", "y"})))[1] == ""  # its card says so
    alike, words = kinship(home, Relative("stranger", stranger, lineage=frozenset({"y"})))
    assert alike < AKIN
    assert words.startswith("stranger is no relative of home")
    network, resident, parents = family()
    blend = blend_of(network, resident, [parents[0], stranger])
    assert len(blend.warnings) == 1
    assert blend_of(network, resident, parents).warnings == ()


def test_models_are_read_as_parents(tmp_path: Path) -> None:
    first = read("first-light")
    assert first.name == "first-light"
    assert first.architecture == "stylegan2"
    assert first.lineage == {"first-light 2026"}
    path = tmp_path / "other.safetensors"
    io.save(path, small(3), {"ancestry": [{"sha256": "aa"}]})
    other = read(path)
    assert (other.name, set(other.lineage)) == ("other", {"aa"})
    assert all(torch.equal(other.tensors[name], t) for name, t in tensors(small(3)).items())
    with pytest.raises(Unmixable, match="cppn has no weights"):
        read("cppn")
    bare = build("cppn", {})
    with pytest.raises(Unmixable, match="a cppn has no weights that could be mixed"):
        Blend(Resident(bare), bare, [Relative("other", first.tensors)])
    with pytest.raises(Refused, match="neither a shipped model"):
        read("nobody")


def test_each_parent_maps_as_itself_and_places_are_mixed() -> None:
    network, resident, parents = family(2)
    blend = blend_of(network, resident, parents)
    z = landmarks(5, 4, network.z_dim)
    for k, parent in enumerate(parents):
        blend.frame({"alpha": 1.0, **{f"model.{i}.weight": float(i == k + 1) for i in (1, 2, 3)}})
        resident.update([blend])
        want = network.map(torch.from_numpy(z).float(), truncation_psi=1.0)[:, 0].double().numpy()
        assert np.array_equal(blend.mappings.map(k, z), want)
        assert np.array_equal(blend.mappings.w_avgs[k], parent["mapping.w_avg"].double().numpy())
        found = mixture(blend.mapping, partial(blend.mappings.map, z=z))
        assert np.array_equal(found, want)
    blend.frame({"alpha": 0.25})
    asked: list[int] = []

    def place(k: int) -> np.ndarray:
        asked.append(k)
        return blend.mappings.map(k, z)

    found = mixture(blend.mapping, place)
    assert asked == [0, 1]  # the one without a share is not asked
    assert np.allclose(found, 0.75 * blend.mappings.map(0, z) + 0.25 * blend.mappings.map(1, z))


def test_mixed_places_are_near_what_mixed_weights_map_to() -> None:
    network, resident, parents = family()
    parents[1] = child(parents[0], 4, 0.1)
    blend = blend_of(network, resident, parents)
    z = landmarks(0, 64, network.z_dim)
    blend.frame({"alpha": 0.5})
    resident.update([blend])
    exact = network.map(torch.from_numpy(z).float(), truncation_psi=1.0)[:, 0].double().numpy()
    found = mixture(blend.mapping, partial(blend.mappings.map, z=z))
    apart = np.linalg.norm(blend.mappings.map(0, z) - blend.mappings.map(1, z), axis=1)
    assert (np.linalg.norm(found - exact, axis=1) < 0.5 * apart).mean() > 0.9


def test_labels_are_mapped() -> None:
    network, resident, parents = family(c_dim=3)
    blend = blend_of(network, resident, parents)
    z, c = landmarks(0, 2, network.z_dim), np.eye(3)[:2]
    want = network.map(torch.from_numpy(z).float(), torch.from_numpy(c).float(), truncation_psi=1.0)[:, 0]
    assert np.array_equal(blend.mappings.map(0, z, c), want.double().numpy())
