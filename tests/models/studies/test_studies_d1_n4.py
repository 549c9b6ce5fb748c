"""The rows D1 and N4: what they measure with, and that their checks can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.studies import d1, n4, n5_minibatch
from models.training.inspirations import styles

GROWN = {
    "opened": 0, "growth": 40.0, "left_without": 0.05, "accuracy_least": 0.45, "accuracy_most": 0.7, "spread": 1.3,
}  # fmt: skip
CREATIVE = {
    "classifier_accuracy": 0.98, "entropy_gan": 0.5, "entropy_ratio": 1.4, "auc_worse": 0.0, "diversity_ratio": 0.9,
    "kid_ratio": 1.4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "good", "bad"),
    [
        *((d1, GROWN, bad) for bad in (
            {"opened": 1}, {"growth": 2.9}, {"left_without": 0.51}, {"accuracy_least": 0.39}, {"accuracy_most": 0.81},
            {"spread": 0.29},
        )),
        *((n4, CREATIVE, bad) for bad in (
            {"classifier_accuracy": 0.89}, {"entropy_gan": 0.76}, {"entropy_ratio": 1.24}, {"auc_worse": 0.051},
            {"diversity_ratio": 0.69},
        )),
        (n5_minibatch, {"ratio": 1.5}, {"ratio": 1.19}),
    ],
)  # fmt: skip
def test_one_bad_seed_of_five_fails_its_check_alone(row: Any, good: dict[str, float], bad: dict[str, float]) -> None:
    assert all(check.holds for check in row.verdict([good] * 5))
    checks = row.verdict([good] * 4 + [{**good, **bad}])
    assert [check.holds for check in checks].count(False) == 1


def test_colours_are_counted_in_a_cube() -> None:
    assert d1.bins(torch.zeros(4, 3, 8, 8)) == 1
    two = torch.zeros(4, 3, 8, 8)
    two[0, 1, 3, 3] = 1.0
    two[1, 2, 0, 0] = -1.0
    assert d1.bins(two) == 3
    every = torch.cartesian_prod(*[torch.linspace(-0.99, 0.99, 16)] * 3).t().reshape(1, 3, 64, 64)
    assert d1.bins(every) == 4096


def test_spread_is_nothing_for_one_picture_and_root_two_for_strangers() -> None:
    rng = torch.Generator().manual_seed(0)
    assert d1.spread(torch.randn(1, 3, 8, 8, generator=rng).expand(5, -1, -1, -1)) < 1e-5
    assert d1.spread(torch.randn(40, 3, 16, 16, generator=rng)) == pytest.approx(2**0.5, rel=0.02)


def test_opened_files_are_seen(tmp_path: Path) -> None:
    data = tmp_path / "picture.png"
    data.write_bytes(b"x")
    assert d1._watched(data.read_bytes) == 1
    assert d1._watched(lambda: None) == 0


def test_a_quick_run_of_each_measures_everything(tmp_path: Path) -> None:
    for row in (d1, n4, n5_minibatch):
        folder = tmp_path / row.__name__
        folder.mkdir()
        made = row.run(0, folder, True)
        assert row.verdict([made])
        for name in made["pictures"].values():
            assert (folder / name).is_file()
    assert n4.SETTINGS["each"] * len(styles.NAMES) == 2000
