"""Learning where the bar begins: a perceptron over folded bars (see `perform.audio.beat.bars`)."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from perform.audio.beat.bars import SIZE, TURNS, fold, rows_of, turns
from perform.audio.beat.periods import FRAMES, groups
from perform.audio.spectrum import Hop
from perform.audio.training.batches import HOP, Material, crops, load
from perform.audio.training.features import framed, front

log = logging.getLogger("perform.training")

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]

PER_CROP = 3
STEPS = 3000


def samples(pieces: list[Material], random: np.random.Generator, count: int) -> tuple[Floats, Whole, NDArray[np.bool_]]:
    """Turned bars [N, TURNS, SIZE], which turn is right [N], and whether the one is known (metre 4) [N]."""
    power, times = crops(pieces, random, count, 2 * FRAMES)
    now, rise = framed(*front(power, HOP))
    centres = Hop(round(256 / HOP)).centres
    rows = np.concatenate([rise @ groups(centres).T, now @ rows_of(centres).T], -1)
    given, right, known = [], [], []
    for row in range(count):
        beats, firsts = times[row]["beats"] / 2, times[row]["downbeats"] / 2
        for _ in range(PER_CROP):
            frames = FRAMES if random.random() < 0.5 else int(random.uniform(180, FRAMES))
            past = beats[beats <= frames]
            if len(past) < 4 or rows[row, :frames, :6].max() < 0.02:
                continue
            period = float(np.median(np.diff(past[-8:])))
            heard = rows[row, :frames]
            half = bool(random.random() < 0.5)
            phase = (frames - past[-1]) / period + 0.5 * half + 0.02 * float(random.standard_normal())
            newest = frames - (phase % 1.0) * period  # the clock's newest beat, in frames
            bar = fold(heard, period, phase % 1.0)
            # slot 0 is three beats before the newest; which half beats later is a one?
            first = firsts[np.abs(firsts - newest).argmin()] if len(firsts) else past[-1]
            step = round((first - (newest - 3 * period)) / (period / 2)) % TURNS
            metre = len(beats) / max(len(firsts), 1)
            given.append(turns(bar))
            right.append(step)
            known.append(abs(metre - 4) < 0.4)
    return np.array(given, np.float32), np.array(right), np.array(known)


def scorer() -> nn.Sequential:
    """[..., SIZE] to a score [..., 1]."""
    return nn.Sequential(nn.Linear(SIZE, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def loss_of(scores: Tensor, right: Tensor, known: Tensor) -> Tensor:
    """Which turn, where the one is known; else only whether it is a beat or an off-beat."""
    chances = functional.log_softmax(scores, dim=1)
    exact = -chances[torch.arange(len(right)), right]
    same = (torch.arange(TURNS)[None] - right[:, None]) % 2 == 0
    beat = -torch.logsumexp(chances.masked_fill(~same, -1e9), dim=1)
    return torch.where(known, exact, beat).mean() + 0.5 * beat.mean()


def learn_bars(shards: Path, target: Path, crops_in_all: int = 6000, seed: int = 6) -> tuple[float, float]:
    """Learn and write `target`; gives how often beat and one are right in the last twelfth of the pieces."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    pieces = load(shards, {})
    cut = len(pieces) * 11 // 12
    seen = [samples(pieces[:cut], random, 50) for _ in range(crops_in_all // 50)]
    given, right, known = (np.concatenate(part) for part in zip(*seen, strict=True))
    unseen = [samples(pieces[cut:], random, 50) for _ in range(8)]
    test, truth, sure = (np.concatenate(part) for part in zip(*unseen, strict=True))
    network = scorer()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    beat = one = 0.0
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / STEPS)))
        pick = random.integers(len(given), size=128)
        x = torch.from_numpy(given[pick])
        x = functional.dropout(x + 0.03 * torch.randn_like(x), 0.1)
        loss = loss_of(network(x)[..., 0], torch.from_numpy(right[pick]), torch.from_numpy(known[pick]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if (step + 1) % 1000 == 0:
            with torch.no_grad():
                best = network(torch.from_numpy(test))[..., 0]
            chance = torch.softmax(best, 1).numpy()
            on = np.array([chance[row, (np.arange(TURNS) - truth[row]) % 2 == 0].sum() for row in range(len(test))])
            beat, one = float(np.mean(on > 0.5)), float(np.mean((chance.argmax(1) == truth)[sure]))
            log.warning("bars step %d loss %.3f, beat %.3f, one %.3f right", step + 1, float(loss.detach()), beat, one)
    np.savez(target, **{key: value.numpy() for key, value in network.state_dict().items()})
    return beat, one
