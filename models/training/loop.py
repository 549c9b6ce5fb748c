"""The training loop: one step of G, one of D, R1 now and then, averages, checkpoints, sample sheets.

Everything that the next step depends on is in `State` and goes into `checkpoint.pt`, which is written beside and then
renamed: a run may be killed at any moment, and continues with the same numbers. Loading uses torch's weights-only
reader.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch import distributed as dist
from tqdm import tqdm

from models.generators.stylegan2 import Config, StyleGAN2
from models.training import data
from models.training.augment import augment
from models.training.discriminator import Discriminator, grow
from models.training.losses import anchor_loss, discriminator_loss, generator_loss, r1_penalty
from models.training.recipe import Recipe, Stage

log = logging.getLogger(__name__)
SHEET = (6, 8)  # rows, columns


@dataclass
class State:
    """A run between two steps."""

    generator: StyleGAN2
    discriminator: Discriminator
    average: StyleGAN2  # G_ema, the network that is shipped
    g_optimiser: torch.optim.Adam
    d_optimiser: torch.optim.Adam
    rng: torch.Generator
    stage: int = 0
    seen: int = 0  # pictures shown in this stage
    total: int = 0  # pictures shown in all
    steps: int = 0


def begin(recipe: Recipe, stage: int = 0, before: "State | None" = None, bf16: bool = False) -> State:
    """A fresh state for a stage; with `before`, its networks carry over and the new blocks start without effect."""
    torch.manual_seed(recipe.seed + stage)
    resolution = recipe.stages[stage].resolution
    config = Config(**{**recipe.generator, "img_resolution": resolution})
    networks = [StyleGAN2(config), StyleGAN2(config)]
    if before is None:
        discriminator = Discriminator(resolution, **recipe.discriminator)
        networks[1].load_state_dict(networks[0].state_dict())
    else:
        discriminator = grow(before.discriminator.state_dict(), resolution, **recipe.discriminator)
        fresh = networks[0].state_dict()
        for network, old in zip(networks, (before.generator, before.average), strict=True):
            known = old.state_dict()
            start = {n: torch.zeros_like(t) if n.endswith("torgb.weight") else t for n, t in fresh.items()}
            network.load_state_dict({**start, **known})
    generator, average = networks
    average.eval().requires_grad_(False)
    for network in networks:
        network.compute_dtype = torch.bfloat16 if bf16 else torch.float32
    rng = torch.Generator().manual_seed(recipe.seed + 1000 + stage)
    # Adam's betas are stretched for lazy regularisation as in StyleGAN2: D takes r1_every + 1 steps where it would
    # take r1_every.
    ratio = recipe.r1_every / (recipe.r1_every + 1)
    named = list(generator.named_parameters())
    noise = [p for n, p in named if n.endswith("noise_strength")]
    others = [p for n, p in named if not n.endswith("noise_strength")]
    groups: list[dict[str, Any]] = [
        {"params": others},
        {"params": noise, "lr": recipe.learning_rate * recipe.noise_rate},
    ]
    g_optimiser = torch.optim.Adam(groups, lr=recipe.learning_rate, betas=(0.0, 0.99), eps=1e-8, fused=True)
    d_optimiser = torch.optim.Adam(
        discriminator.parameters(), lr=recipe.learning_rate * ratio, betas=(0.0, 0.99**ratio), eps=1e-8, fused=True
    )
    total, steps = (0, 0) if before is None else (before.total, before.steps)
    return State(generator, discriminator, average, g_optimiser, d_optimiser, rng, stage, 0, total, steps)


def make(state: State, count: int, recipe: Recipe, anchors: Tensor | None = None) -> Tensor:
    """`count` pictures of the network in training, with style mixing and random noise; the first are those of
    `anchors`' seeds.
    """
    g = state.generator
    z = torch.randn([2, count, g.z_dim], generator=state.rng)
    cut = torch.randint(1, g.num_ws, [count], generator=state.rng)
    mixed = torch.rand([count], generator=state.rng) < recipe.style_mixing
    if anchors is not None:
        z[0, : len(anchors)] = torch.stack([data.seed_z(int(k), g.z_dim) for k in anchors])
        mixed[: len(anchors)] = False
    w = g.map(z[0], truncation_psi=1.0)
    if g.training:
        with torch.no_grad():
            g.w_avg.lerp_(w[:, 0].mean(0), 0.005)
    cut = torch.where(mixed, cut, g.num_ws)
    other = torch.arange(g.num_ws)[None] >= cut[:, None]  # [N, num_ws]
    w = torch.where(other[:, :, None], g.map(z[1], truncation_psi=1.0), w)
    return g.synthesize(w, noise_mode="random", rng=state.rng)


def step(state: State, pictures: Tensor, recipe: Recipe, bf16: bool = False) -> dict[str, float]:
    """One step of both networks; the losses as numbers. FloatingPointError if one is not finite."""
    stage = recipe.stages[state.stage]
    count = stage.batch // processes()

    def judge(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return torch.as_tensor(state.discriminator(augment(x, stage.augment, state.rng)))

    losses = _step_generator(state, pictures, recipe, count, judge)
    if stage.adversarial:
        losses |= _step_discriminator(state, pictures, recipe, count, judge)
    state.steps += 1
    state.seen += stage.batch
    state.total += stage.batch
    _follow(state, recipe, stage)
    if not all(abs(v) < 1e6 for v in losses.values()):  # false for NaN, too
        raise FloatingPointError(f"training left the finite numbers at step {state.steps}: {losses}")
    return losses


Judge = Callable[[Tensor], Tensor]


def _step_generator(state: State, pictures: Tensor, recipe: Recipe, count: int, judge: Judge) -> dict[str, float]:
    """G's step: the critic's opinion, and for seeds that are anchors the picture they stand for."""
    stage = recipe.stages[state.stage]
    state.discriminator.requires_grad_(False)
    state.g_optimiser.zero_grad(set_to_none=True)
    anchored = (count // 2 if stage.adversarial else count) if recipe.anchors else 0
    anchors = torch.randint(recipe.anchors, [anchored], generator=state.rng) if anchored else None
    made = make(state, count, recipe, anchors)
    loss = made.new_zeros([])
    losses = {}
    if stage.adversarial:
        loss = generator_loss(judge(made))
        losses["g"] = float(loss.detach())
    if anchors is not None:
        away = anchor_loss(made[:anchored], data.to_signed(pictures[anchors]))
        losses["anchor"] = float(away.detach())
        loss = loss + recipe.anchor_weight * away
    loss.backward()  # type: ignore[no-untyped-call]
    share_gradients(state.generator)
    state.g_optimiser.step()
    return losses


def _step_discriminator(state: State, pictures: Tensor, recipe: Recipe, count: int, judge: Judge) -> dict[str, float]:
    """D's step, and every `r1_every` steps the penalty on its slope."""
    stage = recipe.stages[state.stage]
    state.discriminator.requires_grad_(True)
    state.d_optimiser.zero_grad(set_to_none=True)
    with torch.no_grad():
        fake = make(state, count, recipe)
    real = data.batch(pictures, count, state.rng)
    # Two passes, so that the batch statistics of real and made pictures stay apart.
    loss = discriminator_loss(judge(real), judge(fake))
    loss.backward()  # type: ignore[no-untyped-call]
    share_gradients(state.discriminator)
    state.d_optimiser.step()
    losses = {"d": float(loss.detach())}
    if state.steps % recipe.r1_every == 0:
        state.d_optimiser.zero_grad(set_to_none=True)
        gamma = recipe.r1_gamma * stage.resolution**2 / stage.batch
        penalty = r1_penalty(lambda x: state.discriminator(augment(x, stage.augment, state.rng)), real)
        (penalty * (0.5 * gamma * recipe.r1_every)).backward()  # type: ignore[no-untyped-call]
        share_gradients(state.discriminator)
        state.d_optimiser.step()
        losses["r1"] = float(penalty.detach())
    return losses


def processes() -> int:
    """How many processes train together (see `models.training.__main__`); each makes its part of every batch."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share_gradients(network: nn.Module) -> None:
    """The mean of the processes' gradients, in each of them."""
    if not dist.is_initialized():
        return
    slopes = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([s.flatten() for s in slopes])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for slope, part in zip(slopes, torch.split(flat, [s.numel() for s in slopes]), strict=True):
        slope.copy_(part.view_as(slope))


def _follow(state: State, recipe: Recipe, stage: Stage) -> None:
    """The moving average of G."""
    half_life = min(recipe.ema_kimg * 1000, 0.1 * state.total + stage.batch)
    keep = 0.5 ** (stage.batch / half_life)
    with torch.no_grad():
        torch._foreach_lerp_(list(state.average.parameters()), list(state.generator.parameters()), 1 - keep)
        for mine, theirs in zip(state.average.buffers(), state.generator.buffers(), strict=True):
            mine.copy_(theirs)


def save(state: State, path: Path) -> None:
    """Write the state to a file beside, then rename it over: there is always one whole checkpoint."""
    parts: dict[str, Any] = {n: getattr(state, n).state_dict() for n in NETWORKS + OPTIMISERS}
    parts |= {"rng": state.rng.get_state(), **{n: getattr(state, n) for n in COUNTERS}}
    beside = path.with_suffix(".part")
    torch.save(parts, beside)
    beside.replace(path)


def resume(recipe: Recipe, path: Path, bf16: bool = False) -> State:
    """The state that `save` wrote."""
    parts: Mapping[str, Any] = torch.load(path, weights_only=True)
    state = begin(recipe, int(parts["stage"]), bf16=bf16)
    for name in NETWORKS + OPTIMISERS:
        part: nn.Module | torch.optim.Adam = getattr(state, name)
        part.load_state_dict(parts[name])
    state.rng.set_state(parts["rng"])
    for name in COUNTERS:
        setattr(state, name, int(parts[name]))
    return state


NETWORKS = ("generator", "discriminator", "average")
OPTIMISERS = ("g_optimiser", "d_optimiser")
COUNTERS = ("stage", "seen", "total", "steps")


def grid(pictures: Tensor, rows: int, columns: int) -> Image.Image:
    """[rows * columns, 3, H, W] in -1..1 -> one image."""
    height, width = pictures.shape[2:]
    x = (pictures * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    x = x.reshape(rows, columns, 3, height, width).permute(0, 3, 1, 4, 2).reshape(rows * height, columns * width, 3)
    return Image.fromarray(x.numpy())


def sample_sheet(network: StyleGAN2, truncation_psi: float = 1.0, first_seed: int = 0) -> Image.Image:
    """Seeds first_seed, ... of the averaged network, noise constant."""
    rows, columns = SHEET
    count = rows * columns
    z = torch.stack([data.seed_z(first_seed + k, network.z_dim) for k in range(count)])
    with torch.inference_mode():
        made = [network.synthesize(network.map(one[None], truncation_psi=truncation_psi)) for one in z]
    return grid(torch.cat(made), rows, columns)


def prepare(recipe: Recipe, stage: Stage, out_dir: Path, progress: bool = True) -> Tensor:
    """The stage's pictures [N, 3, H, W] uint8, made once and kept in `out_dir`."""
    path = out_dir / f"pictures-{stage.resolution}-{stage.pictures}.npy"
    if path.exists():
        return torch.from_numpy(np.load(path))
    with tqdm(total=stage.pictures, desc=f"pictures {stage.resolution}", disable=not progress) as bar:
        pictures = data.bank(recipe.scenes(), stage.pictures, stage.resolution, recipe.seed, bar.update)
    beside = path.with_suffix(".part.npy")
    np.save(beside, pictures.numpy())
    beside.replace(path)
    return pictures


def run(
    recipe: Recipe,
    out_dir: Path,
    continue_from_checkpoint: bool = True,
    bf16: bool = False,
    sheet_every: int = 250,
    save_every: int = 250,
    progress: bool = True,
) -> StyleGAN2:
    """Train through the recipe's stages from where `out_dir` stands, and give the averaged generator.

    `out_dir` receives checkpoint.pt, stage-<size>.pt at the end of each stage, and sheet-*.png. Runs for minutes to
    hours: in a process of its own, never in the show's. OSError if the folder cannot be written.
    """
    first = not dist.is_initialized() or dist.get_rank() == 0
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / "checkpoint.pt"
    state = resume(recipe, path, bf16) if continue_from_checkpoint and path.exists() else begin(recipe, bf16=bf16)
    for index in range(state.stage, len(recipe.stages)):
        stage = recipe.stages[index]
        if index != state.stage:
            state = begin(recipe, index, state, bf16)
        pictures = prepare(recipe, stage, out_dir, progress)
        if first and state.seen == 0:
            sample = data.batch(pictures, SHEET[0] * SHEET[1], torch.Generator().manual_seed(0))
            grid(sample, *SHEET).save(out_dir / f"real-{stage.resolution}.png")
        if dist.is_initialized() and dist.get_rank() > 0:  # other latents and pictures than the first process
            state.rng.manual_seed(hash((recipe.seed, state.steps, dist.get_rank())))
        goal = round(stage.kimg * 1000)
        with tqdm(
            total=goal, initial=state.seen, desc=f"{recipe.name} {stage.resolution}", disable=not progress
        ) as bar:
            while state.seen < goal:
                losses = step(state, pictures, recipe, bf16)
                bar.update(stage.batch)
                if state.steps % 16 == 1:
                    bar.set_postfix({k: f"{v:.3f}" for k, v in losses.items()})
                if first and state.steps % sheet_every == 0:
                    sample_sheet(state.average).save(out_dir / f"sheet-{stage.resolution}-{state.total:07d}.png")
                if first and state.steps % save_every == 0:
                    save(state, path)
        if first:
            save(state, path)
            save(state, out_dir / f"stage-{stage.resolution}.pt")
    return state.average
