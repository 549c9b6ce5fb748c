"""A little of `tests.engine.random_moves`; a million of them are run by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.random_moves import Moves


def test_random_moves_break_nothing_and_home_is_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path / "home"))
    moves = Moves(tmp_path, seed=3)
    moves.run(4_000)
    moves.home()
