"""What tests of all parts may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from models.llvm import keep_apart

keep_apart()  # all tests share one process: some draw with Mesa, some import Triton


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For small networks: on a busy machine a second thread costs far more than it brings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
