"""What a run begins with: its parent, its critic, its pictures, its options, checked before anything is trained."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import nn
from tqdm import tqdm

import models
from models.checkpoints import Refused, io
from models.generators import Generator
from models.training import critics, drawn
from models.training.folder import Bank, pictures_of
from models.training.keeping import write_whole
from models.training.method import Plan

log = logging.getLogger(__name__)

YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
RUN_FILES = ("run.json", "log.csv", "events.csv", "sheet.png", "trajectory")


@dataclass(frozen=True)
class Parent:
    """A network that is trained further: what it is called, its file's sha256 and its card."""

    network: Generator
    name: str
    sha256: str
    card: Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """What decides a run but for its length and the machine: what run.json keeps, so that a run is gone on with as it
    was begun.
    """

    recipe: str
    seed: int
    resolution: int
    batch: int
    precision: str
    devices: int
    options: dict[str, Any]
    data: str | None = None  # a bank's digest
    parent: str | None = None  # a file's sha256
    critic: str | None = None
    names: dict[str, Any] = field(default_factory=dict)  # words for people; not compared

    def check(self, path: Path) -> None:
        """Raises Refused if `path`, an earlier run's, says otherwise."""
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Refused(f"{path}: cannot be read ({error}). Begin the run again with --anew.") from error
        now = json.loads(json.dumps(asdict(self)))
        for key in now.keys() - {"names"}:
            if before.get(key) != now[key]:
                raise Refused(
                    f"{path.parent}: holds a run with {key} {_short(before.get(key))}, not {_short(now[key])}. Name "
                    f"another folder (-o), or begin here again with --anew."
                )

    def write(self, path: Path) -> None:
        """run.json. OSError."""
        write_whole(path, (json.dumps(asdict(self), indent=1) + "\n").encode())


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else text[:12] + "..."


def options_of(plan: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a plan, with what was given for some. Raises Refused for an unknown one or a wrong kind."""
    made = dict(plan.options)
    for name, value in given.items():
        if name not in made:
            near = get_close_matches(name, made, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise Refused(f"{plan.name}: has no option {name!r}; there are {', '.join(made) or 'none'}.{hint}")
        kind = type(made[name])
        try:
            made[name] = _as_kind(kind, value)
        except (TypeError, ValueError) as error:
            usual = f"{kind.__name__}, such as {made[name]!r}"
            raise Refused(f"{plan.name}: {name} is of kind {usual}; {value!r} is not") from error
    return made


def _as_kind(kind: type, value: object) -> object:
    """A value as an option's type has it; words of the command line too."""
    if kind is bool:
        word = str(value).lower()
        if word not in (*YES, *NO):
            raise ValueError(value)
        return word in YES
    return kind(value)


def parent_of(name: str | Path | None, plan: Plan) -> Parent | None:
    """The network to train further. Raises Refused."""
    if name is None:
        if "parent" in plan.wants:
            raise Refused(f"{plan.name}: trains a network further. Say which: --from first-light")
        return None
    if "parent" not in plan.wants | plan.may:
        raise Refused(f"{plan.name}: begins from nothing and takes no parent. Leave --from away.")
    path, called = models.path_of(name)
    network = io.load(path, called)
    return Parent(network, called, sha256(path.read_bytes()).hexdigest(), io.read_header(path).card)


def critic_of(given: Path | None, parent: str | Path | None, plan: Plan) -> tuple[nn.Module | None, str | None]:
    """The critic and its file's sha256: the one given, or the one that lies with the parent. Raises Refused."""
    path = given or (critics.critic_of(str(parent)) if parent is not None else None)
    if path is None:
        if "critic" in plan.wants:
            raise Refused(
                f"{plan.name}: needs the critic that {parent or 'the network'} was trained against. Name its file with "
                f"--critic, or take --from first-light, which has one."
            )
        return None, None
    return critics.load(path), sha256(path.read_bytes()).hexdigest()


def bank_of(folder: Path | None, plan: Plan, size: int, keep: Path, progress: bool) -> Bank | None:
    """The pictures: of a folder, or drawn by program where there is no such folder and `drawn` knows the name. Raises
    Refused.
    """
    if folder is None:
        if "data" in plan.wants:
            kind = "with a sub-folder for each style" if "labels" in plan.wants else "of any size and kind"
            raise Refused(
                f"{plan.name}: learns from pictures. Name a folder of them, {kind}: --data FOLDER. Or take drawn ones: "
                f"--data {drawn.STYLES if 'labels' in plan.wants else 'bloom'}"
            )
        return None
    if "data" not in plan.wants:
        raise Refused(f"{plan.name}: opens no pictures. Leave --data away.")
    if not folder.exists() and str(folder) in drawn.names():
        folder = drawn.folder(str(folder), size, keep, progress)
    with tqdm(desc=f"pictures {size}", disable=not progress, leave=False) as bar:

        def tick(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        return pictures_of(folder, size, keep, "labels" in plan.wants, tick)


def clear(folder: Path) -> None:
    """Take away what an earlier run left: checkpoints, log, trajectory. Pictures stay, and anything not known here."""
    for name in RUN_FILES:
        (folder / name).unlink(missing_ok=True)
    for path in (folder / "checkpoints").glob("*.pt"):
        path.unlink()
