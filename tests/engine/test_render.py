from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import models
from models.forms import Unavailable
from models.forms.form import compiler
from models.generators import build
from perform.engine.clock import FixedClock, Tick
from perform.engine.decks import Decks
from perform.engine.frame import Request
from perform.engine.parameters import Parameters
from perform.engine.patch import Patch
from perform.engine.problems import Problems, UserError
from perform.engine.render import Deck
from perform.engine.signals import Signals


def request(parameters: Parameters, position: float) -> Request:
    return Request(Tick(0, 0.0, 0.04), Patch((), parameters).play(Signals(), parameters, 0.04), position, 7)


def playing(name: str, *, fast: bool = False) -> Decks:
    """The model alone, on deck A."""
    decks = Decks(FixedClock(25), Problems())
    decks.put(0, Deck(models.load(name), name, fast=fast))
    return decks


@pytest.mark.parametrize("name", sorted(models.available()))
def test_a_frame_is_rgba_and_answers_its_request(name: str, parameters: Parameters) -> None:
    renderer = playing(name)
    first = renderer.render(request(parameters, 0.0))
    kept = first.pixels.copy()
    assert first.pixels.dtype == np.uint8
    assert first.pixels.shape[2] == 4
    assert (first.pixels[..., 3] == 255).all()
    assert first.serial == 7
    second = renderer.render(request(parameters, 0.5))
    assert np.abs(second.pixels.astype(int) - kept).mean() > 1, "the walk moves the picture"
    assert np.array_equal(first.pixels, kept), "and a frame stays what it was while the next is made"
    again = renderer.render(request(parameters, 0.0))
    assert np.array_equal(again.pixels, kept), "the same place is the same picture"


@pytest.mark.parametrize("name", sorted(models.available()))
def test_the_fast_form_plays_the_same_picture_wherever_the_walk_is(name: str, parameters: Parameters) -> None:
    plain = playing(name)
    fast = playing(name, fast=True)
    for position, strength in ((0.0, 1.0), (0.4, 1.0), (1.7, 0.0), (3.2, 2.0)):
        parameters.set("walk.noise_strength", strength)
        ours = fast.render(request(parameters, position)).pixels.astype(float)
        exact = plain.render(request(parameters, position)).pixels.astype(float)
        assert np.sqrt(np.mean((ours - exact) ** 2)) < 0.02 * 127.5, (position, strength)


def test_every_knob_of_the_walk_moves_the_picture(parameters: Parameters) -> None:
    renderer = playing("first-light")
    home = renderer.render(request(parameters, 0.3)).pixels.astype(int)
    moves = {
        "seed": 40.0, "landmarks": 5.0, "interpolation": "slerp", "offset": 0.5, "truncation_psi": 0.2,
        "truncation_cutoff": 2.0, "noise_strength": 4.0, "coarse": 0.7, "middle": 0.7, "fine": 0.7,
    }  # fmt: skip
    for name, value in moves.items():
        before = parameters.get(f"walk.{name}")
        parameters.set(f"walk.{name}", value)
        moved = renderer.render(request(parameters, 0.3)).pixels.astype(int)
        assert np.abs(moved - home).max() > 3, name
        parameters.set(f"walk.{name}", before)
    assert np.array_equal(renderer.render(request(parameters, 0.3)).pixels, home), "and home is home, bit for bit"


def test_an_absent_device_names_those_that_are_there() -> None:
    from perform.engine.render import pick_device

    assert pick_device("cpu") == "cpu"
    with pytest.raises(UserError, match=r"this machine has: .*cpu"):
        pick_device("cuda:99" if not _has_cuda() else "abacus")


def _has_cuda() -> bool:
    return bool(torch.cuda.is_available())


def test_a_network_that_cannot_be_compiled_says_so_and_plays_as_it_is(
    parameters: Parameters, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    deck = Deck(models.load("first-light"), "first-light", fast=True)
    with pytest.raises(Unavailable, match=r"apt install g\+\+"):
        deck.quicken()
    assert deck.manner.startswith("eager")
    assert deck.picture(request(parameters, 0.0)).std() > 0.1


def test_a_deck_that_was_compiled_plays_the_same_picture(
    parameters: Parameters, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the next deck of this topology, with other weights, is compiled from the start."""
    if compiler() is None:
        pytest.skip("no C++ compiler")
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    settings = {"z_dim": 16, "w_dim": 16, "img_resolution": 8, "channel_base": 128, "channel_max": 16}
    deck = Deck(build("stylegan2", settings), "small", fast=True)
    before = deck.picture(request(parameters, 0.7)).clone()
    deck.quicken()
    assert deck.manner.startswith("compiled")
    assert (deck.picture(request(parameters, 0.7)) - before).square().mean().sqrt() < 0.02
    network = build("stylegan2", settings)
    assert Deck(network, "other", fast=True).manner == deck.manner
    assert Deck(network, "other").manner == "eager float32"


def deck_of(architecture: str, settings: dict[str, object]) -> Decks:
    torch.manual_seed(3)
    network = build(architecture, settings)
    if architecture == "stylegan3":  # a new network does not turn by itself yet
        torch.nn.init.normal_(network.synthesis["input"].affine.weight)
    decks = Decks(FixedClock(25), Problems())
    decks.put(0, Deck(network, architecture))
    return decks


def moved(decks: Decks, parameters: Parameters, **moves: float) -> np.ndarray:
    for name, value in moves.items():
        parameters.set(name.replace("_", "."), value)
    pixels = decks.render(request(parameters, 0.3)).pixels.astype(int)
    for name in moves:
        parameters.set(name.replace("_", "."), parameters.knob(name.replace("_", ".")).default)
    return pixels


def test_the_classes_of_a_conditional_network_can_be_played_and_mixed(parameters: Parameters) -> None:
    settings = {"z_dim": 16, "w_dim": 16, "c_dim": 3, "img_resolution": 16, "channel_base": 256, "channel_max": 16}
    decks = deck_of("stylegan2", settings)
    home = moved(decks, parameters)
    pure = [moved(decks, parameters, label_a=float(k)) for k in range(3)]
    assert np.array_equal(pure[0], home)
    assert np.abs(pure[1] - pure[2]).mean() > 0.5
    assert np.array_equal(moved(decks, parameters, label_a=1.0, label_b=2.0, label_mix=1.0), pure[2])
    between = moved(decks, parameters, label_a=1.0, label_b=2.0, label_mix=0.5)
    assert not np.array_equal(between, pure[1])
    assert not np.array_equal(between, pure[2])
    assert np.array_equal(moved(decks, parameters, label_a=3.0), home), "a class that is not there counts from 0 again"


def test_a_network_that_can_be_moved_is_moved_by_the_pose(parameters: Parameters) -> None:
    decks = deck_of(
        "stylegan3", {"img_resolution": 32, "z_dim": 16, "w_dim": 16, "channel_base": 512, "channel_max": 16}
    )
    home = moved(decks, parameters)
    for name in ("rotate", "x", "y", "scale", "mirror", "shear", "anchor"):
        knob = parameters.knob(f"pose.{name}")
        other = moved(decks, parameters, **{f"pose_{name}": knob.low + 0.6 * (knob.high - knob.low)})
        assert np.abs(other - home).max() > 3, name
    assert np.array_equal(moved(decks, parameters), home), "and home is home, bit for bit"
