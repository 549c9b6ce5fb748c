"""`perform import`: says what a checkpoint is, keeps it as safetensors, and refuses in one line."""

from pathlib import Path

import pytest
import torch

import models
from models.checkpoints import Refused, io
from perform.cli import main

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_import_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.safetensors"
    source = GOLDEN / "official" / "sg3-t.pkl"
    assert main(["import", str(source), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    for fact in ("StyleGAN3-T 32x32", "labels       2", "NVIDIA StyleGAN3-T snapshot", f"perform play --model {out}"):
        assert fact in said
    header = io.read_header(out)
    assert header.architecture == "stylegan3"
    assert header.card["source"]["file"] == "sg3-t.pkl"
    assert [step["sha256"] for step in header.card["ancestry"]] == [header.card["source"]["sha256"]]
    assert header.card["source"]["sha256"] in said
    assert f"{header.card['parameters']:,}" in said
    a, b = models.load(out).state_dict(), models.load(source).state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_import_into_the_cache(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(GOLDEN / "official" / "ros-training-legacy.pt")]) == 0
    said = capsys.readouterr()
    assert "note         It has no centre of truncation" in said.out
    assert str(cache / "models") in said.out
    assert len(list((cache / "models").glob("*.safetensors"))) == 1
    assert "100 %" in said.err or "%" in said.err  # the bar


def test_the_maker_of_the_network_code_is_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(GOLDEN / "official" / "sg2ada-skip.pkl")]) == 0
    assert "a fork's or another version" in capsys.readouterr().out  # the source text was taken out of these files


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (GOLDEN / "attacks" / "reduce_os_system.pkl", "asks for os.system, as only a harmful file does"),
        (GOLDEN / "attacks" / "truncated.pkl", "it is cut short"),
        (GOLDEN / "none.pkl", "there is no file"),
        (GOLDEN, "a folder"),
    ],
)
def test_refusals_are_one_line_and_status_2(file: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(file)]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.rpartition("\r")[2].strip().startswith("perform: ")
    assert words in said


def test_out_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = GOLDEN / "official" / "tf-skip.pkl"
    assert main(["import", str(source), "-o", str(tmp_path / "no" / "x.safetensors")]) == 2
    assert "name another place with -o" in capsys.readouterr().err


def test_what_was_imported_has_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("sg3-t", "sg2ada-cond"):
        copy = tmp_path / f"my {name}.pkl"
        copy.write_bytes((GOLDEN / "official" / f"{name}.pkl").read_bytes())
        assert main(["import", str(copy)]) == 0
        copy.unlink()
    assert set(models.imported()) == {"my sg3-t", "my sg2ada-cond"}
    assert models.load("my sg3-t").architecture == "stylegan3"
    with pytest.raises(Refused, match=r"Did you mean my sg3-t\?"):
        models.load("my sg3-r")
    capsys.readouterr()
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert "my sg3-t         StyleGAN3-T 32x32, labels: 2, imported" in said
    assert "first-light" in said


def test_ours_needs_no_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = models.shipped()["first-light"]
    assert main(["import", str(path)]) == 0
    assert f"perform play --model {path}" in capsys.readouterr().out
