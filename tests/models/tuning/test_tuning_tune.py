"""The place on a trajectory: exact at saved states, neutral at home, on top of a blend, never waiting for a file."""

from pathlib import Path

import pytest
import torch

from models.blending.blend import Blend
from models.blending.relatives import Relative
from models.generators import build
from models.resident import Resident
from models.tuning.reel import Foreign, Reel
from models.tuning.trajectory import Writer
from models.tuning.tune import Tune
from tests.models.playing import playing
from tests.models.tuning.tuning_tools import SMALL, State, network, way, write

__all__ = ["playing"]


class Played:
    """A network with a trajectory on it."""

    def __init__(self, folder: Path, *, patient: bool = True, home: int = 0) -> None:
        self.generator = network()
        states = way(self.generator)
        self.states = states
        self.path = write(folder / "a.trajectory", self.generator, states)
        if home:
            self.generator = build("stylegan2", SMALL, states[home])
        self.resident = Resident(self.generator)
        self.tune = Tune(self.resident, patient)
        self.reel = Reel(self.path, self.generator, self.resident)
        self.tune.play(self.reel)

    def at(self, position: float, divergence: float = 1.0) -> None:
        self.tune.frame({"position": position}, divergence)
        self.resident.update([self.tune])

    def holds(self, state: State) -> bool:
        live = self.generator.state_dict()
        return all(torch.equal(live[name], t) for name, t in state.items())


def test_saved_positions_are_exact(tmp_path: Path) -> None:
    played = Played(tmp_path)
    for k in (3, 1, 4, 0, 2):
        played.at(k / 4)
        assert played.holds(played.states[k]), k
        rounded = float(torch.tensor(k / 4 + 1e-8))  # as a fader of 32 bits says it
        played.at(rounded)
        assert played.holds(played.states[k]), k


def test_between_two_states_is_their_mixture(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.at(0.3)
    for name, t in played.generator.state_dict().items():
        expected = torch.lerp(played.states[1][name], played.states[2][name], 0.2)
        torch.testing.assert_close(t, expected)


def test_position_0_changes_nothing_and_home_is_exact(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.tune.frame({"position": 0.0})
    assert not played.tune.marks()
    for position in (0.7, 1.0):
        played.at(position)
        assert not played.holds(played.states[0])
        played.at(position, divergence=0.0)
        assert played.holds(played.states[0])
        played.at(position)
        played.at(0.0)
        assert played.holds(played.states[0])
    played.at(0.6)
    played.tune.play(None)
    played.at(0.6)
    assert played.holds(played.states[0])


def test_divergence_walks_back(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.at(1.0, divergence=0.5)
    assert played.holds(played.states[2])


def test_home_may_be_anywhere_on_the_way(tmp_path: Path) -> None:
    """A model that grew from nothing is the end of its trajectory."""
    played = Played(tmp_path, home=4)
    assert played.reel.home == 4
    played.at(1.0)
    assert not played.tune.marks()
    played.at(0.0)
    assert played.holds(played.states[0])
    played.at(0.0, divergence=0.0)
    assert played.holds(played.states[4])
    played.at(0.0, divergence=0.5)
    assert played.holds(played.states[2])


def test_nonsense_is_home(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.at(float("nan"))
    assert played.holds(played.states[0])
    played.at(99.0)
    assert played.holds(played.states[4])
    played.at(0.5, divergence=float("nan"))
    assert played.holds(played.states[0])


def test_a_frame_takes_what_is_in_memory(tmp_path: Path) -> None:
    played = Played(tmp_path, patient=False)
    played.at(1.0)
    assert played.holds(played.states[0])  # nothing but home is there yet, and the frame reads no file
    assert played.reel.work()
    played.at(1.0)
    assert played.holds(played.states[4])  # the nearest to the fader came first
    played.at(0.5)
    middle = torch.lerp(played.states[0]["mapping.fc0.weight"], played.states[4]["mapping.fc0.weight"], 0.5)
    torch.testing.assert_close(played.generator.state_dict()["mapping.fc0.weight"], middle)
    while played.reel.work():
        pass
    assert played.reel.complete
    played.at(0.5)
    assert played.holds(played.states[2])


def test_only_some_states_of_a_large_network_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.tuning.reel.KEPT", 1)
    monkeypatch.setattr("models.tuning.reel.LEAST", 2)
    played = Played(tmp_path, patient=False)
    for k in (4, 2, 1, 3, 0, 4):
        played.at(k / 4)
        while played.reel.work():
            pass
        assert len(played.reel.states) <= 3
        played.at(k / 4)
        assert played.holds(played.states[k])


def test_it_follows_a_file_that_grows(tmp_path: Path) -> None:
    generator = network()
    states = way(generator)
    header = {"architecture": "stylegan2", "config": generator.config}
    resident = Resident(generator)
    tune = Tune(resident)
    with Writer(tmp_path / "a", states[0], header) as writer:
        tune.play(reel := Reel(tmp_path / "a", generator, resident))
        for k in range(1, 5):
            writer.add(k, states[k])
            while reel.work():
                pass
            tune.frame({"position": 1.0})
            resident.update([tune])
            assert all(torch.equal(generator.state_dict()[name], t) for name, t in states[k].items())


def test_it_follows_a_training_that_was_rolled_back(tmp_path: Path) -> None:
    played = Played(tmp_path)
    while played.reel.work():
        pass
    played.at(1.0)
    assert played.holds(played.states[4])
    other = way(played.generator, count=2, seed=9)[1]
    with Writer.resume(played.path, step=100) as writer:
        writer.add(150, other)
    while played.reel.work():
        pass
    assert len(played.reel) == 4
    played.at(1.0)
    assert played.holds(other)
    played.at(2 / 3)
    assert played.holds(played.states[2])


def test_where_there_is_no_block_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a card."""
    monkeypatch.setattr(Resident, "_lay_out", lambda self: None)
    played = Played(tmp_path)
    assert played.resident.block is None
    for k in (2, 4, 0):
        played.at(k / 4)
        assert played.holds(played.states[k])
    played.at(0.3)
    for name, t in played.generator.state_dict().items():
        torch.testing.assert_close(t, torch.lerp(played.states[1][name], played.states[2][name], 0.2))


def test_on_a_blend_the_way_is_added(tmp_path: Path) -> None:
    played = Played(tmp_path)
    other = {name: t + 0.5 for name, t in played.states[0].items()}
    blend = Blend(played.resident, played.generator, [Relative("other", other)])
    stages = [blend, played.tune]
    blend.frame({"alpha": 0.5})
    played.tune.frame({"position": 0.5})
    played.resident.update(stages)
    for name, t in played.generator.state_dict().items():
        torch.testing.assert_close(t, played.states[2][name] + 0.25, msg=name)
    played.tune.frame({"position": 0.0})
    played.resident.update(stages)
    only = {name: t.clone() for name, t in played.generator.state_dict().items()}
    assert torch.equal(
        only["mapping.fc0.weight"], torch.lerp(played.states[0]["mapping.fc0.weight"], other["mapping.fc0.weight"], 0.5)
    )
    blend.frame({"alpha": 0.0})
    played.tune.frame({"position": 0.75})
    played.resident.update(stages)
    for name, t in played.generator.state_dict().items():
        torch.testing.assert_close(t, played.states[3][name], msg=name)
    played.tune.frame({"position": 0.75}, 0.0)
    played.resident.update(stages)
    assert played.holds(played.states[0])


def test_another_network_s_way_is_refused_with_words(tmp_path: Path) -> None:
    generator = network()
    path = write(tmp_path / "a.trajectory", generator, way(generator))
    other = network(seed=5)
    with pytest.raises(Foreign, match="another network of this shape: load mother"):
        Reel(path, other, Resident(other))
    wider = build("stylegan2", {**SMALL, "channel_max": 8})
    with pytest.raises(Foreign, match=r"another shape .channel_max 16, not 8"):
        Reel(path, wider, Resident(wider))
    cppn = build("cppn", {})
    with pytest.raises(Foreign, match="way of a stylegan2, not of a cppn"):
        Reel(path, cppn, Resident(cppn))
