"""Walks models/rewriting/operations: what every operation on weights owes on every architecture, and what each does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rewriting_tools import KINDS, Bench, hashed, latents, network

from models.rewriting.glitch import OPERATIONS, Glitch
from models.rewriting.operations import about, operations
from models.rewriting.rewriter import sites_of

WALK = pytest.mark.parametrize("op", OPERATIONS)
EVERYWHERE = pytest.mark.parametrize("kind", KINDS)


def bench(kind: str = "skip", op: str = "") -> Bench:
    made = Bench(network(kind))
    if op == "splice":
        made.rewriter.splice_from(network(kind, seed=9).state_dict())
    return made


def test_the_folder_is_what_can_be_played() -> None:
    assert tuple(operations()) == OPERATIONS
    assert all(about(op).endswith((".", ":")) or len(about(op)) > 20 for op in OPERATIONS)


@WALK
@EVERYWHERE
def test_nothing_of_it_is_the_parent_and_home_is_exact(op: str, kind: str) -> None:
    one = bench(kind, op)
    parent = hashed(one.generator)
    for glitch in (Glitch(op, percent_change=0), Glitch(op, strength=0), Glitch(op, reach=1, percent_change=0)):
        assert one.play(glitch) == 0
        assert not one.rewriter.marks()
    assert one.play(Glitch(op), divergence=0.0) == 0
    for strength in (1.0, 0.4, 1.5):
        assert one.play(Glitch(op, reach=1, strength=strength, percent_change=60)) > 0
        assert hashed(one.generator) != parent
        one.play()
        assert hashed(one.generator) == parent


@WALK
@EVERYWHERE
def test_the_seed_says_all(op: str, kind: str) -> None:
    one = bench(kind, op)
    seen = []
    for seed in (3, 4, 3):
        one.play(Glitch(op, layer=0.6, percent_change=50, seed=seed))
        seen.append(hashed(one.generator))
    other = bench(kind, op)
    other.play(Glitch(op, layer=0.6, percent_change=50, seed=3))
    assert seen[0] == seen[2] == hashed(other.generator) != seen[1]


@WALK
@EVERYWHERE
def test_strength_is_the_way_from_the_parent_to_the_damage(op: str, kind: str) -> None:
    one = bench(kind, op)
    full = Glitch(op, layer=0.4, percent_change=50, seed=5)
    one.play(full)
    damaged = {name: tensor.clone() for name, tensor in one.generator.state_dict().items()}
    for strength in (0.25, 1.0, 0.75, 0.1):
        one.play(replace(full, strength=strength))
        for name, tensor in one.generator.state_dict().items():
            wanted = torch.lerp(one.parent[name], damaged[name], strength)
            torch.testing.assert_close(tensor, wanted, rtol=1e-6, atol=1e-6)
            assert strength < 1 or torch.equal(tensor, damaged[name])


@WALK
@EVERYWHERE
def test_all_of_every_layer_still_gives_pictures(op: str, kind: str) -> None:
    """A glitch at 100 percent, in both number formats, to the end of the fader and beyond."""
    one = bench(kind, op)
    w = latents(one.generator, 2)
    for strength in (0.5, 1.0, 1.5):
        one.play(Glitch(op, reach=1, percent_change=100, seed=1, strength=strength))
        for dtype, some in ((torch.float32, w[:1]), (torch.bfloat16, w[:1]), (torch.bfloat16, w)):
            one.generator.compute_dtype = dtype
            picture = one.generator.synthesize(some)
            assert bool(picture.isfinite().all())
            assert float(picture.abs().max()) < 1e4


@WALK
def test_a_larger_share_is_the_same_and_more(op: str) -> None:
    before: dict[str, torch.Tensor] = {}
    for percent in (0.0, 13.0, 30.0, 62.5, 100.0):
        one = bench("skip", op)
        one.play(Glitch(op, layer=0.3, percent_change=percent, seed=2))
        now = one.changed()
        for name, mask in before.items():
            if percent < 100 or op != "splice":
                assert bool((now[name] | ~mask).all()), f"{name} at {percent}"
        before = now
    assert before


@pytest.mark.parametrize("percent", [3.0, 10.0, 30.0, 47.0, 75.0])
@WALK
def test_just_the_share_that_was_asked_for_is_changed(op: str, percent: float) -> None:
    one = bench("skip", op)
    site = sites_of(one.generator)[2]
    one.play(Glitch(op, layer=2 / (len(one.rewriter.sites) - 1), percent_change=percent, seed=7))
    masks = one.changed()
    weight = one.parent[site.weight]
    filters, inputs = weight.shape[:2]
    rows = masks.get(site.weight, torch.zeros_like(weight, dtype=torch.bool))
    if op == "delete":
        assert set(masks) == (set(site.readers) if round(percent / 100 * filters) else set())
        for name in masks:
            assert int(masks[name].flatten(2).any(2).any(0).sum()) == round(percent / 100 * filters)
    elif op == "delete_inputs":
        assert int(rows.any(0).flatten(1).any(1).sum()) == round(percent / 100 * inputs)
    elif op == "delete_taps":
        assert int(rows.sum()) == round(percent / 100 * weight.numel())
    else:
        wanted = round(percent / 100 * filters)
        got = int(rows.flatten(1).any(1).sum())
        if op.startswith("reconnect"):
            wanted = wanted // 2 * (2 if op == "reconnect_swap" else 1)
        elif op == "exchange" and wanted == 1:
            wanted = 0
        assert got == wanted
    others = set(masks) - {site.weight}
    if op == "exchange_layers":
        assert len(others) == min(wanted, 1)
        assert all(one.parent[name].shape == weight.shape for name in others)
    elif op not in ("delete", "splice"):
        assert not others


@pytest.mark.parametrize("op", ["exchange", "reconnect_swap"])
@EVERYWHERE
def test_filters_that_trade_places_are_all_still_there(op: str, kind: str) -> None:
    one = bench(kind, op)
    one.play(Glitch(op, reach=1, percent_change=60, seed=3))
    assert one.changed()
    for site in one.rewriter.sites:
        now, before = (t.flatten(1).numpy() for t in (one.resident.live(site.weight), one.parent[site.weight]))
        assert not np.array_equal(now, before)
        assert np.array_equal(now[np.lexsort(now.T)], before[np.lexsort(before.T)])


def test_pairs_are_swapped_in_one_form_and_copied_in_the_other() -> None:
    swap, copy = bench(), bench()
    for one, op in ((swap, "reconnect_swap"), (copy, "reconnect_duplicate")):
        one.play(Glitch(op, layer=0.5, percent_change=50, seed=11))
    (name,) = swap.changed()
    before, swapped, copied = swap.parent[name], swap.resident.live(name), copy.resident.live(name)
    moved = copy.changed()[name].flatten(1).any(1).nonzero()[:, 0].tolist()
    assert len(moved) == 4
    for k in moved:
        (source,) = [j for j in range(len(before)) if torch.equal(before[j], copied[k])]
        assert torch.equal(swapped[k], before[source])
        assert torch.equal(swapped[source], before[k])
        assert torch.equal(copied[source], before[source])


def test_exchange_between_layers_goes_both_ways() -> None:
    one = bench()
    one.play(Glitch("exchange_layers", layer=0.0, percent_change=25, seed=1))
    masks = one.changed()
    assert len(masks) == 2
    for a, b in (tuple(masks), tuple(masks)[::-1]):
        for k in masks[a].flatten(1).any(1).nonzero()[:, 0].tolist():
            assert any(torch.equal(one.resident.live(a)[k], row) for row in one.parent[b])


@EVERYWHERE
def test_splicing_all_layers_is_the_other_model(kind: str) -> None:
    one, other = bench(kind), network(kind, seed=9)
    parent, donor = hashed(one.generator), hashed(other)
    one.rewriter.splice_from(other.state_dict())
    one.play(Glitch("splice", reach=1, percent_change=100))
    assert hashed(one.generator) == donor
    one.play()
    assert hashed(one.generator) == parent
    assert hashed(other) == donor


def test_splicing_a_layer_takes_what_belongs_to_it() -> None:
    one, other = bench(), network(seed=9)
    one.rewriter.splice_from(other.state_dict())
    one.play(Glitch("splice", layer=0.0, percent_change=100))
    spliced = {name for name in one.parent if name.startswith(("synthesis.b4.conv1.", "synthesis.b4.torgb."))}
    theirs = other.state_dict()
    for name, tensor in one.generator.state_dict().items():
        wanted = theirs if name in spliced or name == "synthesis.b4.const" else one.parent
        assert torch.equal(tensor, wanted[name]), name


def test_no_second_model_or_one_of_another_shape_is_said() -> None:
    one = bench()
    assert one.play(Glitch("splice")) == 0
    assert one.rewriter.muted == (
        "rewrite splice: there is no second model of the same shape to splice from; load one",
    )
    with pytest.raises(ValueError, match="only models of one shape"):
        one.rewriter.splice_from(network("stylegan3").state_dict())
    with pytest.raises(ValueError, match=r"const is \[8, 4, 4\] in the other model and \[16, 4, 4\] here"):
        one.rewriter.splice_from(one.parent | {"synthesis.b4.const": torch.zeros(8, 4, 4)})
    with pytest.raises(ValueError, match="damaged"):
        one.rewriter.splice_from(one.parent | {"mapping.w_avg": torch.full((16,), float("nan"))})
    assert one.play(Glitch("splice")) == 0
    one.play(Glitch("alter"))
    assert not one.rewriter.muted


def test_a_second_model_that_comes_later_is_heard_at_once() -> None:
    one, other = bench(), network(seed=9)
    assert one.play(Glitch("splice")) == 0
    one.rewriter.splice_from(other.state_dict())
    assert one.play(Glitch("splice")) > 0
    assert not one.rewriter.muted
    one.rewriter.splice_from(None)
    one.play(Glitch("splice"))
    assert not one.changed()
