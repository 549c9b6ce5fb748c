"""A deck on a card, the emulator in place of CUDA: hands capture nothing, and it shows the eager deck's pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.bending.slots import Features, Slot
from models.checkpoints import io
from models.decoding.statistics import gather
from models.generators import build
from models.resident import Resident
from models.rewriting.glitch import History
from perform.app import tree
from perform.engine import render
from perform.engine.clock import Tick
from perform.engine.frame import Request
from perform.engine.lore import Lore
from perform.engine.parameters import Part
from perform.engine.patch import Patch
from perform.engine.render import Deck
from perform.engine.rig import NOTHING, Rig, rig_knobs
from perform.engine.signals import Signals
from tests.models.replay import Emulator, Forbidden, without_machine_code

SMALL = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16, "mapping_layers": 2}
RIG = Rig(
    (
        Slot("b8.conv0", "rotate", Features("random", 3, 0.5), 1.0, {"angle": 20.0}, "rotate"),
        Slot("b8.conv0", "feedback", Features(), 1.0, {"hold": 0.5}, "feedback"),
        Slot("b16.conv1", "erode", Features(), 1.0, {"radius": 1.5}, "erode"),
        Slot("b16.conv1", "roll", Features("random", 1, 0.7), 1.0, {"steps": 1.5}, "roll"),
    )
)
MOVED = ("bend.", "rewrite.", "decode.", "blend.alpha", "walk.noise", "divergence", "pose.")


@pytest.fixture(autouse=True)
def _as_on_a_card(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Iterator[None]:
    del one_thread
    monkeypatch.setattr(render, "has_fast_bf16", lambda: False)
    monkeypatch.setattr(Resident, "_lay_out", lambda _: None)  # a card's weights stay where they are
    with without_machine_code():
        yield


def network(architecture: str = "stylegan2") -> torch.nn.Module:
    torch.manual_seed(3)
    made = build(architecture, SMALL)
    assert isinstance(made, torch.nn.Module)
    made.eval().requires_grad_(False)
    for name, weight in made.named_parameters():
        if name.endswith("noise_strength"):
            weight.fill_(0.3)
    return made


class Pair:
    """A deck that replays and a deck that plays as it is, told the same."""

    def __init__(self, rig: Rig = NOTHING, lore: Lore | None = None, architecture: str = "stylegan2") -> None:
        self.emulator = Emulator()
        self.fast = Deck(network(architecture), "one", fast=True, rig=rig, lore=lore, capture=self.emulator)
        self.plain = Deck(network(architecture), "one", rig=rig, lore=lore)
        self.parameters, self.history, self.time = tree(), History(), 0.0
        self.parameters.grow(rig_knobs(rig))

    def equip(self, rig: Rig) -> None:
        self.parameters.grow(rig_knobs(rig))
        for deck in (self.plain, self.fast):
            deck.equip(rig)

    def pictures(self, position: float = 0.3) -> tuple[Tensor, Tensor]:
        self.time += 0.04
        values = Patch((), self.parameters).play(Signals(), self.parameters, 0.04)
        glitches = self.history.sounding(Part(values, "rewrite."))
        request = Request(Tick(0, self.time, 0.04), values, position, 1, glitches)
        return self.fast.picture(request).clone(), self.plain.picture(request)

    def throw(self, rng: np.random.Generator, names: list[str]) -> None:
        for name in rng.choice(names, 5).tolist():
            knob = self.parameters.knob(name)
            value = (knob.default, knob.low, rng.uniform(knob.low, knob.high))[rng.choice(3, p=(0.3, 0.1, 0.6))]
            self.parameters.set(name, float(value))

    def names(self) -> list[str]:
        kinds = ("float", "int", "bool", "choice")
        found = [n for n in self.parameters.names() if n.startswith(MOVED) and self.parameters.knob(n).kind in kinds]
        return [name for name in found if not name.startswith("bend.wide") and name != "decode.layer"]


def alike(pictures: tuple[Tensor, Tensor]) -> bool:
    """The same but for the last digits: 1e-3 of 2."""
    return bool(torch.allclose(*pictures, atol=1e-3, rtol=1e-3))


def test_a_thousand_moves_capture_nothing_and_show_what_the_eager_deck_shows(tmp_path: Path) -> None:
    lore = Lore(statistics=gather(network(), samples=48))
    torch.manual_seed(4)
    io.save(tmp_path / "two.safetensors", build("stylegan2", SMALL), {})
    pair = Pair(Rig(RIG.slots, (str(tmp_path / "two.safetensors"),)), lore)
    pair.pictures()
    while not pair.fast.quick:
        pair.fast.quicken()
    captures, rng, names, far = pair.emulator.captures, np.random.default_rng(0), pair.names(), 0
    assert captures == 3, "the network, with its slots, and with decoding"
    for frame in range(200):  # five moves each
        pair.throw(rng, names)
        pair.parameters.set("divergence", 0.0 if frame % 17 == 0 else 1.0)
        far += not alike(pair.pictures(frame * 0.05))
        assert pair.fast.manner == "captured float32"
    assert far == 0
    assert pair.emulator.captures == captures
    pair.parameters.set("divergence", 0.0)
    pair.parameters.set("walk.noise_strength", 1.0)
    for name in pair.parameters.names():
        if name.startswith(("pose.", "decode.")) and pair.parameters.knob(name).kind != "text":
            pair.parameters.set(name, pair.parameters.knob(name).default)
    assert torch.equal(*pair.pictures())


def test_another_rig_plays_uncaptured_until_it_is_captured() -> None:
    pair = Pair()
    seen: list[str] = []

    def slowly(*args: object) -> object:
        seen.append("capturing")
        assert alike(pair.pictures()), "the picture goes on meanwhile"
        seen.append(pair.fast.manner)
        return Emulator.__call__(pair.emulator, *args)  # type: ignore[arg-type]

    assert alike(pair.pictures())
    assert pair.fast.manner == "captured float32"
    pair.fast._captures._capture = slowly  # type: ignore[union-attr,assignment]
    pair.equip(Rig(RIG.slots[:1]))
    assert seen == ["capturing", "eager float32"]
    assert alike(pair.pictures())
    assert pair.fast.manner == "captured float32"
    assert pair.emulator.captures == 2


def test_the_network_alone_plays_where_all_slots_are_home() -> None:
    pair = Pair(RIG)
    bent = pair.fast._captures._made[1]  # type: ignore[union-attr]
    played: list[int] = []
    monkey, bent.picture = bent.picture, lambda numbers: (played.append(1), monkey(numbers))[1]  # type: ignore[method-assign]
    assert alike(pair.pictures())
    assert played == [1]
    for slot in RIG.slots:
        pair.parameters.set(f"bend.{slot.name}.amount", 0.0)
    pictures = pair.pictures()
    assert played == [1]
    assert torch.equal(*pictures)


def test_what_feedback_remembers_is_handed_on_and_forgotten_as_ever() -> None:
    pair = Pair(Rig(RIG.slots[1:2]))
    captures = pair.fast._captures
    for frame in range(40):
        pair.parameters.set("bend.feedback.amount", 0.0 if frame in (12, 13, 20) else 0.8)
        pair.fast._captures = None if frame % 8 > 5 else captures  # uncaptured, and back
        assert alike(pair.pictures(frame * 0.2)), frame


def test_what_cannot_be_captured_plays_on_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def never(work: object) -> tuple[Tensor, object]:
        raise Forbidden("operation not permitted\nwhen stream is capturing")

    with caplog.at_level(logging.WARNING, logger="perform"):
        pair = Pair(RIG)
        pair.fast = Deck(network(), "one", fast=True, rig=RIG, capture=never)  # type: ignore[arg-type]
        assert pair.fast.quick, "and is not tried again and again"
        assert alike(pair.pictures())
    assert pair.fast.manner == "eager float32"
    assert [record.getMessage() for record in caplog.records] == [
        "the network is not captured and plays slower: operation not permitted when stream is capturing",
        "the network with 4 slots is not captured and plays slower: operation not permitted when stream is capturing",
    ]


def test_only_so_many_captured_pictures_are_kept() -> None:
    pair = Pair()
    for turn in range(12):
        pair.equip(Rig((Slot("b8.conv0", "rotate", Features(), 1.0, {"angle": 10.0 + turn}, "rotate"),)))
        assert alike(pair.pictures())
    assert len(pair.fast._captures._made) <= 6  # type: ignore[union-attr]
    assert pair.emulator.captures == 13


def test_a_network_that_moves_in_its_plane_is_captured_with_its_pose() -> None:
    pair = Pair(architecture="stylegan3")
    rng = np.random.default_rng(1)
    for frame in range(6):
        for name in pair.names():
            if name.startswith("pose."):
                knob = pair.parameters.knob(name)
                pair.parameters.set(name, float(rng.uniform(knob.low, knob.high)))
        assert alike(pair.pictures(frame * 0.3))
        assert pair.fast.manner == "captured float32"
    assert pair.emulator.captures == 1
