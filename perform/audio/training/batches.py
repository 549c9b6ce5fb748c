"""Rendered material to crops: mixed, filtered, stretched and spoilt anew each time, with the times of what happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perform.audio.beat.front import BANDS

Floats = NDArray[np.float32]
Random = np.random.Generator

RATE = 48000
HOP = 256 / RATE
KINDS = ("kick", "snare", "hat", "cymbal", "other")


@dataclass(frozen=True, slots=True)
class Material:
    """One rendered piece: log10 mel power of its stems [hops, BANDS] and the times of everything in it."""

    drums: NDArray[np.float16]
    rest: NDArray[np.float16]
    times: dict[str, Floats]


def load(folder: Path, known: dict[str, list[Material]]) -> list[Material]:
    """All pieces that are there by now; `known` keeps what was read before, by shard."""
    for path in sorted(folder.glob("[0-9]*.npz")):
        if path.name not in known:
            with np.load(path) as shard:
                numbers = sorted({name.split(".")[0] for name in shard.files})
                known[path.name] = [_material(shard, at) for at in numbers]
    return [piece for name in sorted(known) for piece in known[name]]


def _material(shard: Mapping[str, NDArray[Any]], at: str) -> Material:
    """One piece; without its drum times where a kit had no sound for them."""
    drums, rest = shard[f"{at}.drums"], shard[f"{at}.rest"]
    times = {key: shard[f"{at}.{key}"] for key in ("beats", "downbeats", "notes", *KINDS)}
    hits = np.floor(np.concatenate([times[kind] for kind in KINDS]) / HOP).astype(int)
    hits = hits[(hits > 2) & (hits < len(drums) - 2)]
    level = np.power(10.0, drums, dtype=np.float32).sum(axis=1)
    if len(hits) and np.mean(np.log10(level[hits + 2] + 1e-8) - np.log10(level[hits - 2] + 1e-8)) < 0.3:
        times |= {kind: times[kind][:0] for kind in KINDS}
    return Material(drums, rest, times)


def crops(
    pieces: list[Material], random: Random, count: int, hops: int, *, harder: float = 0.0, stretch: float = 0.1
) -> tuple[Floats, list[dict[str, NDArray[np.floating]]]]:
    """`count` crops of mixed power [count, hops, BANDS] and the times in each, in hops from its start. With `harder`
    drums and the rest are each filtered once more, by so much more than a mix would. Every other crop is played faster
    or slower, by up to `stretch` (natural logarithm)."""
    power = np.empty((count, hops, BANDS), np.float32)
    times = []
    for row in range(count):
        piece = pieces[int(random.integers(len(pieces)))]
        pace = float(np.exp(random.uniform(-stretch, stretch))) if random.random() < 0.5 else 1.0
        span = int(hops * pace) + 2
        start = int(random.integers(-hops // 8, max(len(piece.rest) - span, 1)))
        places = np.clip(start + (np.arange(hops) * pace).astype(int), 0, len(piece.rest) - 1)
        power[row], drums = _mix(piece, places, random, harder)
        power[row, start + np.arange(hops) * pace < 0] = 0.0
        there = {key: (value / HOP - start) / pace for key, value in piece.times.items()}
        times.append(
            {
                key: value if drums or key in {"beats", "downbeats", "notes"} else value[:0]
                for key, value in there.items()
            }
        )
    return _spoilt(power, random), times


def _mix(piece: Material, places: NDArray[np.intp], random: Random, harder: float) -> tuple[Floats, bool]:
    gains = 10 ** (random.uniform([-3, -7], [7, 3]) / 10)
    way = random.random()
    has_drums = way > 0.04
    drums = np.float32(gains[0] if has_drums else 0.0) * _eq(random, harder)
    rest = np.float32(gains[1] if way < 0.95 or not piece.times["kick"].size else 0.0) * _eq(random, harder)
    power = np.power(10.0, piece.drums[places], dtype=np.float32) * drums
    power += np.power(10.0, piece.rest[places], dtype=np.float32) * rest
    return power, has_drums


def _eq(random: Random, harder: float = 0.0) -> Floats:
    """Gain of each band: a tilt, a few smooth bumps, at times a low or high cut."""
    x = np.linspace(0, 1, BANDS)
    curve = random.uniform(-5, 5) * (x - 0.5)
    for _ in range(2):
        curve += random.uniform(-4, 4) * np.exp(-(((x - random.random()) / random.uniform(0.05, 0.25)) ** 2))
    if random.random() < 0.06:
        curve -= 40.0 * np.clip((x - random.uniform(0.45, 0.9)) / 0.2, 0, 1)
    if random.random() < 0.04:
        curve -= 30.0 * np.clip((random.uniform(0.02, 0.12) - x) / 0.06, 0, 1)
    if harder:
        curve += harder * random.uniform(-8, 8) * (x - 0.5)
        for _ in range(2):
            bump = np.exp(-(((x - random.random()) / random.uniform(0.05, 0.25)) ** 2))
            curve += harder * random.uniform(-5, 5) * bump
    return np.asarray(10 ** (curve / 10), np.float32)


def _spoilt(power: Floats, random: Random) -> Floats:
    """With noise: white, pink or in between, for a third of the crops."""
    count, hops, _ = power.shape
    centre = np.linspace(0, 1, BANDS)
    for row in range(count):
        if random.random() < 0.33:
            usual = float(power[row].sum(axis=1).mean())
            shape = np.exp(-random.uniform(0, 6) * centre)
            level = usual * 10 ** (-random.uniform(12, 45) / 10)
            hiss = random.standard_exponential((hops, BANDS), np.float32) * 0.6 + 0.4
            power[row] += hiss * np.asarray(level * shape / shape.sum(), np.float32)
    return power
