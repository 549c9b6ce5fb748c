"""A rig on a network that plays: what is bent, what is muted, home, and other rigs while it plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.bending.slots import Features, Slot
from models.bending.transforms import knobs_by_transform, transforms
from models.forms.form import compiler
from models.generators import build
from perform.engine.clock import FixedClock, Tick
from perform.engine.decks import Decks
from perform.engine.frame import Request
from perform.engine.parameters import Parameters
from perform.engine.patch import Patch
from perform.engine.problems import Problems
from perform.engine.render import Deck
from perform.engine.rig import Rig, rig_knobs
from perform.engine.signals import Signals

SMALL = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16, "mapping_layers": 2}
RIG = Rig(
    (
        Slot("b8.conv0", "rotate", knobs={"angle": 40.0}, name="turn"),
        Slot("b16.conv1", "invert", Features("random", 3, 0.5), 0.8, name="negative"),
    )
)


def network() -> object:
    torch.manual_seed(1)
    return build("stylegan2", SMALL)


def request(parameters: Parameters, rig: Rig = RIG, time: float = 0.0, **moves: float) -> Request:
    parameters.grow(rig_knobs(rig))
    for name, value in moves.items():
        parameters.set(name.replace("__", "."), value)
    values = Patch((), parameters).play(Signals(), parameters, 0.04)
    return Request(Tick(0, time, 0.04), values, 0.3, 7)


@pytest.fixture
def tree(parameters: Parameters) -> Parameters:
    from models.knobs import Knob

    parameters.grow((Knob("divergence", 1.0),))
    return parameters


def test_the_knobs_of_all_transforms_are_known_without_torch() -> None:
    assert knobs_by_transform() == {name: transform.knobs for name, transform in transforms().items()}


def test_a_rig_bends_and_divergence_and_amounts_bring_home_exactly(tree: Parameters) -> None:
    plain = Deck(network(), "plain").picture(request(tree)).clone()
    deck = Deck(network(), "bent", rig=RIG)
    bent = deck.picture(request(tree)).clone()
    assert (bent - plain).abs().mean() > 0.05
    assert torch.equal(deck.picture(request(tree, divergence=0.0)), plain)
    assert torch.equal(deck.picture(request(tree, divergence=1.0)), bent)
    half = deck.picture(request(tree, divergence=0.5)).clone()
    assert 0 < (half - plain).abs().mean() < (bent - plain).abs().mean() * 1.2
    away = {"bend__turn__amount": 0.0, "bend__negative__amount": 0.0}
    assert torch.equal(deck.picture(request(tree, divergence=1.0, **away)), plain)


def test_another_rig_plays_from_the_next_frame_on_and_what_cannot_is_named(tree: Parameters) -> None:
    deck = Deck(network(), "bent", rig=RIG)
    bent = deck.picture(request(tree)).clone()
    other = Rig((*RIG.slots, Slot("L3_52_512", "blur", name="mist"), Slot("b8.conv1", "flip_h", Features("cluster"))))
    assert deck.muted == ()
    deck.equip(other)
    assert [line.split(":")[0] for line in deck.muted] == ["mist", "flip_h"]
    assert "no layer L3_52_512" in deck.muted[0]
    assert torch.equal(deck.picture(request(tree, other)), bent), "the rest plays"
    deck.equip(Rig())
    assert torch.equal(deck.picture(request(tree)), Deck(network(), "plain").picture(request(tree)))


def test_a_compiled_network_is_bent_like_the_plain_one(
    tree: Parameters, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if compiler() is None:
        pytest.skip("no C++ compiler")
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    deck = Deck(network(), "bent", fast=True, rig=RIG)
    eager = deck.picture(request(tree)).clone()
    assert not deck.quick
    deck.quicken()
    assert deck.manner.startswith("compiled")
    assert (deck.picture(request(tree)) - eager).square().mean().sqrt() < 0.05
    assert torch.allclose(
        deck.picture(request(tree, divergence=0.0)), Deck(network(), "plain").picture(request(tree)), atol=0.2
    )


def test_values_from_before_the_tree_grew_play_on(tree: Parameters) -> None:
    """A frame may still be asked for with the old tree's values when the new rig is there."""
    old = request(tree, Rig())
    new = request(tree)
    deck = Deck(network(), "bent", rig=RIG)
    assert torch.equal(deck.picture(old), deck.picture(new)), "what it does not know stands at the rig's own numbers"


def test_a_failing_bend_does_not_stop_the_decks(tree: Parameters) -> None:
    decks = Decks(FixedClock(25), Problems())
    decks.put(0, Deck(network(), "bent", rig=RIG))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        for name in tree.names():
            if name.startswith("bend.") and tree.knob(name).kind != "text":
                knob = tree.knob(name)
                tree.set(name, float(rng.uniform(knob.low, knob.high)))
        frame = decks.render(request(tree, time=seed / 25))
        assert frame.pixels[..., 3].min() == 255
