"""What holds for every test of training."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_tools import pictures


@pytest.fixture(autouse=True)
def small_networks(one_thread: None) -> None:
    """Every test here runs on one thread."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen pictures. Not to be changed."""
    return pictures(tmp_path_factory.mktemp("pictures"))
