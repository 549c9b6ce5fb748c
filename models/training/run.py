"""The training instrument's door: a plan, a folder, and off it goes. Runs for minutes to hours, in its own process.

The folder gets run.json (what the run is), log.csv (the losses of every step), sheet.png (always the newest),
trajectory (dense, for `tune`), checkpoints/ (a ring of the newest and those with names), events.csv (alarms,
rollbacks), and at the end NAME.safetensors, which can be played, with its critic beside it.

It may be killed at any moment; the same call goes on from the last checkpoint with the same numbers, on the processor
to the last bit. On a GPU the sums of some layers come out in another order each time; there the way is the same but not
the last digits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from tqdm import tqdm

from models.checkpoints import Refused, io
from models.generators import Generator
from models.training import critics
from models.training.discriminator import Discriminator
from models.training.engine import Engine, NoRoom, fabric, leads
from models.training.folder import Bank
from models.training.method import Plan, Setting
from models.training.running import Halted, Knobs, Run, network_of
from models.training.starting import Parent, Told, bank_of, clear, critic_of, options_of, parent_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What a run left. `weights`: the finished network, None where it cannot be played. `hash`: sha256 of the weights
    that are shown. `stopped`: "" or why it ended early.
    """

    folder: Path
    weights: Path | None
    trajectory: Path
    steps: int
    hash: str
    rollbacks: int
    losses: Mapping[str, float]
    stopped: str = ""


def run(
    plan: Plan,
    out: Path,
    *,
    data: Path | None = None,
    parent: str | Path | None = None,
    critic: Path | None = None,
    seed: int = 0,
    steps: int | None = None,
    resolution: int | None = None,
    batch: int | None = None,
    resume: bool = True,
    guard: bool = True,
    on_step: Callable[[Run], object] | None = None,
    knobs: Knobs | None = None,
    options: Mapping[str, Any] | None = None,
    precision: str = "32-true",
    devices: int = 1,
    device: str = "cpu",
    progress: bool = True,
) -> Result:
    """Train, from where `out` stands if `resume`. None means what the plan says.

    `parent`: a name or path that `models.load` knows; `critic`: a file of `models.training.critics` (None: the one
    beside the parent). `on_step(run)` is called after every step; `knobs(number)` before each, for the values that a
    performer moves (those left out have their defaults). `precision`: "32-true", "bf16-mixed", "16-mixed"; `device`:
    "cpu", "cuda", "auto"; the batch is shared out among `devices`.

    Raises models.checkpoints.Refused for what the user should mend before it begins, Halted for what stopped it on
    the way.
    """
    plan = replace(plan, steps=steps or plan.steps, resolution=resolution or plan.resolution, batch=batch or plan.batch)
    _check_sizes(plan, devices)
    chosen = options_of(plan, options or {})
    source = parent_of(parent, plan)
    judge, judge_hash = critic_of(critic, parent, plan)
    _check_critic(judge, plan)
    made = _bank(plan, out, data, progress and leads())  # before there are other processes: they find it made
    try:
        machine = fabric(precision, devices, device)
    except (ValueError, RuntimeError) as error:  # what Fabric raises for a device that is not there
        raise Refused(f"training cannot begin on {devices} x {device} in {precision}: {error}") from error
    setting = Setting(
        seed, plan.resolution, plan.batch // machine.world_size, machine, Engine(machine),
        source.network if source else None, judge, made.classes if made else (), chosen,
    )  # fmt: skip
    told = Told(
        plan.name, seed, plan.resolution, plan.batch, precision, devices, chosen, made.digest if made else None,
        source.sha256 if source else None, judge_hash,
        {"parent": source.name if source else None, "data": str(data.name) if data else None},
    )  # fmt: skip
    return _run(plan, setting, told, out, made, source, resume, guard, on_step, knobs, progress)


def _run(
    plan: Plan,
    setting: Setting,
    told: Told,
    out: Path,
    bank: Bank | None,
    source: Parent | None,
    resume: bool,
    guard: bool,
    on_step: Callable[[Run], object] | None,
    knobs: Knobs | None,
    progress: bool,
) -> Result:
    """The run itself, once everything that it begins with is there."""
    first = bool(setting.fabric.is_global_zero)
    if first and not resume:
        clear(out)
    setting.fabric.barrier()
    state = Run(plan, setting, out, bank, {}, guard)
    parts = state.ring.newest() if resume else None
    if parts is not None:
        told.check(out / "run.json")
    state.header |= _header(state, told)
    try:
        state.open(parts)
        if first:
            with state.writing():
                told.write(out / "run.json")
        _steps(state, plan.steps, on_step, knobs, progress and first)
        return _finish(state, told, source, bank)
    except NoRoom as error:
        raise Halted(str(error)) from error
    finally:
        state.close()


def _steps(
    state: Run, steps: int, on_step: Callable[[Run], object] | None, knobs: Knobs | None, progress: bool
) -> None:
    """Step by step to the end, with the time that is left."""
    with tqdm(total=steps, initial=min(state.number, steps), desc=state.plan.name, disable=not progress) as bar:
        while state.number < steps and not state.stopped:
            state.advance(steps, knobs(state.number) if knobs else {})
            if on_step is not None:
                on_step(state)
            bar.n = state.number
            bar.update(0)
            if state.number % 16 == 1:
                bar.set_postfix({name: f"{value:.3f}" for name, value in state.losses.items()})


def _finish(state: Run, told: Told, source: Parent | None, bank: Bank | None) -> Result:
    """Write the network that can be played, and its critic."""
    path: Path | None = None
    network = network_of(state.method)
    if state.first:
        with state.writing():
            card = _card(state, told, source, bank)
            if network is not None:
                path = state.out / f"{state.plan.name}.safetensors"
                io.save(path, network, card)
            for word, name in getattr(state.method, "played", {}).items():
                other = cast(Generator, state.method.networks[name])
                io.save(state.out / f"{state.plan.name}-{word}.safetensors", other, card)
            for judge in state.method.networks.values():
                if isinstance(judge, Discriminator):
                    critics.save(state.out / f"{state.plan.name}{critics.SUFFIX}", judge, card)
    return Result(
        state.out, path, state.out / "trajectory", state.number, state.hash(), state.rollbacks, dict(state.losses),
        state.stopped,
    )  # fmt: skip


def _card(state: Run, told: Told, source: Parent | None, bank: Bank | None) -> dict[str, Any]:
    """What the network says of itself."""
    size, steps = state.setting.resolution, state.number
    card: dict[str, Any] = {
        "description": f"{state.plan.name}: {state.plan.about} ({steps} steps at {size} pixels)",
        "recipe": told.recipe,
        "seed": told.seed,
        "steps": steps,
        "options": told.options,
        "licence": "that of its pictures" if bank else str(source.card.get("licence", "")) if source else "CC0-1.0",
        "seeds": [],
    }
    if bank is not None:
        card["data"] = {"folder": told.names["data"], "pictures": len(bank.pictures), "digest": bank.digest}
    if source is not None:
        ancestor = {"what": state.plan.name, "name": source.name, "sha256": source.sha256}
        ancestor |= {key: source.card[key] for key in ("recipe", "seed") if key in source.card}
        card["ancestry"] = [*source.card.get("ancestry", []), ancestor]
    return card


def _header(state: Run, told: Told) -> dict[str, Any]:
    """What the trajectory says of itself."""
    network = network_of(state.method)
    about = {} if network is None else {"architecture": network.architecture, "config": network.config}
    told_all = {key: value for key, value in asdict(told).items() if key not in ("names", "options")}
    return {**about, **told_all, "parent_name": told.names["parent"]}


def _bank(plan: Plan, out: Path, data: Path | None, progress: bool) -> Bank | None:
    """The pictures. Raises Refused, Halted."""
    if data is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(f"{out}: cannot be made ({error.strerror}). Name another folder with -o.") from error
    try:
        return bank_of(data, plan, plan.resolution, out, progress)
    except OSError as error:
        raise Halted(
            f"{out}: the pictures cannot be kept there ({error.strerror}). Make room, or name another folder with -o."
        ) from error


def _check_sizes(plan: Plan, devices: int) -> None:
    """Raises Refused for sizes that no network has."""
    if plan.resolution < 8 or plan.resolution & (plan.resolution - 1):
        raise Refused(f"a size of {plan.resolution} pixels cannot be trained: take 16, 32, 64, 128, 256, 512 or 1024.")
    if plan.batch < 2 * devices or plan.batch % devices:
        raise Refused(
            f"a batch of {plan.batch} cannot be shared out among {devices} device(s): it takes two pictures or more "
            f"for each of them, the same for all."
        )


def _check_critic(judge: Any, plan: Plan) -> None:
    """Raises Refused where a critic has no input of the run's size."""
    if judge is not None and plan.resolution not in judge.resolutions:
        raise Refused(
            f"the critic judges pictures of {', '.join(map(str, judge.resolutions))} pixels, not {plan.resolution}: "
            f"choose another --size, or another --critic."
        )
