"""`perform directions`: finds, shows and names, keeps what a hand wrote, and refuses in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

import models
from models.bending.clusters import model_hash
from models.checkpoints import io
from models.generators import build
from models.steering.files import load_directions
from perform.cli import main

SMALL = {"z_dim": 16, "w_dim": 16, "img_resolution": 32, "channel_base": 512, "channel_max": 16, "mapping_layers": 2}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path / "home"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small networks on a busy machine
    yield tmp_path / "home"
    torch.set_num_threads(threads)


def kept(path: Path, seed: int = 0) -> str:
    """A small network in a file."""
    torch.manual_seed(seed)
    io.save(path, build("stylegan2", SMALL), {"description": "a small one"})
    return str(path)


def found(path: Path, model: str) -> list[str]:
    return [entry.name for entry in load_directions(path, model_hash(models.load(model))).entries]


def test_found_shown_named_and_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = kept(tmp_path / "moss.safetensors")
    file, sheet = tmp_path / "moss.directions.toml", tmp_path / "moss.directions.png"
    assert main(["directions", model, "--count", "3", "--samples", "300"]) == 0
    said = capsys.readouterr()
    assert str(file) in said.out
    assert str(sheet) in said.out
    assert "  4  sefa 1 " in said.out
    assert "%" in said.err  # the bar
    assert found(file, model) == [f"{method} {k}" for method in ("ganspace", "sefa") for k in (1, 2, 3)]
    with Image.open(sheet) as picture:
        assert picture.width == 7 * 112

    changes = ["--name", "3=smile", "--layers", "3=4-8", "--sigma", "3=0.5", "--name", "5=fog", "--first", "5,3"]
    assert main(["directions", model, "--no-sheet", *changes]) == 0
    names = ["fog", "smile", "ganspace 1", "ganspace 2", "sefa 1", "sefa 3"]
    assert found(file, model) == names
    smile = load_directions(file).entries[1]
    assert (smile.first, smile.last, smile.sigma, smile.component) == (4, 8, 0.5, 3)

    before, written = file.read_bytes(), file.stat().st_mtime_ns
    assert main(["directions", model, "--no-sheet"]) == 0  # only looks
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (before, written)

    assert main(["directions", model, "--no-sheet", "--method", "both", "--count", "4", "--samples", "300"]) == 0
    assert found(file, model) == [*names, "ganspace 4", "sefa 4"]
    assert load_directions(file).entries[1].first == 4


def test_a_shipped_model_is_named_in_the_users_own_folder(home: Path) -> None:
    main(["directions", "first-light", "--no-sheet", "--count", "1", "--samples", "200", "--name", "1=mine"])
    assert found(home / "directions" / "first-light.directions.toml", "first-light")[0] == "mine"


def test_another_models_file_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = kept(tmp_path / "one.safetensors"), kept(tmp_path / "two.safetensors", 1)
    file = tmp_path / "x.directions.toml"
    quick = ["--no-sheet", "--count", "1", "--samples", "50", "-o", str(file)]
    assert main(["directions", one, *quick]) == 0
    before = file.read_bytes()
    capsys.readouterr()
    assert main(["directions", two, *quick]) != 0
    assert "found in another model" in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name", "smile"], "write the direction's number and the word, as 3=smile"),
        (["--name", "99=smile"], "there is no direction 99"),
        (["--layers", "1=4"], "write the first and the last layer"),
        (["--layers", "1=8-4"], "direction 1: layers 8-4 cannot be"),
        (["--sigma", "1=x"], "--sigma 1=x: write a number"),
        (["--first", "1,x"], "--first 1,x: write numbers"),
        (["--samples", "1"], "at least 2 samples"),
        (["--count", "-3"], "a count of 1"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = kept(tmp_path / "moss.safetensors")
    quick = [] if {"--samples", "--count"} & set(arguments) else ["--samples", "50"]
    assert main(["directions", model, "--no-sheet", *quick, *arguments]) != 0
    error = capsys.readouterr().err.splitlines()[-1]
    assert said in error
    assert not (tmp_path / "moss.directions.toml").exists()


def test_a_network_without_directions_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["directions", "cppn"]) != 0
    assert "cppn has no mapping network" in capsys.readouterr().err
    assert main(["directions", "nothing-like-it"]) != 0
    assert "neither a shipped model" in capsys.readouterr().err
