"""`perform activity`: what it gathers is kept where a show finds it, and what is shipped belongs to its model."""

from pathlib import Path

import pytest
import torch
from PIL import Image

import models
from models.checkpoints import io
from models.decoding.statistics import load_statistics, statistics_path
from models.generators import build
from perform import cli
from perform.engine.lore import known

SIZES = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 8, "mapping_layers": 1}
SHIPPED = {name: statistics_path(path) for name, path in models.shipped().items()}


def test_they_are_gathered_kept_and_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    torch.manual_seed(0)
    model = tmp_path / "moss.safetensors"
    io.save(model, build("stylegan2", SIZES), {})
    assert cli.main(["activity", str(model), "--samples", "12"]) in (None, 0)
    said = capsys.readouterr().out
    assert "low-active" in said
    assert "b16.conv1" in said
    network = models.load(model)
    found = known(network, str(model)).statistics
    assert found is not None
    assert found.about is not None
    assert found.about["samples"] == 12
    with Image.open(tmp_path / "moss.activity.png") as sheet:
        assert sheet.size == (5 * 16, 4 * (14 + 2 * 16))


def test_too_few_samples_and_an_unknown_model_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    for asked, words in ((["first-light", "--samples", "1"], "two pictures"), (["nosuchmodel"], "nosuchmodel")):
        assert cli.main(["activity", *asked]) not in (None, 0)
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name, path in SHIPPED.items() if path.is_file()])
def test_what_is_shipped_belongs_to_its_model(name: str) -> None:
    assert load_statistics(SHIPPED[name], models.load(name)).layers


def test_the_first_model_comes_with_them() -> None:
    assert SHIPPED["first-light"].is_file()
