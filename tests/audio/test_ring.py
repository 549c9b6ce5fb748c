from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from perform.audio.ring import Kind, Reader, Ring, State


@pytest.fixture
def ring():
    ring = Ring.create(1024)
    yield ring
    ring.close()


def ramp(start: int, count: int) -> np.ndarray:
    return np.repeat(np.arange(start, start + count, dtype=np.float32)[:, None], 2, axis=1)


def test_what_is_written_is_read_in_order_across_the_end(ring: Ring) -> None:
    reader = Reader(ring)
    ring.start(48000, Kind.DEVICE, "card")
    heard = []
    for start in range(0, 5000, 100):
        ring.write(ramp(start, 100), stamp=start / 48000)
        if start % 300 == 0:
            block = reader.read()
            assert block is not None
            assert block.lost == 0
            heard.append(block.samples)
    block = reader.read()
    assert block is not None
    heard.append(block.samples)
    assert np.array_equal(np.concatenate(heard), ramp(0, 5000))
    assert reader.read() is None


def test_a_mono_block_goes_to_both_sides(ring: Ring) -> None:
    reader = Reader(ring)
    ring.write(np.ones((10, 1), np.float32), 1.0)
    block = reader.read()
    assert block is not None
    assert np.array_equal(block.samples, np.ones((10, 2)))


def test_a_lapped_reader_learns_what_it_lost_and_gets_the_newest(ring: Ring) -> None:
    reader = Reader(ring)
    ring.start(1000, Kind.DEVICE, "card")
    for start in range(0, 3000, 100):
        ring.write(ramp(start, 100), stamp=start / 1000)
    block = reader.read()
    assert block is not None
    assert block.lost == 3000 - 256
    assert block.samples[-1, 0] == 2999


def test_the_stamp_is_of_the_last_frame_read(ring: Ring) -> None:
    ring.start(1000, Kind.DEVICE, "card")
    reader = Reader(ring)
    ring.write(ramp(0, 500), stamp=10.0)
    block = reader.read(most=100)
    assert block is not None
    assert block.time == pytest.approx(10.0 - 0.4)


def test_texts_and_states_cross_the_process_boundary() -> None:
    ring = Ring.create(1024)
    code = (
        "import sys, numpy as np; from perform.audio.ring import Ring, Kind\n"
        "ring = Ring.attach(sys.argv[1]); ring.start(44100, Kind.FILE, 'Ünï.wav', heard=True)\n"
        "ring.write(np.full((7, 2), 0.5, np.float32), 3.0); ring.overflowed()\n"
    )
    subprocess.run([sys.executable, "-c", code, ring.handle], pass_fds=(int(ring.handle),), check=True, timeout=60)
    assert (ring.rate, ring.kind, ring.title, ring.heard) == (44100, Kind.FILE, "Ünï.wav", True)
    assert (ring.state, ring.overflows, ring.newest()) == (State.RUNNING, 1, (7, 3.0))
    ring.fail("x" * 2000)
    assert ring.message == "x" * 511
    ring.close()


def test_a_file_that_is_no_ring_is_refused(tmp_path) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(100_000))
    with pytest.raises(ValueError, match="no ring"):
        Ring.attach(str(other))
