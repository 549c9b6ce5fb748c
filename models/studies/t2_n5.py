"""N5 and T2, health and rollback: the four failures that Ahn et al. show are brought about, seen and undone.

A network of discs that was taught without an alarm (the healthy run) goes on for 500 steps in four ways that break it.
Each must raise an alarm in that time; which one is said (rates times 100 may burn a network out before it collapses).
That one, the collapse, must be seen within 200 steps, and what the rollback gives back must be the checkpoint: the
weights' hash and the picture of a fixed latent, bit for bit.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.checkpoints import io
from models.guard import fixed_latents
from models.studies import Check, Run, at_most, parents, true_in_all
from models.studies.fragile import fragile
from models.training.keeping import Ring
from models.training.recipes.gan import RECIPE as GAN
from models.training.run import run as train
from models.training.running import Run as Training

ABOUT = "N5 and T2 training health: four failures brought about, caught, and rolled back to the last bit"
SUBSTITUTE = "a StyleGAN2 of 45,000 numbers on drawn discs, 32x32, for the CAN on WikiArt; failures by their causes"
WITHIN = 500
WITHIN_COLLAPSE = 200
FAILURES: Mapping[str, Mapping[str, float]] = {
    "plateau": {"g_lr": 0.0, "d_lr": 4.0, "r1": 0.0},  # a critic that runs away from a generator that cannot follow
    "sparse": {"emptied": 1.0},  # what is drawn vanishes from the pictures that it learns from
    "saturation": {"g_lr": 100.0, "d_lr": 0.0},  # nothing holds the generator's colours
    "collapse": {"lr": 100.0},
}
SETTINGS: Mapping[str, Any] = {
    "parent": parents.SETTINGS, "within": WITHIN, "failures": {name: dict(knobs) for name, knobs in FAILURES.items()},
}  # fmt: skip


@dataclass
class Seen:
    """What a broken run said: steps from the break to the first alarm, its names, and what came back."""

    first: int | None = None
    alarms: tuple[str, ...] = ()
    hash_back: str = ""
    frame_back: Tensor | None = None
    step_back: int = -1


def run(seed: int, folder: Path, quick: bool) -> dict[str, Any]:
    """One healthy run, broken in four ways."""
    parents.taught(folder, "circle", seed, quick)
    healthy = parents.shared(folder, quick) / f"circle-network-{seed}"
    further = parents.taught_further(folder, seed, quick).parent
    found = {name: broken(name, seed, folder, healthy, quick) for name in FAILURES}
    kept = Ring(healthy / "checkpoints").newest()
    assert kept is not None
    back = found["collapse"]
    return {
        "false_alarms": _alarms(healthy) + _alarms(further), "healthy_steps": _steps(healthy) + _steps(further),
        "caught": sum(seen.first is not None for seen in found.values()),
        "steps_to_alarm": {name: seen.first for name, seen in found.items()},
        "alarms": {name: list(seen.alarms) for name, seen in found.items()},
        "collapse_alarm": back.first if back.first is not None else WITHIN + 1,
        "step_back": back.step_back, "hash_back": back.hash_back == kept["hash"] != "",
        "frame_back": back.frame_back is not None
        and torch.equal(back.frame_back, _frame(io.load(healthy / "gan.safetensors"))),
        "pictures": {f"{name}: the sheet at its alarm": _sheet(folder, name) for name in FAILURES},
    }  # fmt: skip


def broken(name: str, seed: int, folder: Path, healthy: Path, quick: bool) -> Seen:
    """The healthy run's folder, copied and gone on with in a way that breaks it, until the first alarm."""
    out = folder / name
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(healthy, out)
    begun, seen = _steps(healthy), Seen()

    def on_step(state: Training) -> None:
        _notice(state, name, begun, seen)

    plan = fragile(parents.still(GAN))
    plan = replace(plan, knobs=tuple(replace(k, high=100.0) for k in plan.knobs), sheet_every=50, save_every=100)
    train(
        plan, out, data=parents.drawn(folder, "circle", quick), seed=seed, steps=begun + (4 if quick else WITHIN),
        resolution=parents.SIZE, batch=parents.number("batch", quick), options=parents.SETTINGS["options"],
        knobs=lambda _: FAILURES[name], on_step=on_step, progress=False,
    )  # fmt: skip
    shutil.copy(out / "sheet.png", folder / f"{name}.png")
    return seen


def _notice(state: Training, name: str, begun: int, seen: Seen) -> None:
    """Take down the first alarm and what the rollback gave back; then the run ends."""
    if not state.alarms:
        return
    events = (state.out / "events.csv").read_text(encoding="utf-8").splitlines()
    seen.first = int(events[-2].split(",")[0]) - begun  # the alarm's line; the last one is the rollback's
    seen.alarms, seen.step_back, seen.hash_back = state.alarms, state.number - begun, state.hash()
    seen.frame_back = _frame(state.method.networks[state.method.shown])
    state.stop(f"{name} was seen")


@torch.no_grad()
def _frame(network: Any) -> Tensor:
    """The picture of one fixed latent, psi 1, constant noise."""
    w = network.map(fixed_latents(network.z_dim, 1), truncation_psi=1.0)
    return torch.as_tensor(network.synthesize(w, noise_mode="const"))


def _steps(folder: Path) -> int:
    return len((folder / "log.csv").read_text(encoding="utf-8").splitlines()) - 1


def _alarms(folder: Path) -> int:
    path = folder / "events.csv"
    return path.read_text(encoding="utf-8").count("alarm") if path.exists() else 0


def _sheet(folder: Path, name: str) -> str:
    return (folder / f"{name}.png").name


def verdict(runs: Sequence[Run]) -> tuple[Check, ...]:
    """Everything seen, nothing cried over, all given back."""
    late = [max((n for n in r["steps_to_alarm"].values() if n is not None), default=0) for r in runs]
    false, steps = sum(int(r["false_alarms"]) for r in runs), sum(int(r["healthy_steps"]) for r in runs)
    caught, named = (
        [int(r["caught"]) for r in runs],
        sum(name in said for r in runs for name, said in r["alarms"].items()),
    )
    return (
        Check(
            f"induced failures caught within {WITHIN} steps", "4 of 4",
            f"{', '.join(map(str, caught))} of 4; the latest after {max(late)}; {named} of {4 * len(runs)} by the name "
            f"of what was meant", min(caught) == len(FAILURES),
        ),
        Check(
            "false alarms in healthy runs", "0 in 5 runs",
            f"{false} in {2 * len(runs)} runs of {steps} steps in all", false == 0,
        ),
        at_most(runs, "steps from rates x 100 to the alarm", "collapse_alarm", WITHIN_COLLAPSE),
        true_in_all(runs, "rollback restores the checkpoint's hash", "hash_back"),
        true_in_all(runs, "rollback restores a fixed latent's picture, bit for bit", "frame_back"),
    )  # fmt: skip
