"""The file of directions: written, read, changed by a hand, and refused in words where it cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from steering_tools import small

import models
from models.bending.clusters import model_hash
from models.checkpoints import Refused
from models.steering.directions import Direction, Directions
from models.steering.files import directions_path, known_directions, load_directions, save_directions
from models.steering.find import find_directions

FOUND = Directions(
    tuple(
        Direction(f"{method} {k}", method, k, np.eye(4)[k] * (-1) ** k, 1.0 + 0.25 * k, 0, 13)
        for method in ("ganspace", "sefa")
        for k in (1, 2, 3)
    ),
    "a" * 64,
    {"samples": 10000, "seed": 0},
)


def words(directions: Directions) -> list[tuple[object, ...]]:
    return [(d.name, d.method, d.component, d.sigma, d.first, d.last, *d.vector) for d in directions.entries]


def written(folder: Path, directions: Directions = FOUND) -> Path:
    path = folder / "moss.directions.toml"
    save_directions(path, directions, "moss")
    return path


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path, FOUND.changed(2, name='"a" \\ # ü', first=4, last=8, sigma=-0.125))
    back = load_directions(path, "a" * 64)
    assert words(back) == words(FOUND.changed(2, name='"a" \\ # ü', first=4, last=8, sigma=-0.125))
    assert (back.model, dict(back.about)) == (FOUND.model, dict(FOUND.about))
    assert directions_path(tmp_path / "moss.safetensors") == path
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_hand_may_change_a_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    (place,) = (k for k, line in enumerate(lines) if 'name = "ganspace 3"' in line)
    assert lines[place].strip() == (
        '{ name = "ganspace 3", method = "ganspace", component = 3, layers = [0, 13], sigma = 1.75 },'
    )
    changed = lines[place].replace("ganspace 3", "smile").replace("[0, 13]", "[4, 8]").replace("1.75", "2.5")
    lines[place : place + 1] = []
    lines.insert(next(k for k, line in enumerate(lines) if "ganspace 1" in line), changed)
    path.write_text("\n".join(lines), encoding="utf-8")
    found = load_directions(path)
    first = found.entries[0]
    assert (first.name, first.component, first.first, first.last, first.sigma) == ("smile", 3, 4, 8, 2.5)
    assert len(found) == 6
    assert found.place("smile") == 1
    assert found.place("frown") is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("layers = [0, 13]", "layers = [8, 4]", "direction 1: layers 8-4 cannot be"),
        ("layers = [0, 13]", "layers = [4]", "direction 1: a line reads"),
        ("layers = [0, 13]", "layers = [0, 99999]", "direction 1: layers 0-99999"),
        ("sigma = 1.25", "sigma = nan", "direction 1: sigma must be a number"),
        ("sigma = 1.25", "sigma = 0.0", "direction 1: sigma must be a number"),
        ("sigma = 1.25", 'sigma = "x"', "direction 1: a line reads"),
        ('name = "ganspace 1"', 'name = ""', "direction 1: a name has 1 to 40"),
        ('name = "ganspace 1", ', "", "direction 1: 'name' is missing"),
        ("component = 1", "component = 77", "direction 1: '77' is missing"),
        ('method = "ganspace"', 'method = "pca"', "direction 1: 'pca' is missing"),
        ("format = 1", "format = 9", "newer"),
        ("format = 1", "", "no file of directions"),
        ("direction = [", "direction = ", "Mend it there"),
        ("[vectors.sefa]", "[vectors.fees]", "direction 4: 'sefa' is missing"),
        ("[vectors", "[other", "no file of directions"),
    ],
)
def test_what_a_hand_got_wrong_is_named(old: str, new: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new) if "vectors" in old else text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Refused, match=re.escape(said)) as refused:
        load_directions(path)
    assert path.name in str(refused.value)


@pytest.mark.parametrize(
    "vector", ["", "AAAA", "!", "AAAAAAAAAAAAAAAAAAAAAA==", "AADAfwAAwH8AAMB/AADAfw==", "AACAPw=="]
)
def test_vectors_that_are_none_are_refused(vector: str, tmp_path: Path) -> None:
    path = written(tmp_path)
    text = re.sub(r'(\[vectors.ganspace\]\n1 = )".*"', rf'\1"{vector}"', path.read_text(encoding="utf-8"))
    assert f'"{vector}"' in text
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="no file of directions, or damaged"):
        load_directions(path)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"format = 1", b"[[[["])
def test_files_that_are_none_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.directions.toml"
    path.write_bytes(data)
    with pytest.raises(Refused, match=r"x\.directions\.toml"):
        load_directions(path)
    with pytest.raises(Refused, match="cannot be read"):
        load_directions(tmp_path / "none.toml")


def test_names_stay_when_directions_are_found_again() -> None:
    named = FOUND.changed(3, name="smile", first=4).ordered([5, 3])
    assert [entry.name for entry in named.entries][:3] == ["sefa 2", "smile", "ganspace 1"]
    more = Directions((*FOUND.entries, Direction("sefa 4", "sefa", 4, np.eye(4)[0], 1.0, 0, 13)), FOUND.model)
    again = more.with_words_of(named)
    assert [entry.name for entry in again.entries] == [*(entry.name for entry in named.entries), "sefa 4"]
    assert again.entries[1].first == 4
    assert Directions(more.entries, "b").with_words_of(named).entries == more.entries


def test_changes_that_cannot_be_are_named() -> None:
    for place in (0, 7):
        with pytest.raises(ValueError, match=f"no direction {place}; they are 1 to 6"):
            FOUND.changed(place, name="x")
        with pytest.raises(ValueError, match=f"no direction {place}"):
            FOUND.ordered([1, place])
    with pytest.raises(ValueError, match="direction 2: a name has"):
        FOUND.changed(2, name="x" * 41)


def test_the_first_file_of_this_network_wins(tmp_path: Path) -> None:
    own, beside = tmp_path / "own", tmp_path / "models"
    own.mkdir()
    beside.mkdir()
    model = beside / "moss.safetensors"
    shipped = {"moss": model}
    assert known_directions("moss", "a" * 64, own, shipped) == (None, ())
    written(beside)
    for name in ("moss", str(model)):
        found, refused = known_directions(name, "a" * 64, own, shipped)
        assert found is not None
        assert refused == ()
    written(own, FOUND.changed(1, name="mine"))
    found, refused = known_directions("moss", "a" * 64, own, shipped)
    assert found is not None
    assert found.entries[0].name == "mine"
    written(own, Directions(FOUND.entries, "b" * 64))
    found, refused = known_directions("moss", "a" * 64, own, shipped)
    assert found is not None
    assert found.entries[0].name == "ganspace 1"
    assert "found in another model" in refused[0]
    found, refused = known_directions("moss", "c" * 64, own, shipped)
    assert found is None
    assert len(refused) == 2


def test_a_networks_own_directions_come_back_for_it_alone(tmp_path: Path) -> None:
    network = small(1)
    path = written(tmp_path, find_directions(network, count=2, samples=100))
    assert len(load_directions(path, model_hash(network))) == 4
    with pytest.raises(Refused, match="found in another model"):
        load_directions(path, model_hash(small(2)))


@pytest.mark.parametrize("path", models.shipped().values(), ids=models.shipped().keys())
def test_shipped_directions_are_for_their_model(path: Path) -> None:
    """Where a shipped model has directions, they fit it and faders 1 to 8 have names of their own."""
    file = directions_path(path)
    if not file.exists():
        pytest.skip(f"{path.name} has no directions of its own")
    assert file.stat().st_size < 100_000
    network = models.load(path)
    found = load_directions(file, model_hash(network))
    assert all(entry.last < network.num_ws for entry in found.entries)
    assert all(entry.name != f"{entry.method} {entry.component}" for entry in found.entries[:8])
