"""The bench of tuning counts right, on a clock of our own and a small network."""

from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from models.checkpoints import io
from models.generators import Generator, build
from perform.bench import tune


def test_a_row_for_each_way_of_moving(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"z_dim": 8, "w_dim": 8, "img_resolution": 8, "channel_base": 64, "channel_max": 8, "mapping_layers": 1}
    path = tmp_path / "small.safetensors"
    io.save(path, build("stylegan2", sizes), {})
    pictures: list[torch.Tensor] = []

    def eager(network: Generator, tell: Callable[[str], None]) -> tuple[Any, str]:
        def play(w: torch.Tensor) -> torch.Tensor:
            pictures.append(network.synthesize(w))
            return pictures[-1]

        return play, "eager"

    ticks = count()
    monkeypatch.setattr(tune, "quickest", eager)
    monkeypatch.setattr(tune, "machine_time", lambda: next(ticks) * 0.01)  # each frame takes one tick
    rows = tune.bench_tune(str(path), "cpu", 0.6, 1, lambda words: None)
    assert [row["fader"] for row in rows] == ["scrubbing", "jumping", "reading"]
    assert {(row["moving_ms"], row["fixed_ms"], row["share"], row["moving_late"]) for row in rows} == {
        (10.0, 10.0, 0.0, "0/0")
    }
    frames = pictures[: len(pictures) // 3 - 1]
    moving, rest = frames[0::2], frames[1::2]
    assert all(torch.equal(a, b) for a, b in zip(moving, rest, strict=False))  # at rest it is the same picture
    assert not any(torch.equal(a, b) for a, b in pairwise(moving))  # and moving another each time
