"""A fixture for networks that only play."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def playing() -> Iterator[None]:
    """No gradients, and one thread: small networks on two would wait for another core of a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        yield
    torch.set_num_threads(threads)
