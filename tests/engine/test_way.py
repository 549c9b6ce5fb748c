"""A trajectory on stage: pictures are those of the saved networks, and the peak moves the fader."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints import io
from models.generators import build
from perform.app import tree
from perform.engine import preset as presets
from perform.engine.clock import Tick
from perform.engine.frame import Request
from perform.engine.parameters import Parameters
from perform.engine.patch import Patch
from perform.engine.peaks import Peak, Peaks
from perform.engine.render import Deck
from perform.engine.rig import NOTHING, Rig, changed
from perform.engine.signals import Signals
from tests.engine.desk import Desk, desk
from tests.models.playing import playing
from tests.models.tuning.tuning_tools import SMALL, network, way, write

__all__ = ["desk", "playing"]


class Stage:
    """A deck with a network on the way of its training."""

    def __init__(self, folder: Path, *, fast: bool = False) -> None:
        generator = network()
        self.states = way(generator)
        self.path = write(folder / "a.trajectory", generator, self.states)
        self.parameters = tree()
        self.deck = Deck(generator, "small", fast=fast, rig=Rig(trajectory=str(self.path)))

    def picture(self, deck: Deck | None = None, position: float = 0.3) -> torch.Tensor:
        values = Patch((), self.parameters).play(Signals(), self.parameters, 0.04)
        return (deck or self.deck).picture(Request(Tick(0, 0.0, 0.04), values, position)).clone()


@pytest.mark.parametrize("interpolation", ["spline", "slerp"])
def test_the_picture_is_the_saved_network_s(tmp_path: Path, interpolation: str) -> None:
    stage = Stage(tmp_path)
    stage.parameters.set("walk.interpolation", interpolation)
    for k in (2, 4, 0, 1):
        stage.parameters.set("tune.position", k / 4)
        alone = Deck(build("stylegan2", SMALL, stage.states[k]), "alone")
        # all but the mean of truncation, which is a walk's own, is mapped by the state's mapping, bit for bit
        assert torch.equal(stage.picture(), stage.picture(alone)), k


def test_home_is_exact(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    plain = stage.picture()
    stage.parameters.set("tune.position", 0.8)
    assert not torch.equal(stage.picture(), plain)
    stage.parameters.set("divergence", 0.0)
    assert torch.equal(stage.picture(), plain)


def test_another_network_s_is_muted_with_words(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    other = Deck(network(seed=3), "other", rig=Rig(trajectory=str(stage.path)))
    plain = stage.picture(Deck(network(seed=3), "other"))
    stage.parameters.set("tune.position", 1.0)
    assert torch.equal(stage.picture(other), plain)
    assert "another network of this shape" in other.muted[0]
    lost = Deck(network(), "small", rig=Rig(trajectory="nowhere"))
    assert "nowhere: cannot be read" in lost.muted[0]


def test_frames_go_on_while_it_is_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path, fast=True)
    plain = stage.picture()
    stage.parameters.set("tune.position", 1.0)
    assert torch.equal(stage.picture(), plain)
    while stage.deck.read_ahead():
        pass
    assert not torch.equal(stage.picture(), plain)
    stage.deck.equip(NOTHING)
    assert torch.equal(stage.picture(), plain)
    assert stage.deck.reel is None


def test_a_preset_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "A"\ntrajectory = "melting"\n')
    rig = presets.rig(presets.read(tmp_path / "a.toml"), "a.toml")
    assert rig.trajectory == "melting"
    assert changed(rig, "tune.trajectory", "growing").trajectory == "growing"


def test_saying_a_name_changes_the_rig(desk: Desk) -> None:
    desk.engine.parameters.grow(tree_of("tune."))
    desk.engine.parameters.set("tune.trajectory", "melting")
    desk.director.step([])
    rig = desk.shelf.rigs[-1]
    assert rig is not None
    assert rig.trajectory == "melting"


def tree_of(prefix: str) -> list:  # type: ignore[type-arg]
    whole: Parameters = tree()
    return [whole.knob(name) for name in whole.names() if name.startswith(prefix)]


def test_the_peak_moves_the_fader(desk: Desk) -> None:
    desk.engine.parameters.grow(tree_of("tune."))
    desk.press("tune.find_peak")
    assert desk.shelf.peaks_wanted == 1
    desk.shelf.peaks._found.put(Peak(0.37, "peak of melting at 0.37"))
    desk.director.step([])
    assert desk.engine.parameters.get("tune.position") == 0.37
    assert desk.said[-1] == "peak of melting at 0.37"


def test_the_peak_is_looked_for_beside_the_picture(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    peaks = Peaks(wait=False)
    peaks.ask(None)
    found = peaks.found()
    assert found is not None
    assert found.position is None
    stage.picture()
    peaks.ask(stage.deck.reel)
    for _ in range(600):
        stage.picture()
        if (found := peaks.found()) is not None:
            break
        time.sleep(0.05)
    assert found is not None
    assert found.position in np.linspace(0, 1, 5)


def test_a_model_of_a_file_finds_its_way(tmp_path: Path) -> None:
    """The weights come back from a file just as they went, so they are known again."""
    stage = Stage(tmp_path)
    io.save(tmp_path / "small.safetensors", network(), {})
    deck = Deck(io.load(tmp_path / "small.safetensors"), "small", rig=Rig(trajectory=str(stage.path)))
    stage.picture(deck)
    assert deck.reel is not None
    assert deck.muted == ()
