"""The bench of blending counts right, on a clock of our own and a small network."""

from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from models.checkpoints import io
from models.generators import Generator, build
from perform.bench import blend


def test_a_row_for_each_kind_of_blend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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
    monkeypatch.setattr(blend, "quickest", eager)
    monkeypatch.setattr(blend, "machine_time", lambda: next(ticks) * 0.01)  # each frame takes one tick
    rows = blend.bench_blend(str(path), "cpu", 0.4, 1, lambda words: None)
    assert [(row["moves"], row["models"]) for row in rows] == [
        ("interpolation", 2), ("matched", 2), ("swap", 2), ("barycentric", 8),
    ]  # fmt: skip
    assert {(row["moving_ms"], row["rest_ms"], row["share"]) for row in rows} == {(10.0, 10.0, 0.0)}
    assert [row["limit"] for row in rows] == ["0.15", "none", "none", "none"]
    moving, rest = pictures[0::2], pictures[1::2]
    assert all(torch.equal(a, b) for a, b in zip(moving, rest, strict=True))  # at rest it is the same picture
    assert sum(torch.equal(a, b) for a, b in pairwise(moving)) <= 1  # and moving another each time
