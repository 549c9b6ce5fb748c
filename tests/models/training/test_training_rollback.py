"""Rollback: by name, by itself after an alarm, and where collapse is part of the way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from training_tools import gan

import models
from models.training import running
from models.training.keeping import read_log
from models.training.running import Halted, Run
from models.tuning.trajectory import Reader, fingerprint


def test_rolled_back_to_a_name(tmp_path: Path, folder: Path) -> None:
    kept: dict[str, Any] = {}
    z = torch.randn(2, 8)

    def act(state: Run) -> None:
        if state.number == 4 and not kept:
            state.keep("best")
            kept.update(hash=state.hash(), picture=state.method.pictures(z))
        elif state.number == 7 and "back" not in kept:
            assert state.hash() != kept["hash"]
            with pytest.raises(KeyError, match=r"no checkpoint 'bets'; there are .*best"):
                state.rollback("bets")
            state.rollback("best")
            kept["back"] = state.hash()
            assert state.number == 4
            assert torch.equal(state.method.pictures(z), kept["picture"])

    result = gan(tmp_path, folder, on_step=act)
    assert kept["back"] == kept["hash"]
    assert result.hash == gan(tmp_path / "straight", folder).hash, "the same numbers again from there"
    assert (tmp_path / "log.csv").read_bytes() == (tmp_path / "straight" / "log.csv").read_bytes()
    assert "rolled back to best" in (tmp_path / "events.csv").read_text()


def test_numbers_that_run_away_are_rolled_back_by_themselves(tmp_path: Path, folder: Path) -> None:
    hashes: dict[int, str] = {}

    def break_once(state: Run) -> None:
        if state.number == 5 and state.rollbacks == 0:
            with torch.no_grad():
                next(state.method.networks["generator"].parameters()).fill_(float("nan"))
        if state.rollbacks == 1:
            hashes.setdefault(state.number, state.hash())

    result = gan(tmp_path, folder, on_step=break_once, guard=True)
    assert result.rollbacks == 1
    assert result.steps == 8
    assert hashes[0] == torch.load(tmp_path / "checkpoints" / "start.pt", weights_only=True)["hash"]
    said = (tmp_path / "events.csv").read_text()
    assert "alarm not finite" in said
    assert "rolled back to start" in said
    assert all(torch.isfinite(t).all() for t in models.load(tmp_path / "gan.safetensors").state_dict().values())


def test_what_fails_again_and_again_ends_with_words(tmp_path: Path, folder: Path) -> None:
    def always(state: Run) -> None:
        with torch.no_grad():
            next(state.method.networks["generator"].parameters()).fill_(float("nan"))

    with pytest.raises(Halted, match=r"not finite at step 1 again, after 6 rollbacks.*learning_rate"):
        gan(tmp_path, folder, on_step=always)


class Nervous:
    """A watch that sees what it is told to, by step, each time once."""

    every = 1
    seen = None

    def __init__(self, alarms: dict[int, str]) -> None:
        self.alarms = dict(alarms)

    def wants(self, step: int) -> bool:
        return False

    def add(self, step: int, losses: Mapping[str, float], pictures: Tensor | None = None) -> tuple[str, ...]:
        found = self.alarms.pop(step, "")
        return (found,) if found else ()

    def forget(self) -> None: ...

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: Mapping[str, Any]) -> None: ...


def test_an_alarm_goes_back_to_before_the_trouble_and_on_with_smaller_steps(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Checkpoints every 2 steps, a look every step: an alarm at 8 means trouble since 6 at the latest."""
    monkeypatch.setattr(running, "Watch", lambda *_, **__: Nervous({8: "collapse"}))
    way: list[tuple[int, float]] = []
    plan = {"plan": {"save_every": 2}}
    result = gan(tmp_path, folder, 10, on_step=lambda state: way.append((state.number, state.calm)), **plan)
    assert [number for number, _ in way] == [1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 10]
    assert [calm for _, calm in way] == [1.0] * 7 + [0.5] * 5
    assert "alarm at step 8: collapse. Going back to step-0000006 with half the step size" in caplog.text
    assert (result.steps, result.rollbacks) == (10, 1)
    with Reader(result.trajectory) as trajectory:
        assert trajectory.steps == (0, 2, 4, 6, 8, 10)
        assert fingerprint(trajectory.state(5)) == result.hash
    assert read_log(tmp_path / "log.csv")["step"] == list(range(1, 11))


def test_an_alarm_that_comes_back_at_once_goes_further_back(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Nervous({8: "collapse"})
    monkeypatch.setattr(running, "Watch", lambda *_, **__: watch)

    def once_more(state: Run) -> None:
        if state.number == 6 and state.rollbacks == 1:
            watch.alarms[7] = "collapse"

    gan(tmp_path, folder, 8, on_step=once_more, plan={"save_every": 2})
    said = (tmp_path / "events.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in said] == [
        "alarm collapse", "rolled back to step-0000006", "alarm collapse", "rolled back to step-0000004",
    ]  # fmt: skip


def test_where_collapse_is_part_of_the_way_it_is_only_noted(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "Watch", lambda *_, **__: Nervous({5: "collapse"}))
    result = gan(tmp_path, folder, plan={"on_alarm": "note"})
    assert result.rollbacks == 0
    assert (tmp_path / "events.csv").read_text() == "5,alarm collapse\n"
