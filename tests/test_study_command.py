"""`perform study divergence`: what it says of rows, of a row that there is not, and where it leaves its page."""

import argparse
import json
from pathlib import Path

import pytest

from models import studies
from perform.commands import study
from perform.engine.problems import UserError


def asked(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    study.arguments(parser)
    return parser.parse_args(["divergence", *words])


def test_the_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    study.run(asked("--rows", "list"))
    said = capsys.readouterr().out
    assert all(f"{name}: " in said for name in studies.rows())


def test_a_row_that_there_is_not_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="t1"):
        study.run(asked("--rows", "t99", "--keep", str(tmp_path)))


def test_a_quick_study_leaves_a_table_a_page_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--rows", "t1", "--seeds", "1", "--quick", "--keep", str(tmp_path / "kept")]
    study.run(asked(*wanted, "-o", str(tmp_path / "page"), "--json", str(tmp_path / "found.json")))
    said = capsys.readouterr().out
    assert "substitute" in said
    assert "no number of these means anything" in said
    assert (tmp_path / "page" / "README.md").is_file()
    assert (tmp_path / "page" / "t1-strip.png").is_file()
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["rows"]["t1"]["runs"][0]["seed"] == 0
