"""The file of states: exact, read while it grows, whole steps only, refused with words."""

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.checkpoints import Refused
from models.tuning import deltas
from models.tuning.thin import thin
from models.tuning.trajectory import Reader, Writer, fingerprint

State = dict[str, Tensor]
HEADER = {"architecture": "stylegan2", "config": {"z_dim": 8}, "recipe": "loss-hack"}


def states(count: int = 4) -> list[State]:
    """Of several types and shapes; one tensor never changes, one has numbers that are none."""
    rng = torch.Generator().manual_seed(0)
    first = {
        "weight": torch.randn(6, 5, 3, 3, generator=rng).to(memory_format=torch.channels_last),
        "strength": torch.zeros([]),
        "still": torch.randn(40, generator=rng),
        "half": torch.randn(7, generator=rng).half(),
        "brain": torch.randn(7, generator=rng).bfloat16(),
        "double": torch.randn(3, generator=rng).double(),
        "count": torch.tensor([3, -9, 1 << 40]),
        "byte": torch.tensor([0, 255, 7], dtype=torch.uint8),
        "flag": torch.tensor([True, False]),
        "none": torch.empty(0, 4),
    }
    made = [first]
    for k in range(1, count):
        now = {name: t.clone() for name, t in made[-1].items()}
        for name in ("weight", "half", "brain", "double"):
            now[name] += torch.randn(now[name].shape, generator=rng) * 0.01
        now["strength"] += 0.1 * k
        now["count"] -= k
        now["byte"] += 1
        now["flag"] = ~now["flag"]
        made.append(now)
    made[-1]["weight"][0, :4, 0, 0] = torch.tensor([float("nan"), float("inf"), -0.0, -1e-42])
    return made


def write(path: Path, given: list[State], fine: float | None = None) -> None:
    with Writer(path, given[0], HEADER, fine=fine) as writer:
        for k, state in enumerate(given[1:], 1):
            writer.add(50 * k, state, {"diversity": 1.0 / k})


def same(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(
        a[n].dtype == b[n].dtype and a[n].shape == b[n].shape and (deltas.pattern(a[n]) == deltas.pattern(b[n])).all()
        for n in a
    )


def test_every_state_is_read_bit_for_bit(tmp_path: Path) -> None:
    given = states()
    write(tmp_path / "a.trajectory", given)
    with Reader(tmp_path / "a.trajectory") as reader:
        assert reader.header == HEADER
        assert reader.steps == (0, 50, 100, 150)
        assert reader.words == ()
        for k in (3, 0, 2, 1):
            assert same(reader.state(k), given[k])
            assert reader.find(fingerprint(given[k])) == k
        assert reader.readings(2) == {"diversity": 0.5}
        assert set(reader.changed(1)) == given[0].keys() - {"still", "none"}
        with pytest.raises(IndexError):
            reader.state(4)


def test_a_training_file_is_smaller_than_its_states(tmp_path: Path) -> None:
    rng = torch.Generator().manual_seed(1)
    given = [{"weight": torch.randn(64, 64, 3, 3, generator=rng).half().float()}]
    for _ in range(4):
        given.append({"weight": given[-1]["weight"] + torch.randn(64, 64, 3, 3, generator=rng) * 1e-3})
    sizes = []
    for fine in (None, 8.0):
        write(tmp_path / "a", given, fine)
        sizes.append((tmp_path / "a").stat().st_size)
    whole = 5 * given[0]["weight"].numel() * 4
    assert sizes[0] < 0.8 * whole
    assert sizes[1] < 0.3 * whole
    with Reader(tmp_path / "a") as reader:
        moved = given[4]["weight"] - given[0]["weight"]
        error = reader.state(4)["weight"] - given[4]["weight"]
        assert float(error.norm() / moved.norm()) < 0.06
        again = reader.state(4)
        assert fingerprint(again) == reader.places[4].sha256  # what is read is always the same


def test_a_file_cut_anywhere_reads_up_to_its_last_whole_step(tmp_path: Path) -> None:
    given = states()
    write(tmp_path / "a", given)
    data = (tmp_path / "a").read_bytes()
    with Reader(tmp_path / "a") as reader:
        stops = [place.stop for place in reader.places]
    for size in range(0, len(data), 37):
        (tmp_path / "b").write_bytes(data[:size])
        whole = sum(stop <= size for stop in stops)
        if not whole:
            with pytest.raises(Refused, match=r"trajectory|cut short"):
                Reader(tmp_path / "b")
            continue
        with Reader(tmp_path / "b") as reader:
            assert len(reader) == whole
            assert same(reader.state(whole - 1), given[whole - 1])
            assert bool(reader.words) == (size not in stops)


def test_a_damaged_step_ends_the_trajectory_before_it(tmp_path: Path) -> None:
    write(tmp_path / "a", states())
    data = bytearray((tmp_path / "a").read_bytes())
    with Reader(tmp_path / "a") as reader:
        data[reader.places[2].stop - 5] ^= 1
    (tmp_path / "a").write_bytes(data)
    with Reader(tmp_path / "a") as reader:
        assert reader.steps == (0, 50)
        assert "not whole" in reader.words[0]


def test_it_is_read_while_it_grows(tmp_path: Path) -> None:
    given = states()
    with Writer(tmp_path / "a", given[0], HEADER) as writer, Reader(tmp_path / "a") as reader:
        assert len(reader) == 1
        assert not reader.follow()
        for k in (1, 2, 3):
            writer.add(k, given[k])
            assert reader.follow()
            assert same(reader.state(k), given[k])


def test_a_writer_goes_on_where_another_was_killed(tmp_path: Path) -> None:
    given = states()
    write(tmp_path / "a", given)
    size = (tmp_path / "a").stat().st_size
    os.truncate(tmp_path / "a", size - 3)
    with Writer.resume(tmp_path / "a") as writer:
        assert writer.last == 100
        writer.add(150, given[3])
    with Reader(tmp_path / "a") as reader:
        assert same(reader.state(3), given[3])
    with Writer.resume(tmp_path / "a", step=60) as writer:  # a checkpoint of an earlier step was taken up
        writer.add(70, given[2])
    with Reader(tmp_path / "a") as reader:
        assert reader.steps == (0, 50, 70)


KILLED = """
import sys, torch
from pathlib import Path
from models.tuning.trajectory import Writer
state = {"weight": torch.zeros(300_000)}
writer = Writer(Path(sys.argv[1]), state, {})
print("begun", flush=True)
for step in range(1, 100_000):
    state["weight"] = state["weight"] + torch.randn(300_000, generator=torch.Generator().manual_seed(step))
    writer.add(step, state)
"""


def test_kill_while_writing_leaves_whole_steps(tmp_path: Path) -> None:
    path = tmp_path / "a"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"begun\n"
    with Reader(path) as reader:
        while len(reader) < 5:
            reader.follow()
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with Reader(path) as reader:
        assert len(reader) >= 5
        for k in range(len(reader)):
            assert fingerprint(reader.state(k)) == reader.places[k].sha256


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = states()
    with Writer(tmp_path / "a", given[0], HEADER) as writer:
        writer.add(1, given[1])
        before = (tmp_path / "a").read_bytes()
        resource = pytest.importorskip("resource")
        monkeypatch.setattr(signal, "SIGXFSZ", signal.signal(signal.SIGXFSZ, signal.SIG_IGN) or signal.SIGXFSZ)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
        try:
            with pytest.raises(OSError, match="large"):
                writer.add(2, given[2])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (tmp_path / "a").read_bytes() == before
        writer.add(3, given[3])  # there is room again
    with Reader(tmp_path / "a") as reader:
        assert reader.steps == (0, 1, 3)
        assert same(reader.state(2), given[3])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda data: b"", "not a trajectory"),
        (lambda data: b"PK\x03\x04" + data, "not a trajectory"),
        (lambda data: data[:8] + struct.pack("<Q", 1 << 60) + data[16:], "header"),
        (lambda data: data[:40] + b"?" + data[41:], "header"),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, wrong: Callable[[bytes], bytes], words: str) -> None:
    write(tmp_path / "a", states())
    (tmp_path / "a").write_bytes(wrong((tmp_path / "a").read_bytes()))
    with pytest.raises(Refused, match=words):
        Reader(tmp_path / "a")


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        Reader(tmp_path / "nothing")


def test_states_of_another_network_are_not_written(tmp_path: Path) -> None:
    given = states()
    with Writer(tmp_path / "a", given[0], HEADER) as writer:
        with pytest.raises(ValueError, match="names"):
            writer.add(1, {"weight": given[0]["weight"]})
        with pytest.raises(ValueError, match="weight is"):
            writer.add(1, {**given[1], "weight": torch.zeros(2)})
        writer.add(1, given[1])
        with pytest.raises(ValueError, match="not after"):
            writer.add(1, given[2])


def test_a_thin_one_keeps_chosen_states(tmp_path: Path) -> None:
    given = states()
    write(tmp_path / "a", given)
    with Reader(thin(tmp_path / "a", tmp_path / "b", (50, 150), fine=16.0)) as reader:
        assert (reader.steps, reader.header) == ((0, 50, 150), HEADER)
        assert same(reader.state(0), given[0])
        assert reader.readings(1) == {"diversity": 1.0}
        moved = given[1]["weight"] - given[0]["weight"]
        assert float((reader.state(1)["weight"] - given[1]["weight"]).norm()) < 0.05 * float(moved.norm())
    with pytest.raises(ValueError, match="no step 70"):
        thin(tmp_path / "a", tmp_path / "b", (70,))
