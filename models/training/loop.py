"""The training loop: one step of G, one of D, R1 now and then, the moving average, sample sheets."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F  # noqa: N812  its name everywhere
from tqdm import tqdm

from models.generators.stylegan2 import StyleGAN2
from models.training import data
from models.training.augment import augment
from models.training.losses import anchor_loss, discriminator_loss, generator_loss, r1_penalty
from models.training.recipe import Recipe, Stage
from models.training.sheets import SHEET, grid, sample_sheet
from models.training.state import State, begin, resume, save


def make(state: State, count: int, recipe: Recipe, anchors: Tensor | None = None) -> Tensor:
    """`count` pictures of the network in training, with style mixing and random noise; `anchors`' seeds come first."""
    g = state.generator
    z = torch.randn([2, count, g.z_dim], generator=state.rng)
    cut = torch.randint(1, g.num_ws, [count], generator=state.rng)
    mixed = torch.rand([count], generator=state.rng) < recipe.style_mixing
    if anchors is not None:
        z[0, : len(anchors)] = seed_latents(anchors.tolist(), g.z_dim)
        mixed[: len(anchors)] = False
    w = g.map(z[0], truncation_psi=1.0)
    if recipe.anchors:
        walks = torch.rand([count, 1, 1], generator=state.rng) < recipe.walks
        walks[: 0 if anchors is None else len(anchors)] = False
        w = torch.where(walks, between_anchors(g, count, recipe.anchors, state.rng), w)
    if g.training:
        with torch.no_grad():
            g.w_avg.lerp_(g.map(z[1], truncation_psi=1.0)[:, 0].mean(0), 0.005)
    cut = torch.where(mixed, cut, g.num_ws)
    other = torch.arange(g.num_ws)[None] >= cut[:, None]  # [N, num_ws]
    w = torch.where(other[:, :, None], g.map(z[1], truncation_psi=1.0), w)
    return g.synthesize(w, noise_mode="random", rng=state.rng)


def between_anchors(g: StyleGAN2, count: int, anchors: int, rng: torch.Generator) -> Tensor:
    """w [count, num_ws, w_dim] of points between two anchors, where a show walks: half of them on the great arc in z,
    half on the arc in w around w_avg.
    """
    ends = torch.randint(anchors, [2, count], generator=rng)
    a, b = (seed_latents(end.tolist(), g.z_dim) for end in ends)
    t = torch.rand([count, 1], generator=rng)
    turn = t * (math.pi / 2)  # anchors are nearly at right angles, in so many dimensions
    in_z = g.map(a * torch.cos(turn) + b * torch.sin(turn), truncation_psi=1.0)
    da, db = (g.map(end, truncation_psi=1.0)[:, 0] - g.w_avg for end in (a, b))
    reach = (1 - t) * da.norm(dim=1, keepdim=True) + t * db.norm(dim=1, keepdim=True)
    in_w = g.w_avg + F.normalize((1 - t) * da + t * db, dim=1) * reach
    return torch.where((torch.arange(count) % 2 == 0)[:, None, None], in_z, in_w[:, None].expand_as(in_z))


def seed_latents(seeds: Sequence[int], z_dim: int) -> Tensor:
    """[N, z_dim]: the latents of these seeds."""
    return torch.stack([data.seed_z(seed, z_dim) for seed in seeds])


def step(state: State, pictures: Tensor, recipe: Recipe, bf16: bool = False) -> dict[str, float]:
    """A step of G on anchors alone (cheap, and most of what it learns), then one of G and of D against each other.

    Gives the losses as numbers. Raises FloatingPointError if one is not finite.
    """
    stage = recipe.stages[state.stage]
    count = stage.batch // processes()

    def judge(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return torch.as_tensor(state.discriminator(augment(x, stage.augment, state.rng)))

    losses = _step_generator(state, pictures, recipe, count, None)
    if stage.adversarial:
        losses |= _step_generator(state, pictures, recipe, count, judge)
        losses |= _step_discriminator(state, pictures, recipe, count, judge)
    state.steps += 1
    state.seen += stage.batch
    state.total += stage.batch
    _follow(state, recipe, stage)
    if not all(abs(v) < 1e6 for v in losses.values()):  # false for NaN, too
        raise FloatingPointError(f"training left the finite numbers at step {state.steps}: {losses}")
    return losses


Judge = Callable[[Tensor], Tensor]


def _step_generator(
    state: State, pictures: Tensor, recipe: Recipe, count: int, judge: Judge | None
) -> dict[str, float]:
    """A step of G: the critic's opinion if there is one, and for seeds that are anchors the picture they stand for."""
    anchored = (count // 2 if judge else count) if recipe.anchors else 0
    if not anchored and judge is None:
        return {}
    state.discriminator.requires_grad_(False)
    state.g_optimiser.zero_grad(set_to_none=True)
    anchors = torch.randint(recipe.anchors, [anchored], generator=state.rng) if anchored else None
    made = make(state, count, recipe, anchors)
    loss = made.new_zeros([])
    losses = {}
    if judge:
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


def is_first() -> bool:
    """Whether this process writes the files."""
    return not dist.is_initialized() or dist.get_rank() == 0


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


def prepare(recipe: Recipe, stage: Stage, out_dir: Path, progress: bool = True) -> Tensor:
    """The stage's pictures [N, 3, H, W] uint8, made once (by the first process) and kept in `out_dir`."""
    path = out_dir / f"pictures-{stage.resolution}-{stage.pictures}.npy"
    if is_first() and not path.exists():
        with tqdm(total=stage.pictures, desc=f"pictures {stage.resolution}", disable=not progress) as bar:
            pictures = data.bank(recipe.scenes(), stage.pictures, stage.resolution, recipe.seed, bar.update)
        beside = path.with_suffix(".part.npy")
        np.save(beside, pictures.numpy())
        beside.replace(path)
    if dist.is_initialized():
        dist.barrier()
    return torch.from_numpy(np.load(path))


def run(
    recipe: Recipe,
    out_dir: Path,
    continue_from_checkpoint: bool = True,
    bf16: bool = False,
    sheet_every: int = 200,
    save_every: int = 100,
    progress: bool = True,
) -> StyleGAN2:
    """Train through the recipe's stages from where `out_dir` stands, and give the averaged generator.

    `out_dir` receives checkpoint.pt, stage-<size>.pt at the end of each stage, and sheet-*.png. Runs for minutes to
    hours: in a process of its own, never in the show's. OSError if the folder cannot be written.
    """
    first = is_first()
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
