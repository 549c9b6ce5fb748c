"""What a run leaves in its folder while it goes on: a ring of named checkpoints, the log, notes of alarms.

Every file is whole at every moment: checkpoints are written beside and renamed, the log grows line by line and is cut
back to the checkpoint that a run goes on from. So a run may be killed with -9 anywhere.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

log = logging.getLogger(__name__)

UNREADABLE = (RuntimeError, OSError, EOFError, ValueError, LookupError, pickle.UnpicklingError)


def write_whole(path: Path, data: bytes) -> None:
    """Write beside, through to the disk, then rename: the old file or the new one, never half of it. OSError."""
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


class Ring:
    """Checkpoints by name. Those of steps ("step-000400") go round: the newest `keep` stay; named ones stay for good.

    One thread, one process. A checkpoint is a dict of tensors and plain values with "number", its step.
    """

    def __init__(self, folder: Path, keep: int = 4) -> None:
        self.folder, self.keep = folder, keep

    @staticmethod
    def name_of(number: int) -> str:
        """The name of a step's checkpoint."""
        return f"step-{number:07d}"

    def names(self) -> list[str]:
        """Steps from old to new, then the others in the order of their names."""
        found = sorted(path.stem for path in self.folder.glob("*.pt"))
        return [n for n in found if n.startswith("step-")] + [n for n in found if not n.startswith("step-")]

    def steps(self) -> list[int]:
        """The steps in the ring, from old to new."""
        return [int(name.removeprefix("step-")) for name in self.names() if name.startswith("step-")]

    def save(self, name: str, parts: Mapping[str, Any]) -> None:
        """Keep a checkpoint. OSError where the disk refuses; those that were there stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        packed = io.BytesIO()  # torch's own writer does not say why a disk refuses
        torch.save(dict(parts), packed)
        write_whole(self.folder / f"{name}.pt", packed.getvalue())
        for old in self.steps()[: -self.keep]:
            (self.folder / f"{self.name_of(old)}.pt").unlink(missing_ok=True)

    def load(self, name: str) -> dict[str, Any]:
        """A checkpoint; KeyError names those there are."""
        path = self.folder / f"{name}.pt"
        if not path.is_file():
            raise KeyError(f"no checkpoint {name!r}; there are {', '.join(self.names()) or 'none'}")
        parts: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        return parts

    def newest(self) -> dict[str, Any] | None:
        """The latest that can be read (a damaged one is passed over, said), the one called "start" at last; or None."""
        for name in [*(self.name_of(number) for number in reversed(self.steps())), "start"]:
            try:
                return self.load(name)
            except KeyError:
                continue
            except UNREADABLE as error:
                log.warning("the checkpoint %s cannot be read (%s): going on from the one before", name, error)
        return None

    def drop_after(self, number: int) -> None:
        """Forget the steps after this one, which a run that was rolled back no longer comes from."""
        for step in self.steps():
            if step > number:
                (self.folder / f"{self.name_of(step)}.pt").unlink(missing_ok=True)


class Log:
    """log.csv: one line a step, losses in full, so that two runs can be compared to the last digit."""

    def __init__(self, path: Path, number: int) -> None:
        """Go on after step `number`: later lines, and one that was cut short, are taken away."""
        self.path = path
        self.names: tuple[str, ...] = ()
        kept: list[str] = []
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            self.names = tuple(lines[0].strip().split(",")[1:]) if lines and number else ()
            for line in lines[1:] if self.names else []:
                said = line.split(",", 1)[0]
                if line.endswith("\n") and said.isdigit() and int(said) <= number:
                    kept.append(line)
        head = f"step,{','.join(self.names)}\n" if self.names else ""
        write_whole(path, (head + "".join(kept)).encode())
        self._file = path.open("a", encoding="utf-8", newline="\n")

    def add(self, number: int, losses: Mapping[str, float]) -> None:
        """The losses of a step, the `number`th done. OSError."""
        if not self.names:
            self.names = tuple(losses)
            self._file.write(f"step,{','.join(self.names)}\n")
        self._file.write(f"{number},{','.join(repr(float(losses[name])) for name in self.names)}\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; what a full disk refused is let go."""
        try:
            self._file.close()
        except OSError:
            log.warning("the last lines of %s could not be written", self.path)


def note(path: Path, number: int, what: str) -> None:
    """One line in a file of events (alarms, rollbacks). OSError."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{number},{what}\n")


def read_log(path: Path) -> dict[str, list[float]]:
    """log.csv by column, "step" too. Lines that are cut short are passed over."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = lines[0].split(",") if lines else []
    rows = [line.split(",") for line in lines[1:]]
    return {name: [float(row[k]) for row in rows if len(row) == len(names)] for k, name in enumerate(names)}
