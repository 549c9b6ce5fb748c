"""Studies: every row runs and says what it found, results are kept, thresholds bite, the page has its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from models.studies import Check, at_least, at_most, l2, m8, page, row, rows, runner, scenes, shipped, t1, t2_n5, t4
from tests.models.playing import playing  # noqa: F401  one thread

SMALL = ("l2", "m8", "shipped", "t1", "t2_n5", "t4")  # the others have tests of their own beside this file


def test_every_row_says_what_it_is() -> None:
    assert set(SMALL) <= set(rows())
    for name in rows():
        one = row(name)
        assert one.ABOUT
        assert "\n" not in one.ABOUT
        assert json.loads(json.dumps(dict(one.SETTINGS))), "settings are kept as JSON"


def test_an_unknown_row_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="t1"):
        row("t99")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


def quickly(kept: Path, names: Sequence[str]) -> dict[str, Any]:
    """Rows of this file once, small, or what was kept of them; they train, so with gradients."""
    with torch.enable_grad():
        return runner.study(kept, names, seeds=1, quick=True)


@pytest.mark.parametrize("name", SMALL)
def test_every_row_runs_and_gives_json_checks_and_pictures(name: str, kept: Path) -> None:
    found = quickly(kept, [name])
    assert json.loads(json.dumps(found)) == found
    one = found["rows"][name]
    assert one["checks"]
    for file in one["runs"][0]["pictures"].values():
        with Image.open(runner.seed_folder(kept, name, 0, quick=True) / file) as picture:
            assert picture.width > 60


def test_the_page_shows_every_row_and_its_pictures(kept: Path, tmp_path: Path) -> None:
    found = quickly(kept, SMALL)
    text = page.write(found, kept, tmp_path / "page").read_text(encoding="utf-8")
    for name in SMALL:
        assert f"## {name}" in text
        assert list((tmp_path / "page").glob(f"{name}-*.png")), name
    assert "substitute" in text
    said = "\n".join(page.table(found))
    assert "substitute: discs and stars" in said
    assert "no number of these means anything" in said


def counting(calls: list[int]) -> Any:
    """A row that counts how often it is run."""

    def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
        calls.append(seed)
        (folder / "here").write_text("", encoding="utf-8")
        return {"value": 0.5 + seed}

    def verdict(runs: Sequence[Mapping[str, Any]]) -> tuple[Check, ...]:
        return (at_least(runs, "value", "value", 1.0),)

    return SimpleNamespace(ABOUT="a row", SUBSTITUTE="", SETTINGS={"steps": 3}, run=run, verdict=verdict)


def test_a_kept_result_is_used_again_only_with_the_same_settings(tmp_path: Path) -> None:
    calls: list[int] = []
    one = counting(calls)
    first = runner.seed_run(one, "x", 4, tmp_path, quick=False)
    assert runner.seed_run(one, "x", 4, tmp_path, quick=False) == first == {"seed": 4, "value": 4.5}
    assert calls == [4]
    one.SETTINGS = {"steps": 5}
    runner.seed_run(one, "x", 4, tmp_path, quick=False)
    runner.seed_run(one, "x", 4, tmp_path, quick=True)  # kept apart
    assert calls == [4, 4, 4]
    (runner.seed_folder(tmp_path, "x", 4, quick=False) / runner.KEPT).write_text('{"mark": ', encoding="utf-8")
    assert runner.seed_run(one, "x", 4, tmp_path, quick=False) == first
    assert len(calls) == 4


def test_one_seed_below_the_threshold_is_not_reached(tmp_path: Path) -> None:
    one = counting([])
    runs = [runner.seed_run(one, "y", seed, tmp_path, quick=False) for seed in range(3)]
    judged = runner.judged(one, runs)
    assert not judged["holds"]
    assert judged["checks"][0]["found"] == "1.5 (0.5 to 2.5), 2 of 3"
    assert not at_most(runs, "value", "value", 2.0).holds
    assert at_most(runs, "value", "value", 2.5).holds


GOOD = {
    "t1": {"spearman": 0.95, "hybrid": True, "hybrid_step": 3, "hybrid_mean": 0.5, "hybrid_median": 0.5, "exact": True,
           "judge_accuracy": 0.99},
    "t4": {"spearman": -0.95, "fall": 4.0, "critic_unchanged": True, "peak_found": True, "peak_diversity": 0.6,
           "further": 4.0, "negated_end_diversity": 0.1},
    "t2_n5": {"caught": 4, "alarms": {"collapse": ["collapse"]}, "steps_to_alarm": {"collapse": 100}, "false_alarms": 0,
              "healthy_steps": 100, "collapse_alarm": 100, "hash_back": True, "frame_back": True},
    "l2": {"margin": 0.1, "auc": {"blend_of_relatives": 0.8, "blend_of_strangers": 0.9}},
    "m8": {"flagged": {}, "bends": 200, "least_diversity": 0.5, "least_at": "x", "constant_flagged": True},
}  # fmt: skip
BAD = [
    ("t1", "spearman", 0.89), ("t1", "hybrid", False), ("t1", "exact", False), ("t4", "spearman", -0.89),
    ("t4", "fall", 2.9), ("t4", "critic_unchanged", False), ("t4", "peak_diversity", 0.49), ("t4", "further", 2.9),
    ("t4", "negated_end_diversity", 0.21),
    ("t2_n5", "caught", 3), ("t2_n5", "false_alarms", 1), ("t2_n5", "collapse_alarm", 201),
    ("t2_n5", "hash_back", False), ("t2_n5", "frame_back", False), ("l2", "margin", 0.0),
    ("m8", "flagged", {"blur: collapse": 1}), ("m8", "constant_flagged", False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "key", "value"), BAD)
def test_each_threshold_bites_in_a_single_seed(name: str, key: str, value: object) -> None:
    runs = [dict(GOOD[name]) for _ in range(5)]
    assert all(check.holds for check in row(name).verdict(runs))
    runs[3][key] = value
    assert not all(check.holds for check in row(name).verdict(runs))


def test_a_hybrid_is_no_mixture() -> None:
    assert t1.is_hybrid(0.5, 0.5)
    assert not t1.is_hybrid(0.5, 0.05)  # half discs and half stars
    assert not t1.is_hybrid(0.3, 0.5)


def test_half_way_is_half_way_for_every_tensor() -> None:
    made = l2.half_way({"a": torch.ones(2), "b": torch.zeros(1)}, {"a": torch.zeros(2), "b": torch.ones(1)})
    assert made["a"].tolist() == [0.5, 0.5]
    assert made["b"].tolist() == [0.5]


def test_scenes_of_both_kinds_have_the_same_factors_and_about_the_same_area() -> None:
    discs, stars = (scenes.scenes(kind, 64, 32, seed=1) for kind in ("circle", "star"))
    assert torch.equal(discs, scenes.scenes("circle", 64, 32, seed=1))
    assert discs.abs().max() <= 1
    assert torch.allclose(discs[:, :, 0, 0], stars[:, :, 0, 0])  # the grounds
    ink = [(x - x[:, :, :1, :1]).abs().amax(1).gt(0.15).float().mean() for x in (discs, stars)]
    assert float(ink[0] / ink[1]) == pytest.approx(1, abs=0.25)


def test_the_shipped_relatives_are_judged_beside_their_ancestor() -> None:
    assert set(shipped.relatives()) >= {"bloom", "masks"}
    near, far = {"kid": 0.1, "fid": 1.0}, {"kid": 0.2, "fid": 2.0}
    assert all(c.holds for c in shipped.verdict([{"distances": {"first-light": far, "bloom": near}}]))
    assert not any(c.holds for c in shipped.verdict([{"distances": {"first-light": near, "bloom": far}}]))


def test_what_breaks_a_run_is_named_for_each_failure() -> None:
    assert set(t2_n5.FAILURES) == {"plateau", "sparse", "saturation", "collapse"}
    assert t2_n5.FAILURES["collapse"] == {"lr": 100.0}  # METHODS T2
    assert m8.SETTINGS["amount"] == 0.2
    assert t4.RECIPE.on_alarm == "note"  # the peak lies before the collapse
