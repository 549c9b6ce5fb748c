"""`perform train` as it is typed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models import training
from perform.cli import main

TINY = ["--size", "8", "--batch", "4", "--set", "channels=8", "--set", "w_dim=8", "--device", "cpu"]


pytestmark = pytest.mark.usefixtures("one_thread")


def folder(path: Path) -> Path:
    path.mkdir()
    rng = np.random.default_rng(1)
    for k in range(9):
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(path / f"{k}.png")
    return path


def test_the_list_has_every_recipe_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(training.recipe_names())
    assert all(len(line.split()) > 3 for line in lines)


def test_a_run_says_what_it_left_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = folder(tmp_path / "pictures"), tmp_path / "out"
    command = ["train", "gan", "--data", str(data), "-o", str(out), *TINY]
    assert main([*command, "--steps", "2"]) == 0
    said = capsys.readouterr().out
    assert "2 steps (d " in said
    assert f"perform play --model {out / 'gan.safetensors'}" in said
    first = re.findall("sha256 ([0-9a-f]{64})", said)
    assert main([*command, "--steps", "4"]) == 0
    assert "4 steps" in capsys.readouterr().out
    assert main([*command, "--steps", "2", "--anew"]) == 0
    assert re.findall("sha256 ([0-9a-f]{64})", capsys.readouterr().out) == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fist-light"], "no recipe 'fist-light'; there are "),
        (["gan"], "learns from pictures"),
        (["gan", "--data", "nowhere"], "no such folder"),
        (["gan", "--data", "DATA", "--set", "channels"], "--set takes NAME=VALUE"),
        (["gan", "--data", "DATA", "--set", "colour=red"], "no option 'colour'"),
        (["loss-hack", "--from", "nobody"], "neither a shipped model"),
        (["loss-hack", "--from", "first-light", "--critic", "nowhere"], "cannot be read"),
    ],
)
def test_mistakes_end_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    data = folder(tmp_path / "pictures")
    given = [str(data) if word == "DATA" else word for word in words]
    assert main(["train", *given, "-o", str(tmp_path / "out")]) == 2
    shown = capsys.readouterr().err.strip()
    assert said in shown
    assert "Traceback" not in shown


def test_without_the_training_extra_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    for name in ("run", "engine"):
        monkeypatch.delitem(sys.modules, f"models.training.{name}", raising=False)
    assert main(["train", "gan", "--data", "bloom", "-o", str(tmp_path)]) == 2
    assert "training needs lightning_fabric: pip install 'perform[train]'" in capsys.readouterr().err


def test_interrupted_it_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("models.training.run.run", interrupt)
    assert main(["train", "gan", "--data", "bloom", "-o", str(tmp_path)]) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_a_number_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "gan", "--steps", "-3"])
    assert "whole number above 0" in capsys.readouterr().err
