"""Learning which tempo is counted: a perceptron over autocorrelations (see `perform.audio.beat.periods`)."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from perform.audio.beat.periods import FRAMES, SIZE, TEMPI, groups, repeats
from perform.audio.spectrum import Hop
from perform.audio.training.batches import HOP, RATE, Material, crops, load
from perform.audio.training.features import framed, front

log = logging.getLogger("perform.training")

Floats = NDArray[np.float32]

PER_CROP = 4
STEPS = 4000


def samples(pieces: list[Material], random: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """Autocorrelations [count * PER_CROP, SIZE] after various times of listening, and their tempi in bpm."""
    power, times = crops(pieces, random, count, 2 * FRAMES)
    _, rise = framed(*front(power, HOP))
    bands = rise @ groups(Hop(RATE).centres).T
    given, truth = [], []
    for row in range(count):
        beats = times[row]["beats"]
        for _ in range(PER_CROP):
            frames = FRAMES if random.random() < 0.4 else int(random.uniform(60, FRAMES))
            inside = beats[(beats > -60) & (beats < 2 * frames + 60)]
            if len(inside) < 2 or bands[row, :frames].max() < 0.02:
                continue
            given.append(repeats(bands[row, :frames], 2 * HOP))
            truth.append(60.0 / (float(np.median(np.diff(inside)[-8:])) * HOP))
    return np.array(given, np.float32), np.array(truth, np.float32)


def perceptron() -> nn.Sequential:
    """[N, SIZE] to logits of the classes."""
    return nn.Sequential(
        nn.Linear(SIZE, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, len(TEMPI) - 1)
    )  # fmt: skip


def soft(bpm: Floats) -> Floats:
    """Targets [N, classes]: a bell of half a class around the tempo."""
    centres = np.log2(np.sqrt(TEMPI[1:] * TEMPI[:-1]))
    width = float(np.log2(TEMPI[1] / TEMPI[0])) * 0.6
    bell = np.exp(-0.5 * ((np.log2(bpm)[:, None] - centres) / width) ** 2) + 1e-9
    return np.asarray(bell / bell.sum(axis=1, keepdims=True), np.float32)


def learn_tempi(shards: Path, target: Path, crops_in_all: int = 9000, seed: int = 4) -> float:
    """Learn and write `target`; gives the share of held samples (the last twelfth of the pieces) that are right."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    pieces = load(shards, {})
    cut = len(pieces) * 11 // 12
    seen = [samples(pieces[:cut], random, 50) for _ in range(crops_in_all // 50)]
    given, truth = (np.concatenate(part) for part in zip(*seen, strict=True))
    unseen = [samples(pieces[cut:], random, 50) for _ in range(8)]
    test, tempo = (np.concatenate(part) for part in zip(*unseen, strict=True))
    network = perceptron()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    goal, right = soft(truth), 0.0
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / STEPS)))
        pick = random.integers(len(given), size=256)
        x = torch.from_numpy(given[pick])
        x = x + 0.02 * torch.randn_like(x)
        loss = functional.cross_entropy(network(functional.dropout(x, 0.1)), torch.from_numpy(goal[pick]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if (step + 1) % 1000 == 0:
            with torch.no_grad():
                best = np.sqrt(TEMPI[1:] * TEMPI[:-1])[network(torch.from_numpy(test)).argmax(1).numpy()]
            right = float(np.mean(np.abs(best / tempo - 1) < 0.04))
            log.warning("tempi step %d loss %.3f, %.3f right of %d", step + 1, float(loss.detach()), right, len(test))
    np.savez(target, **{key: value.numpy() for key, value in network.state_dict().items()})
    return right
