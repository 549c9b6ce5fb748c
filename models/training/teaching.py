"""Running a course (`models.training.course`): one step, the way through the lessons, and the relative that is left.

Everything that the next step depends on is in `State` and goes into `checkpoint.pt`, which is written beside and then
renamed: a run may be killed at any moment, and continues with the same numbers.
"""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.checkpoints import io
from models.generators.style_modulated.config import Config
from models.generators.stylegan2 import StyleGAN2
from models.training import data
from models.training.course import Axes, Course, Lesson, axes, coordinates, fold, lesson_loss, unfold
from models.training.discriminator import Discriminator
from models.training.inspirations import family
from models.training.losses import discriminator_loss, generator_loss, r1_penalty
from models.training.sheets import grid

WEIGHTS = Path(__file__).parents[1] / "weights"
NETWORKS = ("generator", "average", "critic")
OPTIMISERS = ("g_optimiser", "d_optimiser")
SHEET = (5, 6)
R1_EVERY = 16


@dataclass(frozen=True)
class Bank:
    """Pictures [N, 3, size, size] uint8 and the p [N, K] that each stands for."""

    pictures: Tensor
    p: Tensor


@dataclass
class State:
    """A run between two steps. `generator` and `average` (what is shipped) read p in place of w."""

    generator: StyleGAN2
    average: StyleGAN2
    critic: Discriminator
    g_optimiser: torch.optim.Adam
    d_optimiser: torch.optim.Adam
    rng: torch.Generator
    lesson: int = 0
    step: int = 0  # in this lesson


@dataclass(frozen=True)
class Parent:
    """The network that a course begins with, and the coordinates in which its w is read."""

    network: StyleGAN2
    measured: Axes


def parent_of(course: Course) -> Parent:
    """What a course begins with, from the shipped networks. Raises models.checkpoints.Refused; TypeError if it is no
    StyleGAN2.
    """
    network = io.load(WEIGHTS / f"{course.parent}.safetensors", course.parent)
    if not isinstance(network, StyleGAN2):
        raise TypeError(f"{course.parent} is no StyleGAN2; a course begins with one")
    return Parent(network, axes(network, family(course.family).DIMENSIONS))


def begin(course: Course, parent: Parent, lesson: int = 0, before: State | None = None, bf16: bool = False) -> State:
    """The state at the start of a lesson; blocks that no lesson has reached yet are the parent's."""
    torch.manual_seed(course.seed + lesson)
    count, size = parent.measured.read.shape[1], course.lessons[lesson].resolution
    shape = {**parent.network.config, "img_resolution": size, "z_dim": count, "w_dim": count, "mapping_layers": 1}
    theirs = fold(parent.network.state_dict(), parent.measured)
    generator, average = StyleGAN2(Config(**shape)), StyleGAN2(Config(**shape))
    for network, old in ((generator, before and before.generator), (average, before and before.average)):
        own = network.state_dict()
        known = {**own, **theirs, **(old.state_dict() if old else {})}
        network.load_state_dict({name: known[name] for name in own})
        network.compute_dtype = torch.bfloat16 if bf16 else torch.float32
    average.eval().requires_grad_(False)
    critic = before.critic if before else Discriminator(course.patch, channel_base=2048, channel_max=64)
    taught = [(n, p) for n, p in generator.named_parameters() if not n.startswith("mapping.")]
    groups: list[dict[str, Any]] = [
        {"params": [p for n, p in taught if not n.endswith("noise_strength")], "share": 1.0},
        {"params": [p for n, p in taught if n.endswith("noise_strength")], "share": course.noise_rate},
    ]
    g_optimiser = torch.optim.Adam(groups, lr=course.learning_rate, betas=(0.5, 0.99), fused=True)
    d_optimiser = torch.optim.Adam(critic.parameters(), lr=0.002, betas=(0.0, 0.99), fused=True)
    rng = torch.Generator().manual_seed(course.seed + 1000 + lesson)
    return State(generator, average, critic, g_optimiser, d_optimiser, rng, lesson)


def save(state: State, path: Path) -> None:
    """Write the state beside, then rename it over: there is always one whole checkpoint."""
    parts: dict[str, Any] = {n: getattr(state, n).state_dict() for n in NETWORKS + OPTIMISERS}
    parts |= {"rng": state.rng.get_state(), "lesson": state.lesson, "step": state.step}
    beside = path.with_suffix(".part")
    torch.save(parts, beside)
    beside.replace(path)


def resume(course: Course, parent: Parent, path: Path, bf16: bool = False) -> State:
    """The state that `save` wrote."""
    parts = torch.load(path, weights_only=True)
    state = begin(course, parent, int(parts["lesson"]), bf16=bf16)
    for name in NETWORKS + OPTIMISERS:
        getattr(state, name).load_state_dict(parts[name])
    state.rng.set_state(parts["rng"])
    state.step = int(parts["step"])
    return state


def draw(course: Course, parent: Parent, lesson: Lesson, folder: Path, progress: bool = True) -> Bank:
    """What seeds 0, 1, ... shall show at the lesson's size, drawn once and kept in `folder`."""
    drawn = family(course.family)
    p = coordinates(parent.network, parent.measured, lesson.pictures)
    path = folder / f"drawn-{lesson.resolution}-{lesson.pictures}.npy"
    if not path.exists():
        size = lesson.resolution
        pictures = torch.empty(len(p), 3, size, size, dtype=torch.uint8)
        with torch.inference_mode():
            for k in tqdm(range(len(p)), desc=f"pictures {size}", disable=not progress):
                pictures[k] = data.to_uint8(drawn.draw(p[k], size))
        beside = path.with_suffix(".part.npy")
        np.save(beside, pictures.numpy())
        beside.replace(path)
    return Bank(torch.from_numpy(np.load(path)), p)


def show(network: StyleGAN2, p: Tensor, noise_mode: str = "random", rng: torch.Generator | None = None) -> Tensor:
    """p [N, K] -> pictures [N, 3, H, W], by a network that reads p."""
    return network.synthesize(p[:, None].expand(-1, network.num_ws, -1), noise_mode=noise_mode, rng=rng)


def step(state: State, bank: Bank, course: Course, bf16: bool = False) -> dict[str, float]:
    """One batch: what the pictures should have been, and what the critic says of their patches. Gives the losses.

    Raises FloatingPointError if one is not finite.
    """
    lesson = course.lessons[state.lesson]
    fall = 0.5 * (1 + math.cos(math.pi * state.step / lesson.steps))
    rate = course.learning_rate * lesson.rate * min(1.0, (state.step + 1) / 20) * (0.15 + 0.85 * fall)
    for group in state.g_optimiser.param_groups:
        group["lr"] = rate * group["share"]
    index = torch.randint(len(bank.pictures), [lesson.batch], generator=state.rng)
    wanted = data.to_signed(bank.pictures[index])
    made = show(state.generator, bank.p[index], rng=state.rng)
    loss = lesson_loss(made, wanted, course.edge_weight, lesson.contrast)
    losses = {"away": float(loss.detach())}
    if lesson.critic:
        praise = _criticise(state, course, made, wanted, losses, bf16)
        loss = loss + lesson.critic * praise
    state.g_optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    state.g_optimiser.step()
    state.step += 1
    keep = 0.5 ** (1 / min(course.ema_steps, 5 + 0.2 * state.step))
    with torch.no_grad():
        torch._foreach_lerp_(list(state.average.parameters()), list(state.generator.parameters()), 1 - keep)
    if not all(abs(v) < 1e6 for v in losses.values()):  # false for NaN, too
        raise FloatingPointError(f"training left the finite numbers at step {state.step}: {losses}")
    return losses


def _criticise(
    state: State, course: Course, made: Tensor, wanted: Tensor, losses: dict[str, float], bf16: bool
) -> Tensor:
    """The critic learns from a patch of every picture, and says what it thinks of the made ones (Isola et al. 2017)."""
    room = made.shape[2] - course.patch + 1
    corners = torch.randint(room, [len(made), 2], generator=state.rng).tolist()
    seen, real = (
        torch.stack([p[:, y : y + course.patch, x : x + course.patch] for p, (y, x) in zip(b, corners, strict=True)])
        for b in (made, wanted)
    )

    def judge(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return torch.as_tensor(state.critic(x))

    state.critic.requires_grad_(True)
    state.d_optimiser.zero_grad(set_to_none=True)
    loss = discriminator_loss(judge(real), judge(seen.detach()))
    loss.backward()  # type: ignore[no-untyped-call]
    if state.step % R1_EVERY == 0:
        penalty = r1_penalty(state.critic, real)
        (penalty * (0.5 * course.r1_gamma * R1_EVERY)).backward()  # type: ignore[no-untyped-call]
    state.d_optimiser.step()
    state.critic.requires_grad_(False)
    praise = generator_loss(judge(seen))
    losses |= {"d": float(loss.detach()), "g": float(praise.detach())}
    return praise


def run(
    course: Course,
    folder: Path,
    continue_from_checkpoint: bool = True,
    bf16: bool = False,
    every: int = 200,
    progress: bool = True,
) -> State:
    """Go through the lessons from where `folder` stands. Every `every` steps a checkpoint and a sheet are written.

    Runs for minutes to hours: in a process of its own, never in the show's. OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, parent = folder / "checkpoint.pt", parent_of(course)
    known = continue_from_checkpoint and path.exists()
    state = resume(course, parent, path, bf16) if known else begin(course, parent, bf16=bf16)
    for index in range(state.lesson, len(course.lessons)):
        lesson = course.lessons[index]
        if index != state.lesson:
            state = begin(course, parent, index, state, bf16)
        bank = draw(course, parent, lesson, folder, progress)
        title = f"{course.name} {lesson.resolution}"
        with tqdm(total=lesson.steps, initial=state.step, desc=title, disable=not progress) as bar:
            while state.step < lesson.steps:
                losses = step(state, bank, course, bf16)
                bar.update()
                if state.step % 16 == 1:
                    bar.set_postfix({k: f"{v:.3f}" for k, v in losses.items()})
                if state.step % every == 0 or state.step == lesson.steps:
                    save(state, path)
                    sheet(state, bank, folder / f"sheet-{index}-{lesson.resolution}-{state.step:05d}.png")
    return state


def sheet(state: State, bank: Bank, path: Path) -> None:
    """The first seeds as the averaged network shows them."""
    rows, columns = SHEET
    with torch.inference_mode():
        made = [show(state.average, p[None], noise_mode="const") for p in bank.p[: rows * columns]]
        missing = [torch.full_like(made[0], -1.0)] * (rows * columns - len(made))
    grid(torch.cat(made + missing), rows, columns).save(path)


def finished(course: Course, state: State) -> StyleGAN2:
    """The relative: the parent's mapping, and the averaged network reading w again. ValueError before full size."""
    parent = parent_of(course)
    network, size = parent.network, state.average.img_resolution
    if size != network.img_resolution:
        raise ValueError(f"{course.name} has only reached {size}x{size}")
    network.load_state_dict({**network.state_dict(), **unfold(state.average.state_dict(), parent.measured)})
    return network


def export(course: Course, state: State, out: Path) -> Path:
    """Write the relative to `out` (.safetensors, float16) with its card, which names its parent, and give `out`."""
    source = WEIGHTS / f"{course.parent}.safetensors"
    theirs = io.read_header(source).card
    ancestor = {"what": f"taught the family {course.family}", "name": course.parent}
    ancestor |= {key: theirs[key] for key in ("recipe", "seed") if key in theirs}
    ancestor["sha256"] = hashlib.sha256(source.read_bytes()).hexdigest()
    card = {
        "description": course.description,
        "recipe": course.name,
        "seed": course.seed,
        "steps": sum(lesson.steps for lesson in course.lessons[: state.lesson]) + state.step,
        "licence": course.licence,
        "sources": {f"models/training/inspirations/{course.family}.py": "drawn by program, MIT"},
        "ancestry": [*theirs.get("ancestry", []), ancestor],
        "seeds": [],
    }
    io.save(out, finished(course, state), card, half=True)
    return out
