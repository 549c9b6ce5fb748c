"""Learning what is a beat: the temporal convolutional network of `perform.audio.beat.activation`.

Beside beat, one and tempo it learns to tell kick, snare and hat, which makes it listen; that part is not kept.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from perform.audio.beat.activation import DELAY, FRAMES, SIZE, TAPS
from perform.audio.beat.front import BANDS
from perform.audio.beat.periods import TEMPI
from perform.audio.beat.pointer import STEP
from perform.audio.training.batches import HOP, Material, crops, load
from perform.audio.training.features import framed, front
from perform.audio.training.tempi import soft

log = logging.getLogger("perform.training")

Floats = NDArray[np.float32]
Random = np.random.Generator

HOPS = STEP * FRAMES  # of a step of the network
STEPS = 936  # of a crop: 20 s
WIDTH, HIDDEN, MIDDLE, BLOCKS = 40, 48, 64, 9
TOLD = ("beats", "downbeats", "kick", "snare", "hat")
KEPT = 2  # of what is told, in the show
SHARES = (1.0, 0.5, 0.3, 0.3, 0.3)  # of the loss
RARE = (3.0, 4.0, 3.0, 3.0, 2.0)  # how much more a beat weighs than none
BESIDE = 0.45  # the target of the steps beside a beat
TEMPO, SOONEST, EVERY = 0.1, 60, 4  # share of the loss of the tempo; from which step on, and of which steps
AT_ONCE, BATCH = 48, 24
HARDER, STRETCH = (0.0, 0.4, 0.8), 0.18


class Block(nn.Module):
    """[N, steps, width] to the same: sees now, `dilation` and twice `dilation` steps ago."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.a = nn.Linear(TAPS * WIDTH, HIDDEN)
        self.b = nn.Linear(HIDDEN, WIDTH)
        nn.init.zeros_(self.b.bias)
        self.b.weight.data.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        past, steps = functional.pad(x, (0, 0, 2 * self.dilation, 0)), x.shape[1]
        taps = torch.cat([x, past[:, self.dilation : self.dilation + steps], past[:, :steps]], -1)
        more: Tensor = self.b(functional.relu(self.a(taps)))
        return x + more


class Network(nn.Module):
    """[N, steps, SIZE] to logits of `TOLD` [N, steps, 5] and of the classes of tempo [N, steps, 48]."""

    def __init__(self) -> None:
        super().__init__()
        self.inp = nn.Linear(SIZE, WIDTH)
        self.blocks = nn.ModuleList(Block(1 << at) for at in range(BLOCKS))
        self.mid = nn.Linear(WIDTH, MIDDLE)
        self.out = nn.Linear(MIDDLE, len(TOLD))
        self.tempo = nn.Linear(MIDDLE, len(TEMPI) - 1)
        nn.init.constant_(self.out.bias, -2.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.dropout(self.inp(x), 0.1, self.training)
        for block in self.blocks:
            x = block(x)
        x = functional.dropout(functional.relu(self.mid(x)), 0.1, self.training)
        return self.out(x), self.tempo(x)


def samples(
    pieces: list[Material], random: Random, harder: float
) -> tuple[NDArray[np.float16], NDArray[np.uint8], Floats]:
    """Crops: what the network sees [n, STEPS, SIZE], when something is [n, STEPS, 5], the tempo in bpm [n, STEPS], 0
    where nobody knows."""
    power, times = crops(pieces, random, AT_ONCE, STEPS * HOPS, harder=harder, stretch=STRETCH)
    steps = (AT_ONCE, STEPS, FRAMES * BANDS)
    given = np.concatenate([part.reshape(steps) for part in framed(*front(power, HOP))], -1)
    told = np.zeros((AT_ONCE, STEPS, len(TOLD)), np.uint8)
    bpm = np.zeros((AT_ONCE, STEPS), np.float32)
    for row, there in enumerate(times):
        for place, kind in enumerate(TOLD):
            at = np.floor(there[kind] / HOPS).astype(int)
            told[row, at[(at >= 0) & (at < STEPS)], place] = 1
        if len(there["beats"]) > 2:
            bpm[row] = _tempo(there["beats"])
    return given.astype(np.float16), told, bpm


def _tempo(beats: NDArray[np.floating]) -> Floats:
    """The tempo at each step [STEPS] by the median of five periods; 0 far from all beats."""
    periods = np.diff(beats)
    median = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(periods, 2, mode="edge"), 5), axis=-1)
    hops = (np.arange(STEPS) + 0.5) * HOPS
    bpm = 60.0 / (np.interp(hops, (beats[1:] + beats[:-1]) / 2, median) * HOP)
    bpm[(hops < beats[0] - 60) | (hops > beats[-1] + 60)] = 0.0
    return np.asarray(bpm, np.float32)


def spoilt(given: Tensor, random: Random) -> Tensor:
    """With holes, in place: some moments and some bands of some crops are quieter or not there."""
    for row in given:
        if random.random() < 0.2:
            long = int(random.uniform(24, 140))
            at = int(random.integers(0, STEPS - long))
            row[at : at + long] *= float(random.choice([0.0, 0.2, 0.5]))
        if random.random() < 0.2:
            wide = int(random.uniform(3, 14))
            at = int(random.integers(0, BANDS - wide))
            row.view(STEPS, -1, BANDS)[:, :, at : at + wide] *= float(random.choice([0.0, 0.3]))
    return given


def loss_of(network: Network, given: Tensor, told: Tensor, bpm: Tensor) -> Tensor:
    """What was told against what is, `DELAY` steps later, and the tempo from the second second on."""
    says, tempo = network(given)
    goal = told.clone()
    goal[:, 1:] = torch.maximum(goal[:, 1:], BESIDE * told[:, :-1])
    goal[:, :-1] = torch.maximum(goal[:, :-1], BESIDE * told[:, 1:])
    goal = functional.pad(goal, (0, 0, DELAY, 0))[:, :STEPS]
    each = functional.binary_cross_entropy_with_logits(
        says, goal, reduction="none", pos_weight=torch.tensor(RARE)
    ) * torch.tensor(SHARES)  # fmt: skip
    known = (bpm > 0.0).float()
    beats = (each[..., :KEPT].sum(-1) * known + each[..., KEPT:].sum(-1)).mean()
    asked = slice(SOONEST, None, EVERY)
    goals = torch.from_numpy(soft(bpm[:, asked].clamp(40.0, 260.0).flatten().numpy()))
    wrong = -(goals * functional.log_softmax(tempo[:, asked].flatten(0, 1), -1)).sum(-1)
    weight = known[:, asked].flatten()
    return beats + TEMPO * (wrong * weight).sum() / weight.sum().clamp(min=1.0)


def learn_activation(shards: Path, target: Path, steps: int = 9000, chunks: int = 300, seed: int = 2) -> float:
    """Learn and write `target`; gives the loss on held crops (every twelfth shard).

    `chunks` of crops are made in all, a quarter before it begins, the rest on the way; 4 GB of memory.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = np.random.default_rng([21, seed])
    known: dict[str, list[Material]] = {}
    load(shards, known)
    names = sorted(known)
    seen = [piece for at, name in enumerate(names) if at % 12 != 11 for piece in known[name]]
    held = [piece for at, name in enumerate(names) if at % 12 == 11 for piece in known[name]] or seen
    made = [samples(seen, random, HARDER[at % 3]) for at in range(max(chunks // 4, 1))]
    network, rate = Network(), 2e-3
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.01)
    for step in range(steps):
        if len(made) < chunks and step % max(steps // (2 * chunks), 1) == 0:
            made.append(samples(seen, random, HARDER[len(made) % 3]))
        for group in optimizer.param_groups:
            share = 0.02 + 0.98 * 0.5 * (1.0 + np.cos(np.pi * step / steps))
            group["lr"] = rate * min(1.0, (step + 1) / 100) * share
        given, told, bpm = _batch(made, random)
        loss = loss_of(network, spoilt(given, random), told, bpm)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 500 == 0:
            log.warning("activation step %d loss %.3f", step + 1, float(loss.detach()))
    network.eval()
    with torch.no_grad():
        judged = float(loss_of(network, *_batch([samples(held, random, 0.0)], random)))
    np.savez(target, **kept(network))  # type: ignore[arg-type]
    log.warning("activation: loss on held pieces %.3f", judged)
    return judged


def kept(network: Network) -> dict[str, Floats]:
    """The weights that the show needs, by name."""
    weights = {key: value.numpy() for key, value in network.state_dict().items()}
    return weights | {key: weights[key][:KEPT] for key in ("out.weight", "out.bias")}


def _batch(
    made: list[tuple[NDArray[np.float16], NDArray[np.uint8], Floats]], random: Random
) -> tuple[Tensor, Tensor, Tensor]:
    rows = [(made[int(random.integers(len(made)))], int(random.integers(AT_ONCE))) for _ in range(BATCH)]
    given, told, bpm = (np.stack([chunk[part][row] for chunk, row in rows]) for part in range(3))
    return torch.from_numpy(given).float(), torch.from_numpy(told).float(), torch.from_numpy(bpm)
