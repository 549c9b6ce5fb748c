"""Weights that rest in a file: the same numbers at the same place, and the system's to drop."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from models.forms.rest import LEAST, rest
from models.generators.plain.block import memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there can pages be moved in place")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    return tmp_path / "resting"


def anonymous() -> int:
    """Bytes of this process that are nobody's file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) << 10


def test_the_numbers_and_their_address_stay_and_memory_becomes_free(place: Path) -> None:
    block = memory(LEAST // 2)  # of four bytes each: twice as large as it must be
    block.copy_(torch.arange(len(block)).remainder_(1 << 20))
    before, address, held = block.clone(), block.data_ptr(), anonymous()
    assert rest(block)
    assert held - anonymous() > 0.9 * block.nbytes
    assert list(place.iterdir()) == [], "the file has no name"
    assert torch.equal(block, before)
    assert block.data_ptr() == address
    block[12345] = -1.0  # nobody does; it would hold all the same
    before[12345] = -1.0
    assert torch.equal(block, before)
    assert rest(block), "once more is no harm"
    assert torch.equal(block, before)


def test_what_cannot_rest_stays_as_it_is(place: Path) -> None:
    few = memory(LEAST // 8)
    assert not rest(few)
    assert not place.exists()
    block = memory(LEAST // 2)
    block.fill_(3.0)
    place.write_text("in the way")
    assert not rest(block)
    assert bool((block == 3.0).all())
