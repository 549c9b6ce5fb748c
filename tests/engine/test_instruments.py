"""A rig on a network that plays: what is bent, what is muted, home, and other rigs while it plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.bending.slots import Features, Slot
from models.bending.transforms import knobs_by_transform, transforms
from models.blending.rows import blend_knobs
from models.checkpoints import io
from models.decoding.played import knobs as decode_knobs
from models.forms.form import compiler
from models.generators import build
from models.knobs import Knob
from models.rewriting import glitch
from models.rewriting.glitch import History
from models.steering.steer import steer_knobs
from perform.engine.clock import FixedClock, Tick
from perform.engine.decks import Decks
from perform.engine.frame import Request
from perform.engine.lore import known
from perform.engine.parameters import Parameters, Part
from perform.engine.patch import Patch
from perform.engine.problems import Problems
from perform.engine.render import Deck
from perform.engine.rig import Rig, bend_knobs, rig_knobs
from perform.engine.signals import Signals

SMALL = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16, "mapping_layers": 2}
RIG = Rig(
    (
        Slot("b8.conv0", "rotate", knobs={"angle": 40.0}, name="turn"),
        Slot("b16.conv1", "invert", Features("random", 3, 0.5), 0.8, name="negative"),
    )
)


HISTORY = History()


def network(seed: int = 1) -> object:
    torch.manual_seed(seed)
    return build("stylegan2", SMALL)


def request(parameters: Parameters, rig: Rig = RIG, time: float = 0.0, /, **moves: float | str) -> Request:
    parameters.grow(rig_knobs(rig))
    for name, value in moves.items():
        parameters.set(name.replace("__", "."), value)
    values = Patch((), parameters).play(Signals(), parameters, 0.04)
    glitches = HISTORY.sounding(Part(values, "rewrite."))
    return Request(Tick(0, time, 0.04), values, 0.3, 7, glitches)


@pytest.fixture
def tree(parameters: Parameters) -> Parameters:
    parameters.grow((Knob("divergence", 1.0),))
    parameters.add("bend", bend_knobs())
    for part, knobs in (
        ("blend", blend_knobs()), ("rewrite", glitch.KNOBS), ("decode", decode_knobs()), ("steer", steer_knobs()),
    ):  # fmt: skip
        parameters.add(part, knobs)
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
        frame = decks.render(request(tree, RIG, seed / 25))
        assert frame.pixels[..., 3].min() == 255


# every instrument with a setting that shows, on a network of its own
PLAYED: dict[str, dict[str, float | str]] = {
    "bend": {},
    "blend": {"blend__alpha": 0.6},
    "swap": {"blend__alpha": 1.0, "blend__swap_resolution": 8.0, "blend__swap_width": 0.5},
    "rewrite": {"rewrite__strength": 1.0, "rewrite__percent_change": 60.0},
    "splice": {"rewrite__strength": 1.0, "rewrite__op": "splice", "rewrite__layer": 0.5},
    "decode": {"decode__method": "low-active", "decode__on_value": 8.0},
    "noise": {"decode__method": "noisy", "decode__noise_std": 4.0},
    "steer": {"steer__1__amount": 3.0},
    "style": {"steer__style_mix_amount": 1.0, "steer__style_mix_layer": 2.0},
}


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's file and a relative's, and an empty home for the user's own files."""
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path / "home"))
    io.save(tmp_path / "one.safetensors", network(), {})
    io.save(tmp_path / "two.safetensors", network(2), {})
    return tmp_path


@pytest.mark.parametrize("name", sorted(PLAYED))
def test_each_instrument_shows_and_leaves_the_network_as_it_was(name: str, tree: Parameters, family: Path) -> None:
    model = str(family / "one.safetensors")
    rig = Rig(RIG.slots if name == "bend" else (), (str(family / "two.safetensors"),))
    g = io.load(family / "one.safetensors")
    plain = Deck(g, model).picture(request(tree, Rig())).clone()
    weights = {key: tensor.clone() for key, tensor in g.state_dict().items()}
    played = io.load(family / "one.safetensors")
    deck = Deck(played, model, rig=rig, lore=known(played, model))
    assert torch.equal(deck.picture(request(tree, Rig(), divergence=0.0)), plain)
    shown = deck.picture(request(tree, rig, divergence=1.0, **PLAYED[name])).clone()
    assert (shown - plain).abs().mean() > 0.01, deck.muted
    assert torch.isfinite(shown).all()
    if name not in ("steer", "style"):  # these move w, not the network
        assert torch.equal(deck.picture(request(tree, rig, divergence=0.0)), plain)
    again = deck.picture(request(tree, rig, divergence=1.0))
    assert torch.equal(again, shown), "and back, the same"
    for move in PLAYED[name]:
        tree.set(move.replace("__", "."), tree.knob(move.replace("__", ".")).default)
    assert torch.equal(deck.picture(request(tree, rig, divergence=0.0)), plain)
    for key, tensor in played.state_dict().items():
        assert torch.equal(tensor, weights[key]), key


def test_the_order_is_blend_then_rewrite_then_bend(tree: Parameters, family: Path) -> None:
    """All at once is the same as each done by hand, in the order of the design, to a network of its own."""
    from models.bending.bender import Bender
    from models.blending.relatives import read
    from models.resident import Resident
    from models.rewriting.rewriter import Rewriter

    model, other = str(family / "one.safetensors"), str(family / "two.safetensors")
    rig = Rig(RIG.slots, (other,))
    moves: dict[str, float | str] = {
        "blend__alpha": 0.4,
        "rewrite__strength": 0.7,
        "rewrite__seed": 5.0,
        "rewrite__op": "delete",
        "blend__mapping": "a",
    }
    deck = Deck(io.load(family / "one.safetensors"), model, rig=rig)
    asked = request(tree, rig, **moves)
    together = deck.picture(asked).clone()

    g = io.load(family / "one.safetensors")
    tensors = read(other).tensors
    with torch.no_grad():
        for key, tensor in g.state_dict().items():
            if tensor.is_floating_point() and not key.startswith("mapping."):
                tensor.copy_(torch.lerp(tensor, tensors[key], 0.4))
    resident = Resident(g)
    rewriter = Rewriter(g, resident)
    rewriter.frame(asked.glitches)
    resident.update([rewriter])
    bender = Bender(RIG.slots, g)
    bender.frame(bender.defaults)
    w = torch.from_numpy(Deck(io.load(family / "one.safetensors"), model)._walker.w(asked.values, 0.3)).float()[None]
    by_hand = g.synthesize(w, tap=bender.tap)
    assert torch.allclose(together, by_hand, atol=2e-4)


def test_places_are_kept_and_come_back_after_a_restart(tree: Parameters, family: Path) -> None:
    model = str(family / "one.safetensors")

    def deck() -> Deck:
        g = io.load(family / "one.safetensors")
        return Deck(g, model, lore=known(g, model))

    def at(position: float, stores: tuple[tuple[int, int], ...] = (), **moves: float) -> Request:
        made = request(tree, Rig(), **moves)
        return Request(made.tick, made.values, position, 1, stores=stores)

    first = deck()
    first.picture(at(0.0))
    kept = first.picture(at(1.3, ((1, 5),), walk__noise_strength=0.5)).clone()
    assert not torch.equal(first.picture(at(2.0, ((1, 5),), walk__noise_strength=1.0)), kept), "a wish is done once"
    assert torch.equal(first.picture(at(3.1, walk__slot__5=1.0)), kept)
    first.save()
    second = deck()
    assert torch.equal(second.picture(at(0.7, ((1, 5),), walk__truncation_psi=0.2)), kept), "an old wish is not done"
    second.picture(at(0.7, walk__slot__5=0.0, walk__slot__6=1.0))
    assert second.muted == ("walk.slot.6: nothing is stored there; walk.store.6 keeps what is on the wall",)


def test_strangers_and_other_shapes_are_said_and_the_show_goes_on(tree: Parameters, family: Path) -> None:
    other = build("stylegan2", SMALL | {"channel_max": 8})
    io.save(family / "large.safetensors", other, {})
    (family / "broken.safetensors").write_bytes(b"<html>")
    names = tuple(str(family / f"{one}.safetensors") for one in ("large", "broken", "gone", "two"))
    deck = Deck(network(), "one", rig=Rig((), names))
    said = "\n".join(deck.muted)
    for words in ("of another shape", "broken.safetensors", "gone.safetensors", "two is no relative"):
        assert words in said
    plain = deck.picture(request(tree, Rig())).clone()
    tree.set("blend.model.2.weight", 1.0)
    assert torch.equal(deck.picture(request(tree, Rig(), blend__alpha=1.0)), plain), "what is not there is the model"
    shown = deck.picture(request(tree, Rig(), blend__model__2__weight=0.0, blend__model__5__weight=1.0))
    assert (shown - plain).abs().mean() > 0.01


def test_a_network_is_drawn_wide_and_home_again(tree: Parameters, family: Path) -> None:
    deck = Deck(network(), "one", rig=RIG)
    plain = deck.picture(request(tree)).clone()
    moves = {"bend__wide__layer": 0.0, "bend__wide__stretch_x": 2.01, "bend__wide__tile_y": 3.0}
    wide = deck.picture(request(tree, RIG, **moves, bend__wide__latents=3.0))
    assert wide.shape == (1, 3, 48, 32)
    assert torch.isfinite(wide).all()
    home = deck.picture(request(tree, RIG, divergence=0.0)).clone()
    assert torch.equal(home, Deck(network(), "plain").picture(request(tree, RIG)))
    for name in ("stretch_x", "tile_y", "latents"):
        tree.set(f"bend.wide.{name}", 1.0)
    assert torch.equal(deck.picture(request(tree, RIG, divergence=1.0)), plain)
    cppn = Deck(build("cppn", {}), "cppn")
    cppn.picture(request(tree, Rig(), bend__wide__tile_x=2.0))
    assert cppn.muted == ("bend.wide: this cppn cannot be drawn wide at b4.conv1",)
