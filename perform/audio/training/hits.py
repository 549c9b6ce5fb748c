"""Learning which strokes are kick, snare and hat: a perceptron over `perform.audio.strokes`."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from perform.audio.beat.front import BANDS
from perform.audio.spectrum import Hop
from perform.audio.strokes import SIZE, Strokes
from perform.audio.training.batches import HOP, Material, crops, load

log = logging.getLogger("perform.training")

Floats = NDArray[np.float32]

DRUMS = ("kick", "snare", "hat")
HOPS, AT_ONCE = 3000, 40
EARLY, LATE = 0.008, 0.045  # seconds before and after a hit within which a stroke is that hit
EPOCHS, BATCH, RATE = 3, 512, 5e-3


def samples(pieces: list[Material], random: np.random.Generator, apart: bool) -> tuple[Floats, Floats]:
    """Strokes [N, SIZE] of some crops and whether each is each of the drums [N, 3]. Half of the crops are filtered
    harder than a mix would be: drums and the rest `apart` (all of a batch or none) or every other crop as a whole."""
    count = AT_ONCE
    power, times = crops(pieces, random, count, HOPS, harder=1.5 if apart and random.random() < 0.5 else 0.0)
    centres = Hop(round(256 / HOP)).centres
    seen, right = [], []
    for row in range(count):
        sound = power[row] * _filter(random) if row % 2 and not apart else power[row]
        strokes = Strokes(centres, HOP)
        for hop in range(HOPS):
            stroke = strokes.step(sound[hop])
            if stroke is not None:
                seen.append(stroke.seen)
                right.append([_hit(times[row][drum], hop + 1.0) for drum in DRUMS])
    return np.array(seen, np.float32), np.array(right, np.float32)


def _filter(random: np.random.Generator) -> Floats:
    """Gain of each band: a steep tilt and two bumps."""
    x = np.linspace(0, 1, BANDS)
    curve = random.uniform(-12, 12) * (x - 0.5)
    for _ in range(2):
        curve += random.uniform(-8, 8) * np.exp(-(((x - random.random()) / random.uniform(0.05, 0.25)) ** 2))
    return np.asarray(10 ** (curve / 10), np.float32)


def _hit(times: NDArray[np.floating], hop: float) -> float:
    """1 where a stroke reported at the end of a hop is one of the hits (in hops), else 0."""
    return float(bool(((times > hop - LATE / HOP) & (times <= hop + EARLY / HOP)).any()))


def reader() -> nn.Sequential:
    """[N, SIZE] to the log odds of each drum [N, 3]."""
    return nn.Sequential(nn.Linear(SIZE, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, len(DRUMS)))


def learn_drums(shards: Path, target: Path, crops_in_all: int = 2000) -> list[float]:
    """Learn two perceptrons, one from sound that was filtered as a whole and one from stems filtered apart, and write
    the mean of both as one to `target`; gives its loss for each drum on every seventh piece, which is not learned
    from. Two, because what one of them takes for a snare by chance the other seldom does."""
    torch.set_num_threads(1)
    pieces = [piece for piece in load(shards, {}) if any(len(piece.times[drum]) for drum in DRUMS)]
    learned = [piece for number, piece in enumerate(pieces) if number % 7]
    network = mean_of([_learn(learned, crops_in_all, seed, apart) for seed, apart in ((1, False), (2, True))])
    np.savez(target, **{key: value.numpy() for key, value in network.state_dict().items()})
    random = np.random.default_rng(0)
    parts = [samples(pieces[::7], random, apart) for apart in (False, False, True, True)]
    test, truth = (torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))
    with torch.no_grad():
        losses = functional.binary_cross_entropy_with_logits(network(test), truth, reduction="none").mean(0).tolist()
    log.warning("loss on unseen pieces: %s", ", ".join(f"{one:.3f}" for one in losses))
    return [float(one) for one in losses]


def _learn(pieces: list[Material], crops_in_all: int, seed: int, apart: bool) -> nn.Sequential:
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    parts = [samples(pieces, random, apart) for _ in range(crops_in_all // AT_ONCE)]
    seen, right = (torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))
    log.warning("%d strokes", len(seen))
    network = reader()
    steps = EPOCHS * (len(seen) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps + 1)
    for _ in range(EPOCHS):
        order = torch.randperm(len(seen))
        for start in range(0, len(seen) - BATCH + 1, BATCH):
            pick = order[start : start + BATCH]
            x = functional.dropout(seen[pick] + 0.05 * torch.randn(BATCH, SIZE), 0.2)
            loss = functional.binary_cross_entropy_with_logits(network(x), right[pick])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network


def mean_of(networks: list[nn.Sequential]) -> nn.Sequential:
    """One perceptron that gives the mean of what several of one shape give."""
    states = [network.state_dict() for network in networks]
    biases = {at: torch.cat([state[f"{at}.bias"] for state in states]) for at in (0, 2)}
    weights = {
        0: torch.cat([state["0.weight"] for state in states]),
        2: torch.block_diag(*[state["2.weight"] for state in states]),  # type: ignore[no-untyped-call]
        4: torch.cat([state["4.weight"] for state in states], dim=1) / len(states),
    }
    biases[4] = torch.stack([state["4.bias"] for state in states]).mean(dim=0)
    sizes = [(weights[at].shape[1], weights[at].shape[0]) for at in (0, 2, 4)]
    layers = [nn.Linear(*size) for size in sizes]
    whole = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    whole.load_state_dict(
        {f"{at}.{kind}": values[at] for kind, values in (("weight", weights), ("bias", biases)) for at in values}
    )
    return whole
