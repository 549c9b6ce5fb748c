"""What rewriting costs is measured for every operation."""

from __future__ import annotations

import pytest

from models.rewriting.glitch import OPERATIONS
from perform.bench.rewrite import bench_rewrite


def test_every_operation_is_measured() -> None:
    rows = bench_rewrite("first-light", "cpu", 0.1, 1)
    assert [row["op"] for row in rows[::2]] == list(OPERATIONS)
    assert all(0 < row["still"] < row["seed"] and row["strength"] > 0 for row in rows)


def test_a_model_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="has no weights"):
        bench_rewrite("cppn", "cpu", 0.1, 1)
