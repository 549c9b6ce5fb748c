"""Bends at random, frame after frame: nothing that is no number may come out, and home must be home.

In the tests a few hundred frames; for a long evening `python tests/models/bending/soak_bends.py 100000`.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from bending_tools import latent, small

from models.bending.bender import Bender
from models.bending.clusters import Clusters, model_hash
from models.bending.slots import Features, Slot
from models.bending.transforms import transforms
from models.generators import Generator

FRAMES_A_RIG = 20
MOST_SLOTS = 8
WRONG = (float("nan"), float("inf"), float("-inf"), 1e30, -1e30)


def soak(network: Generator, frames: int, seed: int = 0) -> int:
    """How many slots were bent over `frames` frames; AssertionError with the slots and the values that went wrong."""
    rng = np.random.RandomState(seed)
    w, before = latent(network), model_hash(network)
    plain = network.synthesize(w)
    groups = Clusters({layer: tuple(channel % 5 for channel in range(512)) for layer in network.layers})
    bent = 0
    for frame in range(frames):
        if frame % FRAMES_A_RIG == 0:
            slots = [_slot(network, rng) for _ in range(rng.randint(1, MOST_SLOTS + 1))]
            bender = Bender(slots, network, groups)
            assert not bender.muted, bender.muted
            values = list(bender.defaults)
        for place in rng.randint(0, len(values), rng.randint(1, len(values) + 1)):
            values[place] = _value(bender, place, rng)
        bender.frame(values, dt=float(rng.choice([0, 1 / 60, 0.2, np.nan])))
        made = network.synthesize(w, tap=bender.tap)
        assert made.isfinite().all(), (slots, values)
        bent += len(slots)
        if frame % FRAMES_A_RIG == FRAMES_A_RIG - 1:
            assert not bender.frame(values, divergence=0.0)
            assert torch.equal(network.synthesize(w, tap=bender.tap), plain), slots
    assert model_hash(network) == before
    return bent


def _slot(network: Generator, rng: np.random.RandomState) -> Slot:
    kinds = (Features(), Features("random", int(rng.randint(1000)), float(rng.rand())), Features("cluster", cluster=2))
    name, layer = str(rng.choice(list(transforms()))), str(rng.choice(network.layers))
    return Slot(layer, name, kinds[rng.randint(3)], float(rng.rand()))


def _value(bender: Bender, place: int, rng: np.random.RandomState) -> float:
    knob = bender.knobs[place]
    inside = (knob.low, knob.high, knob.default, float(rng.uniform(knob.low, knob.high)))
    return float(rng.choice(WRONG)) if rng.rand() < 0.02 else inside[rng.randint(len(inside))]


def networks() -> list[Generator]:
    """Two small ones: as they are trained, and in the type that plays."""
    half = small(1)
    half.compute_dtype = torch.bfloat16
    return [small(), half]


def main(frames: int) -> None:
    """The long evening, half of it in each type."""
    with torch.inference_mode():
        for network in networks():
            sys.stdout.write(f"{soak(network, frames // 2)} bends in {frames // 2} frames: finite, and home again\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
