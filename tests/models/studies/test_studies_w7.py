"""Row W7: what a component rules is read off pictures, and the thresholds are the row's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.studies import w7
from models.training.inspirations import family


def test_a_reader_reads_the_numbers_of_pictures_that_it_never_saw() -> None:
    reader = w7.teach("masks", drawn=120, held_out=30)
    assert len(reader.good) >= 3
    rng = torch.Generator().manual_seed(5)
    p = torch.randn(24, family("masks").DIMENSIONS, generator=rng).clamp(-3, 3)
    told = reader.read(torch.stack([family("masks").draw(one, w7.SIZE) for one in p]))
    best = max(reader.good, key=lambda k: reader.r2[k])
    assert np.corrcoef(told[:, best].numpy(), p[:, best].numpy())[0, 1] > 0.8


def test_alone_is_what_the_row_says() -> None:
    assert w7.alone(np.array([0.1, -0.85, 0.3]))
    assert not w7.alone(np.array([0.1, -0.79, 0.0]))  # too weak
    assert not w7.alone(np.array([0.31, 0.95, 0.0]))  # moves another, too
    assert w7.worth(np.array([0.2, -0.9])) == pytest.approx(0.7)


def test_a_run_moves_components_of_a_shipped_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(w7, "TRIES", 30)
    monkeypatch.setattr(w7, "RIVALS", 1)
    found = w7.run(1, tmp_path, quick=True)
    assert found["network"] == "masks"
    assert found["exact"]
    assert 0 <= found["other"] <= found["rho"] <= 1
    assert (tmp_path / "walk.png").stat().st_size > 10_000


def test_one_relative_that_fails_fails_the_row() -> None:
    good = {"alone": 1, "ahead": 0.2, "exact": True}
    assert all(check.holds for check in w7.verdict([good] * 5))
    assert not w7.verdict([good] * 4 + [{**good, "alone": 0}])[0].holds
    assert not w7.verdict([good] * 4 + [{**good, "ahead": -0.1}])[1].holds
