"""What holds for every test of studies."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def small_networks(one_thread: None) -> None:
    """Every test here runs on one thread."""
