"""Glitches on live weights: exact home, live strength, stacks, a blend beneath, and nothing but pictures comes out."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from rewriting_tools import Bench, first_light, hashed, latents, network
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators import build
from models.resident import Resident
from models.rewriting.draws import ROOM
from models.rewriting.glitch import MOST_KEPT, OPERATIONS, Glitch
from models.rewriting.rewriter import Rewriter, meant
from models.rewriting.sheet import glitch_sheet

OURS = tuple(op for op in OPERATIONS if op != "splice")


def some(rng: random.Random, **changes: float) -> Glitch:
    return replace(
        Glitch(
            rng.choice(OPERATIONS),
            rng.choice((0.0, 1.0, rng.random())),
            rng.choice((0.0, 0.0, rng.random(), 1.0)),
            rng.choice((0.0, 100.0, rng.uniform(0, 100))),
            rng.randrange(2**24),
            rng.choice((0.0, 1.0, 1.5, rng.uniform(0, 1.5))),
        ),
        **changes,  # type: ignore[arg-type]
    )


def test_where_a_fader_points() -> None:
    assert list(meant(0.0, 0.0, 13)) == [0]
    assert list(meant(1.0, 0.0, 13)) == [12]
    assert list(meant(0.5, 0.1, 13)) == [5, 6, 7]
    assert all(len(meant(layer / 10, 1.0, 13)) == 13 for layer in range(11))
    assert {place for k in range(101) for place in meant(k / 100, 0.0, 13)} == set(range(13))
    assert list(meant(0.7, 0.4, 1)) == [0]


def test_ten_thousand_operations_leave_the_parents_alone() -> None:
    one, other = Bench(network("tiny")), network("tiny", seed=9)
    parents = hashed(one.generator), hashed(other)
    one.rewriter.splice_from(other.state_dict())
    rng = random.Random(1)
    kept: list[Glitch] = []
    for _ in range(10_000):
        kept = [some(rng) for _ in range(rng.randrange(3))] if rng.random() < 0.1 else kept
        one.play(*kept, some(rng, reach=0.0), divergence=rng.choice((0.0, 1.0, 1.0, rng.random())))
    one.play()
    assert (hashed(one.generator), hashed(other)) == parents
    assert not one.rewriter._known
    assert len(one.rewriter._made) == 0


@pytest.mark.parametrize(("kind", "count"), [("tiny", 1000), ("skip", 100), ("stylegan3", 40)])
def test_no_glitch_ever_gives_a_picture_that_is_none(kind: str, count: int) -> None:
    """A thousand, alone and in stacks, up to 100 percent of all layers and beyond the end of the fader."""
    one = Bench(network(kind))
    one.rewriter.splice_from(network(kind, seed=9).state_dict())
    w = latents(one.generator)
    rng = random.Random(2)
    parent = hashed(one.generator)
    for k in range(count):
        one.generator.compute_dtype = torch.bfloat16 if k % 2 else torch.float32
        stack = [some(rng) for _ in range(rng.choice((0, 0, 1, 4)))]
        one.play(*stack, some(rng))
        assert bool(one.generator.synthesize(w).isfinite().all())
    one.play()
    assert hashed(one.generator) == parent


def test_a_full_stack_beyond_the_end_of_the_fader_stays_finite() -> None:
    one = Bench(network())
    one.rewriter.splice_from(network(seed=9).state_dict())
    w = latents(one.generator)
    for op in OPERATIONS:
        stack = [Glitch(op, reach=1, percent_change=100, seed=k % 2, strength=1.5) for k in range(MOST_KEPT)]
        one.play(*stack)
        for dtype in (torch.float32, torch.bfloat16):
            one.generator.compute_dtype = dtype
            assert bool(one.generator.synthesize(w).isfinite().all()), op


@pytest.mark.parametrize("op", OPERATIONS)
def test_moving_the_strength_ends_where_setting_it_does(op: str) -> None:
    """The quick way, over slices worked out before, gives what a fresh network gives."""
    under = (Glitch("exchange", 0.3, 0.2, 40, 1, 1.0), Glitch("alter", 0.5, 1.0, 20, 2, 0.4))
    live = Glitch(op, 0.4, 0.3, 50, 3, 0.1)
    moved, fresh = Bench(network()), Bench(network())
    for one in (moved, fresh):
        one.rewriter.splice_from(network(seed=9).state_dict())
    for strength in (0.1, 0.9, 1.3, 0.6):
        moved.play(*under, replace(live, strength=strength))
    fresh.play(*under, replace(live, strength=0.6))
    assert hashed(moved.generator) == hashed(fresh.generator)
    moved.play(*under)
    fresh.play()
    fresh.play(*under)
    assert hashed(moved.generator) == hashed(fresh.generator)


def test_undo_gives_back_the_picture_before() -> None:
    one = Bench(network())
    rng = random.Random(5)
    stack = [some(rng, percent_change=40.0, strength=1.0, op=op) for op in OURS]  # type: ignore[arg-type]
    hashes = [hashed(one.generator)]
    for k in range(len(stack)):
        one.play(*stack[: k + 1])
        hashes.append(hashed(one.generator))
    assert len(set(hashes)) == len(hashes)
    for k in reversed(range(len(stack))):
        one.play(*stack[:k])
        assert hashed(one.generator) == hashes[k]


def test_divergence_scales_what_was_kept_as_well() -> None:
    one, half = Bench(network()), Bench(network())
    one.play(Glitch(strength=0.8), Glitch("exchange", strength=1.0), divergence=0.5)
    half.play(Glitch(strength=0.4), Glitch("exchange", strength=0.5))
    assert hashed(one.generator) == hashed(half.generator)
    assert one.play(Glitch(strength=0.8), Glitch("exchange"), divergence=float("nan")) > 0
    assert not one.changed()


class Tint:
    """A stage that moves beneath, as a blend does."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.amount = names, 0.0

    def marks(self) -> Mapping[str, Hashable]:
        return dict.fromkeys(self.names, self.amount) if self.amount else {}

    def write(self, name: str, before: Tensor, out: Tensor) -> None:
        torch.add(before, self.amount, out=out)


@pytest.mark.parametrize("op", OURS)
def test_a_glitch_stands_on_whatever_is_beneath(op: str) -> None:
    generator = network()
    resident = Resident(generator)
    rewriter = Rewriter(generator, resident)
    tint = Tint(tuple(site.weight for site in rewriter.sites))
    glitch = Glitch(op, 0.5, 0.0, 50, 3)
    for amount, strength in ((0.5, 1.0), (0.7, 1.0), (0.7, 0.3), (0.2, 0.3), (0.0, 0.3), (0.4, 0.9)):
        tint.amount = amount
        rewriter.frame((replace(glitch, strength=strength),))
        resident.update([tint, rewriter])
    quick = hashed(generator)
    other = network()
    again = Resident(other)
    fresh = Rewriter(other, again)
    fresh.frame((replace(glitch, strength=0.9),))
    again.update([tint, fresh])
    assert hashed(other) == quick
    resident.update([])
    assert hashed(generator) == hashed(network())


@pytest.mark.parametrize("op", OURS)
def test_more_percent_more_change(op: str) -> None:
    """In one layer. Where several are meant, pictures of large shares differ in kind, and pixels no longer tell."""
    one = Bench(first_light())
    w = latents(one.generator, 3)
    parent = one.generator.synthesize(w)
    percents = (2.0, 8.0, 20.0, 40.0, 70.0, 100.0)
    far = []
    for percent in percents:
        moved = 0.0
        for seed in range(2):
            one.play(Glitch(op, reach=0.0, percent_change=percent, seed=seed))
            moved += float((one.generator.synthesize(w) - parent).square().mean().sqrt())
        far.append(moved)
    one.play()
    assert np.corrcoef(np.argsort(np.argsort(far)), range(len(far)))[0, 1] >= 0.9  # Spearman's, without ties


def features(pictures: Tensor) -> Tensor:
    """[N, 192]: how much of what there is in each picture, by two layers of random filters and the spread of each."""
    rng = torch.Generator().manual_seed(0)
    x, found = F.avg_pool2d(pictures, 2), []
    for outputs, inputs, size in ((32, 3, 5), (64, 32, 3)):
        kernel = torch.randn(outputs, inputs, size, size, generator=rng) / (inputs * size * size) ** 0.5
        x = F.relu(F.conv2d(x, kernel, stride=2))
        found += [x.mean((2, 3)), x.std((2, 3))]
    return torch.cat(found, 1)


@pytest.mark.parametrize("seed", range(5))
def test_reconnected_filters_keep_more_of_the_parent_than_random_ones(seed: int) -> None:
    """Ruzicka's control: the same filters replaced by N(0, 1). At the knobs' defaults."""
    one = Bench(first_light())
    w = latents(one.generator, 16)

    def seen() -> Tensor:
        return torch.cat([features(one.generator.synthesize(some)) for some in torch.split(w, 4)])

    parent = seen()

    def far() -> float:
        return float(((seen() - parent) / parent.std(0)).norm(dim=1).mean())

    one.play(Glitch("reconnect_swap", seed=seed))
    reconnected = far()
    moved = {name: mask.flatten(1).any(1) for name, mask in one.changed().items()}
    rng = torch.Generator().manual_seed(seed)
    for name, rows in moved.items():
        live = one.resident.live(name)
        live[rows] = torch.randn(live[rows].shape, generator=rng)
    scrambled = far()
    for name in moved:
        one.resident.live(name).copy_(one.parent[name])
    one.play()
    assert not one.changed()
    assert reconnected < scrambled


def test_memory_is_bounded() -> None:
    one = Bench(network())
    for k in range(200):
        one.play(*(Glitch(reach=1, percent_change=100, seed=k + j) for j in range(3)))
    assert len(one.rewriter._made) == 3
    assert one.rewriter._draws._count <= ROOM
    touched = sum(known.under.numel() + known.over.numel() for known in one.rewriter._known.values())
    assert touched <= 2 * sum(tensor.numel() for tensor in one.parent.values())
    one.play()
    assert not one.rewriter._known


def test_a_model_without_weights_says_so() -> None:
    one = Bench(build("cppn", {}))
    one.play(Glitch())
    assert one.rewriter.muted == ("rewrite: this model has no weights that can be rewritten",)
    one.play()
    assert not one.rewriter.muted


def test_a_sheet_can_be_made_and_leaves_the_network_alone() -> None:
    generator = network()
    parent = hashed(generator)
    sheet = glitch_sheet(generator, [("altered", [Glitch()]), ("swapped", [Glitch("exchange", reach=1)])], seeds=(0, 1))
    assert sheet.size == (3 * 32, 14 + 2 * 32)
    columns = [sheet.crop((x, 14, x + 32, 78)).tobytes() for x in (0, 32, 64)]
    assert len(set(columns)) == 3
    with pytest.raises(ValueError, match="no second model"):
        glitch_sheet(generator, [("spliced", [Glitch("splice")])])
    assert hashed(generator) == parent
