"""What holds for every test of training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from training_tools import pictures


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The networks are small: on a busy machine a second thread costs far more than it brings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen pictures. Not to be changed."""
    return pictures(tmp_path_factory.mktemp("pictures"))
