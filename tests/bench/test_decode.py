"""The bench of decoding counts right, on a clock of our own and a small network."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import torch

from models.checkpoints import io
from models.generators import Generator, build
from perform.bench import decode


def test_a_row_for_each_method_and_layer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 8, "mapping_layers": 1}
    path = tmp_path / "small.safetensors"
    io.save(path, build("stylegan2", sizes), {})

    def eager(network: Generator, cuts: tuple[str, ...], tell: Callable[[str], None]) -> tuple[decode._Play, str]:
        return decode._Play(network, None, "float32"), "eager"

    ticks = count()
    monkeypatch.setattr(decode, "_cut", eager)
    monkeypatch.setattr(decode, "machine_time", lambda: next(ticks) * 0.01)  # each call takes one tick
    rows = decode.bench_decode(str(path), 0.2, 1, lambda words: None)
    assert [(row["what"], row["method"]) for row in rows[:3]] == [
        ("frame", "low-active"), ("frame", "random"), ("frame", "noisy"),
    ]  # fmt: skip
    assert [row["layer"] for row in rows[3:]] == [
        layer for layer in ("b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1") for _ in range(3)
    ]
    assert {(row["with_ms"], row["without_ms"], row["added_ms"], row["limit"]) for row in rows} == {(10, 10, 0, 0.2)}
    assert {row["choose_ms"] for row in rows} == {10.0}


def test_what_has_no_layer_is_said() -> None:
    with pytest.raises(ValueError, match="nosuchmodel"):
        decode.bench_decode("nosuchmodel", 0.1, 1, lambda words: None)
