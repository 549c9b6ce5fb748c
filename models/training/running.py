"""A run between its beginning and its end: steps, and after each what is kept, watched and, where need be, undone.

`models.training.run` is the door; this is the room. One `Run` in each process; only the first of them writes.
"""

from __future__ import annotations

import errno
import io
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from models.generators import Generator
from models.guard import Look, Watch, fixed_latents, look
from models.training import data
from models.training.folder import Bank
from models.training.keeping import Log, Ring, note
from models.training.keeping import write_whole as write
from models.training.method import Method, Plan, Setting
from models.training.sheets import grid
from models.tuning.trajectory import Writer, fingerprint

log = logging.getLogger(__name__)

SHEET = (4, 8)  # rows, columns
REAL_LOOKED_AT = 64  # real pictures that the guard's home is read from
SETTLE = 500  # steps in which a network from nothing may look like anything
MOST_ROLLBACKS = 6
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Halted(RuntimeError):
    """The run stopped before its end and can be gone on with; the message says why, what is kept and what to do."""


class Run:
    """The state of a run. One thread. `number` steps are done; `losses` are those of the last one.

    `on_step` of `models.training.run.run` is given this: it may look at `method`, `keep` a checkpoint under a name,
    `rollback` to one, or `stop`.
    """

    def __init__(
        self, plan: Plan, setting: Setting, out: Path, bank: Bank | None, header: Mapping[str, Any], guard: bool = True
    ) -> None:
        self.plan, self.setting, self.out, self.bank = plan, setting, out, bank
        self.fabric = setting.fabric
        torch.manual_seed(setting.seed)
        self.method: Method = plan.begin(setting)
        self.rng = torch.Generator(setting.device).manual_seed(setting.seed + 1000 + 10_007 * self.fabric.global_rank)
        self.ring = Ring(out / "checkpoints")
        self.number, self.losses, self.alarms = 0, dict[str, float](), tuple[str, ...]()
        self.rollbacks, self.calm, self.stopped = 0, 1.0, ""
        self._alarmed_at, self._went_to = 0, 0  # the last rollback: from where, to where
        self.header = dict(header)
        self._log: Log | None = None
        self._trajectory: Writer | None = None
        self._latents = fixed_latents(self.method.z_dim)
        self._watch = Watch(self._home(), settle=0 if setting.parent else SETTLE) if guard else None

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return bool(self.fabric.is_global_zero)

    def hash(self) -> str:
        """sha256 of the weights that are shown."""
        return fingerprint(self._shown())

    def open(self, parts: Mapping[str, Any] | None) -> None:
        """Begin, or go on from a checkpoint. Raises Halted."""
        if parts is not None:
            self._restore(parts)
        if not self.first:
            return
        with self.writing():
            self.out.mkdir(parents=True, exist_ok=True)
            self._log = Log(self.out / "log.csv", self.number)
            path = self.out / "trajectory"
            if self.number and path.exists():
                self._trajectory = Writer.resume(path, self.number)
            else:
                self._trajectory = Writer(path, self._shown(), self.header, step=self.number, readings=self._readings())
            if parts is None:
                self.keep("start")
                self._sheet()

    def close(self) -> None:
        """Close the files."""
        if self._log is not None:
            self._log.close()
        if self._trajectory is not None:
            self._trajectory.close()

    def advance(self, steps: int, knobs: Mapping[str, float]) -> None:
        """One step, and what follows from it. `steps`: how many there are to be. Raises Halted."""
        moved = {knob.name: knob.default for knob in self.plan.knobs} | dict(knobs)
        if "lr" in moved:
            moved["lr"] *= self.calm
        mirror = bool(self.setting.options.get("mirror", True))
        real = None
        if self.bank is not None:
            real = self.bank.batch(self.setting.batch, mirror, self.rng).to(self.setting.device)
        self.losses = self.method.step(self.number, real, moved, self.rng)
        self._agree()
        self.number += 1
        self.alarms = self._alarms()
        if self.alarms and self._handled():
            return
        if self.first:
            with self.writing():
                self._keep_all(last=self.number == steps)

    def keep(self, name: str) -> None:
        """A checkpoint under this name, which stays. Raises Halted; of all processes together."""
        parts = self._parts()
        if self.first:
            with self.writing():
                self.ring.save(name, parts)

    def rollback(self, name: str) -> None:
        """Back to a checkpoint: weights, optimisers, random numbers, log and trajectory are as they were then. KeyError
        names those there are; RuntimeError if the weights are not the ones that were kept; Halted.
        """
        parts = self.ring.load(name)
        self._restore(parts)
        if self.hash() != parts["hash"]:
            raise RuntimeError(f"the checkpoint {name} did not give back the weights that were kept")
        if self._watch is not None:
            self._watch.forget()
        if not self.first:
            return
        self.ring.drop_after(self.number)
        with self.writing():
            self.close()
            self._log = Log(self.out / "log.csv", self.number)
            self._trajectory = Writer.resume(self.out / "trajectory", self.number)
            note(self.out / "events.csv", self.number, f"rolled back to {name}")

    def stop(self, why: str) -> None:
        """End after this step."""
        self.stopped = why

    def _agree(self) -> None:
        """Several processes go on with the same numbers: the mean of theirs."""
        numbers = self.method.numbers
        if self.fabric.world_size > 1 and numbers:
            values = torch.tensor(list(numbers.values()), device=self.setting.device)
            means = torch.as_tensor(self.fabric.all_reduce(values, reduce_op="mean"))
            numbers.update(zip(numbers, means.tolist(), strict=True))

    # ---- the guard

    def _home(self) -> Look | None:
        """Readings of what is healthy: the parent as it comes, or real pictures."""
        if self.setting.parent is not None:
            return look(self.method.pictures(self._latents).float().cpu())
        if self.bank is not None:
            return look(self.bank.batch(REAL_LOOKED_AT, False, torch.Generator().manual_seed(0)).pictures)
        return None

    def _alarms(self) -> tuple[str, ...]:
        """What the guard says of this step; the same in every process."""
        found: tuple[str, ...] = ()
        if self.first and self._watch is not None:
            wanted = self._watch.wants(self.number)
            made = self.method.pictures(self._latents).float().cpu() if wanted else None
            found = self._watch.add(self.number, self.losses, made)
        if self.fabric.world_size > 1:
            found = self.fabric.broadcast(found)
        return found

    def _handled(self) -> bool:
        """Deal with an alarm; whether the run went back. Raises Halted if it fails again and again."""
        said = "+".join(self.alarms)
        if self.first:
            with self.writing():
                note(self.out / "events.csv", self.number, f"alarm {said}")
        if self.plan.on_alarm == "note" and "not finite" not in self.alarms:
            return False
        rollbacks = self.rollbacks + 1
        if rollbacks > MOST_ROLLBACKS:
            raise Halted(
                f"{said} at step {self.number} again, after {MOST_ROLLBACKS} rollbacks with ever smaller steps. What "
                f"is healthy is in {self.ring.folder}. Take more pictures, a smaller learning_rate or another seed."
            )
        at, calm = self.number, self.calm / 2
        name = self._healthy(at)
        log.warning("alarm at step %d: %s. Going back to %s with half the step size", at, said, name)
        self.rollback(name)
        self.rollbacks, self.calm, self._alarmed_at, self._went_to = rollbacks, calm, at, self.number
        self.rng.manual_seed(self.setting.seed + 7919 * rollbacks + 10_007 * self.fabric.global_rank)
        return True

    def _healthy(self, at: int) -> str:
        """The newest checkpoint from before the trouble began; an older one if the last rollback led here again."""
        margin = 2 * self._watch.every if self._watch is not None else 0
        latest = at - margin
        if self.rollbacks and at <= self._alarmed_at + margin:
            latest = min(latest, self._went_to - 1)
        good = [step for step in self.ring.steps() if step <= latest]
        return self.ring.name_of(good[-1]) if good else "start"

    # ---- what is kept

    def _shown(self) -> dict[str, Tensor]:
        return dict(self.method.networks[self.method.shown].state_dict())

    def _readings(self) -> dict[str, float]:
        """What the guard saw last, for the trajectory."""
        seen = self._watch.seen if self._watch is not None else None
        return {} if seen is None else {"diversity": seen.diversity, "saturated": seen.saturated, "sparse": seen.sparse}

    def _keep_all(self, last: bool) -> None:
        """Log, trajectory, checkpoint and sheet after a step, as the plan says."""
        assert self._log is not None
        assert self._trajectory is not None
        self._log.add(self.number, self.losses)
        if self.number % self.plan.record_every == 0 or last:
            self._trajectory.add(self.number, self._shown(), self._readings())
        if self.number % self.plan.save_every == 0 or last:
            self.ring.save(self.ring.name_of(self.number), self._parts())
        if self.number % self.plan.sheet_every == 0 or last:
            self._sheet()

    def _sheet(self) -> None:
        """sheet.png: the landmarks 0, 1, ... as they are now."""
        rows, columns = SHEET
        z = torch.stack([data.seed_z(k, self.method.z_dim) for k in range(rows * columns)])
        made = torch.cat([self.method.pictures(some) for some in z.chunk(rows)]).float().cpu()
        packed = io.BytesIO()
        grid(made.nan_to_num(0.0), rows, columns).save(packed, "PNG")
        write(self.out / "sheet.png", packed.getvalue())

    def _parts(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        method = self.method
        return {
            "number": self.number,
            "networks": {name: network.state_dict() for name, network in method.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in method.optimisers.items()},
            "numbers": dict(method.numbers),
            "rng": self.rng.get_state(),
            "torch_rng": torch.get_rng_state(),
            "scaler": self.fabric.strategy.precision.state_dict(),
            "parts": self.setting.engine.parts,
            "watch": None if self._watch is None else self._watch.state(),
            "rollbacks": self.rollbacks,
            "calm": self.calm,
            "rolled": [self._alarmed_at, self._went_to],
            "hash": self.hash(),
        }

    def _restore(self, parts: Mapping[str, Any]) -> None:
        method = self.method
        for name, network in method.networks.items():
            network.load_state_dict(parts["networks"][name])
        for name, optimiser in method.optimisers.items():
            optimiser.load_state_dict(parts["optimisers"][name])
        method.numbers.update(parts["numbers"])
        self.number = int(parts["number"])
        if self.fabric.global_rank == 0:
            self.rng.set_state(parts["rng"])
        else:  # other processes draw other numbers; theirs are not kept
            self.rng.manual_seed(self.setting.seed + 10_007 * self.fabric.global_rank + self.number)
        torch.set_rng_state(parts["torch_rng"])
        self.fabric.strategy.precision.load_state_dict(parts["scaler"])
        self.setting.engine.parts = int(parts["parts"])
        self.rollbacks, self.calm = int(parts["rollbacks"]), float(parts["calm"])
        self._alarmed_at, self._went_to = parts["rolled"]
        if self._watch is not None and parts["watch"] is not None:
            self._watch.load(parts["watch"])

    @contextmanager
    def writing(self) -> Iterator[None]:
        """What the disk refuses ends the run with words; the last whole checkpoint stays."""
        try:
            yield
        except OSError as error:
            steps = self.ring.steps()
            kept = f"The last whole checkpoint is that of step {steps[-1]}." if steps else "No checkpoint was kept yet."
            why = f"cannot be written ({error.strerror})"
            if error.errno in FULL:
                free = shutil.disk_usage(self.out).free // 1_000_000 if self.out.is_dir() else 0
                why = f"the disk is full ({free} MB are free, or a limit for files is reached)"
            raise Halted(
                f"{self.out}: {why}: stopped at step {self.number}. {kept} Make room, then run the same command again: "
                f"it goes on from there."
            ) from error


def network_of(method: Method) -> Generator | None:
    """The network that is shown, where it can be played."""
    network = method.networks[method.shown]
    return cast(Generator, network) if hasattr(network, "architecture") and hasattr(network, "synthesize") else None


Knobs = Callable[[int], Mapping[str, float]]
