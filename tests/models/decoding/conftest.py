"""All of decoding plays; nothing of it trains."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _playing() -> Iterator[None]:
    with torch.no_grad():
        yield
