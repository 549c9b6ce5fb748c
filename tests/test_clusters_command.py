"""`perform clusters`: found, kept where a show looks, shown on a sheet."""

from pathlib import Path

import pytest
from PIL import Image

import models
from models.bending.clusters import load_clusters
from perform.cli import main
from perform.commands.clusters import usual_place


def test_clusters_are_found_kept_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    out = tmp_path / "found.json"
    assert main(["clusters", "first-light", "--layers", "b64.conv0", "--images", "24", "-o", str(out)]) == 0
    found = load_clusters(out, models.load("first-light"))
    assert list(found.layers) == ["b64.conv0"]
    assert found.count("b64.conv0") == 5
    with Image.open(out.with_suffix(".png")) as sheet:
        assert sheet.width == 6 * 256
    said = capsys.readouterr().out
    assert str(out) in said
    assert "b64.conv0" in said.splitlines()[-1]
    assert usual_place("first-light").name == "first-light.clusters.json"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layers", "b512.conv0"], "no layer b512.conv0"),
        (["--transform", "melt"], "no transform melt"),
        (["--images", "0"], "at least one picture"),
    ],
)
def test_what_cannot_be_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clusters", "first-light", *words]) != 0
    assert said in capsys.readouterr().err
