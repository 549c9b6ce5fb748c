from __future__ import annotations

from collections.abc import Iterator

import pytest
from control_tools import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()
