"""Live weights: in place, only what changed, home and undo exact, whatever the stages do."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from models.generators import Generator, build
from models.resident import Resident, twin

SMALL: dict[str, Any] = {
    "z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 64, "channel_max": 8, "mapping_layers": 1,
}  # fmt: skip
A, B, C = "synthesis.b8.conv0.weight", "synthesis.b8.conv1.weight", "synthesis.b8.conv1.bias"


def network() -> Generator:
    torch.manual_seed(0)
    made = build("stylegan2", SMALL)
    assert isinstance(made, torch.nn.Module)
    return made.eval().requires_grad_(False)


def copy(resident: Resident) -> dict[str, Tensor]:
    return {name: resident.live(name).detach().clone() for name in resident.names}


def equal(resident: Resident, weights: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(resident.live(name), t) for name, t in weights.items())


class Adds:
    """A stage that adds a number to each tensor that it marks; it counts what it wrote, and fails when told."""

    def __init__(self, **marks: float) -> None:
        self.now: dict[str, Hashable] = {}
        self.writes: list[str] = []
        self.fails = ""

    def marks(self) -> Mapping[str, Hashable]:
        return self.now

    def write(self, name: str, before: Tensor, out: Tensor) -> None:
        self.writes.append(name)
        amount = self.now[name]
        assert isinstance(amount, float)
        torch.add(before, amount, out=out)
        if name == self.fails:
            raise RuntimeError("on purpose")


class AddsAll(Adds):
    """The same, with a way to write many at once."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[list[str]] = []

    def write_home(self, names: Sequence[str], resident: Resident) -> None:
        self.all.append(list(names))
        for name in names:
            self.write(name, resident.home(name), resident.live(name))


def test_the_block_holds_the_very_weights_in_their_own_layout() -> None:
    g = network()
    z = torch.randn(2, 8)
    before = g.synthesize(g.map(z))
    strides = {name: t.stride() for name, t in g.state_dict().items()}
    resident = Resident(g)
    assert torch.equal(g.synthesize(g.map(z)), before)
    assert {name: t.stride() for name, t in g.state_dict().items()} == strides
    assert resident.block is not None
    assert resident.names == tuple(g.state_dict())
    spans = sorted((place.start, place.stop) for name in resident.names if (place := resident.place(name)) is not None)
    assert len(spans) == len(resident.names)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    version = g.w_avg._version
    place = resident.place("mapping.w_avg")
    assert place is not None
    resident.block[place] = 3.0
    resident.wrote(["mapping.w_avg"])
    assert (g.w_avg == 3.0).all()
    assert g.w_avg._version > version
    other = {name: torch.randn(t.shape) for name, t in g.state_dict().items()}
    laid = resident.laid_out(other)
    assert all(torch.equal(resident.view(laid, name), t) for name, t in other.items())


def test_only_what_changed_is_written_and_undo_is_exact() -> None:
    resident = Resident(network())
    home = copy(resident)
    stage = Adds()
    assert resident.update([stage]) == 0
    stage.now = {A: 1.0, B: 2.0, "of another model": 1.0}
    assert resident.update([stage]) == 2
    assert resident.update([stage]) == 0
    assert torch.equal(resident.live(A), home[A] + 1.0)
    stage.now = {A: 1.0, B: 3.0}
    stage.writes.clear()
    assert resident.update([stage]) == 1
    assert stage.writes == [B]
    assert torch.equal(resident.live(B), home[B] + 3.0)  # of home, not of what was there
    stage.now = {}
    assert resident.update([stage]) == 2
    assert equal(resident, home)
    stage.now = {A: 1.0}
    resident.update([stage])
    assert resident.update([]) == 1
    assert equal(resident, home)


def test_a_mapping_that_a_stage_changes_in_place_is_seen() -> None:
    resident, stage = Resident(network()), Adds()
    marks: dict[str, Hashable] = {A: 1.0}
    stage.now = marks
    resident.update([stage])
    marks[A] = 2.0
    assert resident.update([stage]) == 1


@pytest.mark.parametrize("first", [Adds, AddsAll])
def test_stages_work_in_their_order(first: type[Adds]) -> None:
    resident = Resident(network())
    home = copy(resident)
    one, two = first(), Adds()
    one.now, two.now = {A: 1.0, B: 1.0}, {B: 10.0, C: 100.0}
    assert resident.update([one, two]) == 3
    assert torch.equal(resident.live(A), home[A] + 1.0)
    assert torch.equal(resident.live(B), (home[B] + 1.0) + 10.0)
    assert torch.equal(resident.live(C), home[C] + 100.0)
    one.now = {A: 1.0, B: 2.0}  # what comes after is done again
    assert resident.update([one, two]) == 1
    assert torch.equal(resident.live(B), (home[B] + 2.0) + 10.0)
    two.now = {C: 100.0}
    assert resident.update([one, two]) == 1
    assert torch.equal(resident.live(B), home[B] + 2.0)
    if isinstance(one, AddsAll):
        assert one.all == [[A, B], [B], [B]]
    one.now = two.now = {}
    resident.update([one, two])
    assert equal(resident, home)


def test_wholesale_only_for_those_whose_first_stage_it_is() -> None:
    resident = Resident(network())
    home = copy(resident)
    one, two = Adds(), AddsAll()
    one.now, two.now = {A: 1.0}, {A: 10.0, B: 10.0}
    resident.update([one, two])
    assert two.all == [[B]]
    assert torch.equal(resident.live(A), (home[A] + 1.0) + 10.0)
    assert torch.equal(resident.live(B), home[B] + 10.0)


@pytest.mark.parametrize("kind", [Adds, AddsAll])
def test_an_exception_leaves_the_tensor_at_home_and_is_made_good(kind: type[Adds]) -> None:
    resident = Resident(network())
    home = copy(resident)
    stage = kind()
    stage.now = {A: 1.0, B: 1.0, C: 1.0}
    stage.fails = B
    with pytest.raises(RuntimeError, match="on purpose"):
        resident.update([stage])
    assert torch.equal(resident.live(B), home[B])
    stage.fails = ""
    resident.update([stage])
    assert all(torch.equal(resident.live(name), home[name] + 1.0) for name in (A, B, C))
    stage.fails = A
    stage.now = {A: 2.0, B: 2.0, C: 2.0}
    with pytest.raises(RuntimeError):
        resident.update([stage])
    resident.update([])  # what the exception kept from being written comes home too
    assert equal(resident, home)


def test_written_in_inference_mode_and_seen_outside() -> None:
    g = network()
    with torch.inference_mode():
        resident = Resident(g)
        stage = Adds()
        stage.now = {A: 1.0}
        resident.update([stage])
    assert not any(t.is_inference() for t in g.state_dict().values())
    with torch.enable_grad():
        g.synthesize(g.map(torch.randn(1, 8)))


def test_a_network_without_weights() -> None:
    resident = Resident(build("cppn", {}))
    stage = Adds()
    stage.now = {"anything": 1.0}
    assert resident.names == ()
    assert resident.update([stage]) == 0


def filled(seed: int = 0) -> tuple[Generator, dict[str, Tensor]]:
    """A network as it comes out of a file, and what the file held."""
    torch.manual_seed(seed)
    made = build("stylegan2", SMALL)
    weights = {name: torch.randn(t.shape) for name, t in made.state_dict().items()}
    return build("stylegan2", SMALL, weights), weights


def test_a_network_out_of_a_file_is_in_memory_once() -> None:
    g, weights = filled()
    lies = {name: t.data_ptr() for name, t in g.state_dict().items()}
    assert len({t.untyped_storage().data_ptr() for t in g.state_dict().values()}) == 1
    resident = Resident(g)
    assert resident.home_block is not None
    assert resident.home_block.data_ptr() == min(lies.values())
    for name in resident.names:
        assert resident.home(name).data_ptr() == resident.live(name).data_ptr() == lies[name]
        assert resident.home(name).stride() == resident.live(name).stride()
        assert torch.equal(resident.home(name), weights[name])
    assert resident.live(A).is_contiguous(memory_format=torch.channels_last)


def test_building_for_weights_draws_nothing() -> None:
    made = build("stylegan2", SMALL)
    weights = {name: t.clone() for name, t in made.state_dict().items()}
    state = torch.get_rng_state()
    build("stylegan2", SMALL, weights)
    assert torch.equal(torch.get_rng_state(), state)


def test_only_what_a_stage_writes_is_in_memory_twice() -> None:
    g, weights = filled()
    resident, stage = Resident(g), Adds()
    assert resident.home_block is not None
    assert resident.block is not None
    before = resident.home_block.clone()
    lies = {name: resident.live(name).data_ptr() for name in resident.names}
    with torch.inference_mode():  # as frames are made
        stage.now = {A: 1.0}
        resident.update([stage])
    live, place = resident.live(A), resident.place(A)
    assert place is not None
    assert live.data_ptr() == resident.block[place].data_ptr()
    assert not live.is_inference()
    assert torch.equal(live, weights[A] + 1.0)
    assert all(resident.live(name).data_ptr() == lies[name] for name in resident.names if name != A)
    version = live._version
    with torch.inference_mode():
        stage.now = {A: 2.0}
        resident.update([stage])
    assert live._version > version, "whoever watches sees the next change, too"
    with torch.inference_mode():
        stage.now = {}
        resident.update([stage])
    assert live.data_ptr() == lies[A]
    assert equal(resident, weights)
    assert torch.equal(resident.home_block, before), "nobody writes home"


def test_a_twin_takes_no_memory_and_stays_at_home() -> None:
    g, weights = filled()
    other = twin(g)
    resident, stage = Resident(g), Adds()
    z = torch.randn(2, 8)
    before = other.map(z)
    stage.now = dict.fromkeys(resident.names, 1.0)
    resident.update([stage])
    for name, t in other.state_dict().items():
        assert t.data_ptr() == resident.home(name).data_ptr()
        assert torch.equal(t, weights[name])
    assert torch.equal(other.map(z), before)
    assert not torch.equal(g.map(z), before)


@pytest.mark.parametrize("wholesale", [False, True])
def test_on_a_card_only_what_a_stage_writes_is_in_memory_twice(
    wholesale: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Resident, "_lay_out", lambda _: None)  # a card's weights stay where captured graphs know them
    resident = Resident(network())
    addresses = {name: resident.live(name).data_ptr() for name in resident.names}
    home = copy(resident)
    assert not resident._home
    stage = AddsAll() if wholesale else Adds()
    stage.now = {A: 1.0, C: 2.0}
    resident.update([stage])
    assert set(resident._home) == {A, C}
    assert torch.equal(resident.live(A), home[A] + 1)
    assert torch.equal(resident.home(A), home[A]), "kept before it was written"
    assert torch.equal(resident.home(B), home[B])
    stage.now = {}
    resident.update([stage])
    assert equal(resident, home)
    assert {name: resident.live(name).data_ptr() for name in resident.names} == addresses
