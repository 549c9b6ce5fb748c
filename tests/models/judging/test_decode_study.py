"""The study of decoding, on a run too small to mean anything: it is whole, repeatable, kept, and says what it is."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.judging import decode_study
from models.judging.decode_study import PAPER, ROWS, SETS, Set, study_decode, verdicts
from perform.commands import study

SMALL: list[Set] = [replace(SETS[0], widths=(50, 40, 30))]
RESULT = Path(__file__).parents[2] / "bench" / "results" / "study-decode.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[float]]:
    folder, told = tmp_path_factory.mktemp("studies"), []
    result = study_decode(folder, 2, 120, 10, SMALL, lambda share, words: told.append(share), steps=15)
    return folder, result, told


def test_it_is_whole_and_can_be_written(made: tuple[Path, dict[str, Any], list[float]]) -> None:
    _, result, told = made
    assert [row["method"] for row in result["table"]] == list(ROWS)
    assert all(run["never_above"] for run in result["runs"])
    assert [run["seed"] for run in result["runs"]] == [0, 1]
    assert len(result["runs"][0]["sweep"]) == 4
    assert json.loads(json.dumps(result)) == result
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_second_run_is_quick_and_equal(
    made: tuple[Path, dict[str, Any], list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, result, _ = made

    def never(*args: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(decode_study.digits_vae, "train_vae", never)
    assert study_decode(folder, 2, 120, 10, SMALL, steps=15) == result
    with pytest.raises(AssertionError, match="trained again"):
        study_decode(folder, 1, 120, 10, SMALL, steps=16)


def test_a_kept_network_that_is_damaged_is_trained_again(tmp_path: Path) -> None:
    small = {"seeds": 1, "samples": 40, "closely": 4, "sets": SMALL, "steps": 2}
    first = study_decode(tmp_path, **small)
    (kept,) = tmp_path.glob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert study_decode(tmp_path, **small) == first
    assert kept.stat().st_size > 1000


def test_the_verdicts_count_what_holds() -> None:
    def run(*values: float) -> dict[str, Any]:
        row = dict(zip(ROWS, values, strict=True))
        sweep = {"0": {"low-active": values[0], "random": values[1]}}
        return {
            "amortised": row, "optimised": row, "sweep": sweep, "never_above": True,
            "controls": {"medians": {"noise": {"amortised": 9, "optimised": 9}}},
        }  # fmt: skip

    found = verdicts([run(4, 3, 1.5, 1, 1.1), run(3, 4, 1.5, 1, 1.1), run(4, 3, 0.9, 1, 5)])
    assert found["amortised"]["low-active > random > noisy > regular"] == "1 of 3"
    assert found["optimised"]["low-active > random"] == "2 of 3"
    assert found["amortised"]["interpolation < random"] == "2 of 3"
    assert found["low-active > random, by on-value"] == {"0": "2 of 3"}
    assert found["noise highest"] == "3 of 3"
    assert found["amortised"]["median ratios"]["low-active / regular"] == 4
    assert "auroc of letters, least" not in found


def test_what_is_a_substitute_is_said_wherever_a_reader_sees_it(
    made: tuple[Path, dict[str, Any], list[float]],
) -> None:
    said = "\n".join(study.lines(made[1]))
    assert "mean over 2 trainings" in said
    assert "substitute for MNIST" in said
    assert "no score of creativity" in said
    assert all(method in said for method in ROWS)


def test_the_command_line_is_understood() -> None:
    parser = argparse.ArgumentParser()
    study.arguments(parser)
    asked = parser.parse_args(["decode", "--json", "x.json", "--seeds", "2"])
    assert (asked.what, asked.seeds, asked.samples, asked.json) == ("decode", 2, 10_000, Path("x.json"))
    assert parser.parse_args(["hearing", "music"]).folder == Path("music")


@pytest.mark.skipif(not RESULT.is_file(), reason="the study has not been run here")
def test_the_kept_result_is_of_the_whole_study() -> None:
    kept = json.loads(RESULT.read_text(encoding="utf-8"))
    about = kept["settings"]
    assert about["seeds"] == 5
    assert about["samples"] >= 10_000
    assert set(PAPER) == set(kept["verdicts"]["digits"]["amortised"]["median ratios"])
    assert sorted(run["seed"] for run in kept["runs"] if run["set"] == "digits") == list(range(5))
    for form in ("amortised", "optimised"):
        assert kept["verdicts"]["digits"][form]["low-active > random > noisy > regular"] == "5 of 5"
    assert all("substitute" in words for words in kept["substitutes"].values())
