"""A run of the training instrument: what it leaves, how it is stopped, killed, resumed and undone."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from training_tools import gan, tiny

import models
from models.checkpoints import Refused, io
from models.training import critics, engine, running
from models.training.discriminator import Discriminator
from models.training.engine import NoRoom, fabric
from models.training.keeping import Ring, read_log
from models.training.run import run
from models.training.running import Halted, Run
from models.tuning.trajectory import Reader, fingerprint


def weights(path: Path, name: str = "average") -> Mapping[str, Tensor]:
    found: Mapping[str, Tensor] = torch.load(path, weights_only=True)["networks"][name]
    return found


def test_a_run_leaves_what_it_says(tmp_path: Path, folder: Path) -> None:
    result = gan(tmp_path / "out", folder)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "run.json", "log.csv", "sheet.png", "trajectory", "checkpoints", "gan.safetensors", "gan.critic.safetensors",
    }  # fmt: skip
    curve = read_log(tmp_path / "out" / "log.csv")
    assert curve["step"] == list(range(1, 9))
    assert {"d", "g", "r1", "p"} <= curve.keys()
    assert Ring(tmp_path / "out" / "checkpoints").names() == ["step-0000003", "step-0000006", "step-0000008", "start"]
    assert result.weights is not None
    network = models.load(result.weights)
    assert network.img_resolution == 16
    card = io.read_header(result.weights).card
    assert (card["recipe"], card["steps"], card["data"]["pictures"]) == ("gan", 8, 12)
    with Reader(result.trajectory) as way:
        assert way.steps == (0, 2, 4, 6, 8)
        assert fingerprint(way.state(4)) == result.hash == fingerprint(network.state_dict())
        assert way.header["architecture"] == "stylegan2"
    assert not list((tmp_path / "out").rglob("*.part"))


def test_every_part_learns(tmp_path: Path, folder: Path) -> None:
    gan(tmp_path, folder)
    for name in ("generator", "average", "critic"):
        before, after = (weights(tmp_path / "checkpoints" / f"{k}.pt", name) for k in ("start", "step-0000008"))
        still = {n for n, t in before.items() if n.endswith((".weight", ".const")) and torch.equal(t, after[n])}
        assert still == set()


CHILD = """
import sys
from pathlib import Path
sys.path[:0] = [{here!r}]
import torch
torch.set_num_threads(1)
from training_tools import TINY, tiny
from models.training.run import run
run(tiny("gan", save_every=5), Path(sys.argv[1]), data=Path(sys.argv[2]), steps=30, options=TINY, progress=False)
"""


def test_killed_with_9_it_goes_on_with_the_same_numbers(tmp_path: Path, folder: Path) -> None:
    """The log of a run that is killed in the middle and run again is that of one that was left alone, byte for byte."""
    code = CHILD.format(here=str(Path(__file__).parent))
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, str(tmp_path / "killed"), str(folder)]
    child = subprocess.Popen(command, env=env)
    log, deadline = tmp_path / "killed" / "log.csv", time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") > 13):
        assert child.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    assert child.wait(60) == -signal.SIGKILL
    reached = read_log(log)["step"][-1]
    assert reached < 30, "it was killed too late to mean anything"
    kept = Ring(tmp_path / "killed" / "checkpoints").steps()
    assert kept
    assert kept[-1] <= reached
    plan = {"plan": {"save_every": 5}}
    again = gan(tmp_path / "killed", folder, 30, **plan)
    whole = gan(tmp_path / "whole", folder, 30, **plan)
    assert log.read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()
    assert again.hash == whole.hash
    with Reader(again.trajectory) as a, Reader(whole.trajectory) as b:
        assert a.steps == b.steps
        assert all(fingerprint(a.state(k)) == fingerprint(b.state(k)) for k in range(len(a.steps)))


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, folder: Path) -> None:
    whole = gan(tmp_path / "whole", folder)
    gan(tmp_path / "cut", folder, 6)
    newest = tmp_path / "cut" / "checkpoints" / "step-0000006.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    assert gan(tmp_path / "cut", folder).hash == whole.hash


def test_a_run_is_gone_on_with_as_it_was_begun(tmp_path: Path, folder: Path) -> None:
    first = gan(tmp_path, folder)
    assert gan(tmp_path, folder).hash == first.hash, "nothing was left to do"
    with pytest.raises(Refused, match=r"holds a run with seed 0, not 1.*--anew"):
        gan(tmp_path, folder, seed=1)
    with pytest.raises(Refused, match="holds a run with options"):
        gan(tmp_path, folder, options={"mirror": "no"})
    other = gan(tmp_path, folder, seed=1, resume=False)
    assert other.hash != first.hash
    assert gan(tmp_path, folder, steps=10, seed=1).steps == 10


def test_stop_ends_it_and_it_goes_on(tmp_path: Path, folder: Path) -> None:
    stopped = gan(tmp_path, folder, on_step=lambda state: state.stop("enough") if state.number == 3 else None)
    assert (stopped.steps, stopped.stopped) == (3, "enough")
    assert gan(tmp_path, folder).steps == 8


def test_knobs_are_heard_while_it_trains(tmp_path: Path, folder: Path) -> None:
    still = gan(tmp_path / "still", folder, knobs=lambda number: {"lr": 0.0})
    start = torch.load(tmp_path / "still" / "checkpoints" / "start.pt", weights_only=True)
    trained = weights(tmp_path / "still" / "checkpoints" / "step-0000008.pt", "generator")
    assert all(torch.equal(t, trained[n]) for n, t in start["networks"]["generator"].items() if "w_avg" not in n)
    assert still.hash != gan(tmp_path / "moved", folder).hash


def test_a_full_disk_in_the_middle_is_said_and_the_last_checkpoint_stays(tmp_path: Path, folder: Path) -> None:
    """No file may grow beyond 20 kB from step 4 on: what a full disk looks like from inside a program."""

    def fill(state: Run) -> None:
        if state.number == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(
            Halted, match=r"the disk is full.*stopped at step \d.*checkpoint is that of step 3.*Make room"
        ):
            gan(tmp_path / "full", folder, on_step=fill, plan={"record_every": 3})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "full").rglob("*.part"))
    assert Ring(tmp_path / "full" / "checkpoints").steps() == [3]
    whole = gan(tmp_path / "whole", folder, plan={"record_every": 3})
    assert gan(tmp_path / "full", folder, plan={"record_every": 3}).hash == whole.hash
    assert (tmp_path / "full" / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()


def test_a_disk_that_is_full_before_it_begins(tmp_path: Path, folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(Halted, match=r"pictures cannot be kept.*Make room"):
            gan(tmp_path / "out", folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "out").rglob("*.part"))


def test_bf16_trains_and_a_wrong_device_is_said(tmp_path: Path, folder: Path) -> None:
    result = gan(tmp_path / "half", folder, 2, precision="bf16-mixed")
    assert result.steps == 2
    assert result.hash != gan(tmp_path / "whole", folder, 2).hash
    if not torch.cuda.is_available():
        with pytest.raises(Refused, match="training cannot begin on 1 x cuda"):
            gan(tmp_path / "cuda", folder, device="cuda")
    with pytest.raises(Refused, match="precision is one of"):
        gan(tmp_path / "odd", folder, precision="12-mixed")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"data": None}, r"gan: learns from pictures.*--data"),
        ({"parent": "first-light"}, "takes no parent"),
        ({"resolution": 48}, "48 pixels cannot be trained"),
        ({"batch": 1}, "two pictures or more"),
        ({"options": {"chanels": 8}}, "no option 'chanels'.*Did you mean channels"),
        ({"options": {"channels": "many"}}, "channels is of kind int, such as 48; 'many' is not"),
        ({"options": {"mirror": "perhaps"}}, "mirror is of kind bool"),
        ({"options": {"augment": "much"}}, "augment is ada, diff or none"),
    ],
)
def test_what_is_asked_wrongly_is_said(tmp_path: Path, folder: Path, more: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=re.compile(words, re.DOTALL)):
        run(tiny("gan"), tmp_path, **{"data": folder, "progress": False, **more})


def test_a_folder_that_cannot_be_written(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Refused, match=r"cannot be made.*-o"):
        gan(tmp_path / "file" / "out", folder)


def test_a_disk_that_fails_otherwise_is_said(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, data: bytes) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(running, "write", broken)
    with pytest.raises(Halted, match=r"cannot be written \(Input/output error\)"):
        gan(tmp_path, folder)


def test_critics_on_disk(tmp_path: Path) -> None:
    judge = Discriminator(16, 64, 8)
    critics.save(tmp_path / "x.critic.safetensors", judge, {"description": "x"})
    again = critics.load(tmp_path / "x.critic.safetensors")
    picture = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(judge(picture), again(picture))
        assert again(torch.randn(4, 3, 8, 8)).shape == (4, 1), "a smaller picture enters at its own size"
    assert not any(p.requires_grad for p in again.parameters())
    assert critics.critic_of(str(tmp_path / "x.safetensors")) == tmp_path / "x.critic.safetensors"
    assert critics.critic_of(str(tmp_path / "y.safetensors")) is None
    with pytest.raises(Refused, match="holds a stylegan2, not a critic"):
        critics.load(models.shipped()["first-light"])
    with pytest.raises(Refused, match="no architecture 'discriminator'"):
        models.load(tmp_path / "x.critic.safetensors")


def test_the_first_critic_is_shipped_and_is_no_model() -> None:
    path = critics.critic_of("first-light")
    assert path is not None
    assert path.stat().st_size < 800_000
    assert critics.load(path).resolutions[0] == 256
    assert "first-light.critic" not in models.shipped()
    assert "first-light.critic" not in models.available()


def test_the_engine_names_its_precisions() -> None:
    assert "bf16-mixed" in engine.PRECISIONS
    with pytest.raises(ValueError, match="precision is one of"):
        fabric("64")
    assert issubclass(NoRoom, RuntimeError)
