"""Row W2: a stored place brings its picture back exactly, after a restart too."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from steering_tools import small

from models.checkpoints import Refused
from models.latents import Array, landmark, truncate
from models.steering.bank import KEY, SLOTS, Bank, Recall, bank_path, load_bank, save_bank, slot_knobs

L, D = 14, 24
AVG = np.random.RandomState(3).randn(D)


def place(seed: int) -> Array:
    return np.asarray(AVG + np.random.RandomState(seed).randn(L, D))


def full() -> Bank:
    bank = Bank({}, "a" * 64)
    for slot in range(1, SLOTS + 1):
        bank = bank.stored(slot, place(slot), {"noise_strength": slot / 4}, f"place {slot}")
    return bank


def same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def test_a_hundred_places_of_a_network_come_back_after_a_restart(tmp_path: Path) -> None:
    network = small(1)
    mean = network.w_avg.double().numpy()

    def picture(w: Array, strength: float) -> torch.Tensor:
        numbers = torch.from_numpy(w.astype(np.float32))[None]
        return network.synthesize(numbers, noise_strength=strength)

    with torch.no_grad():
        for batch in range(0, 100, SLOTS):
            seen, recall = {}, Recall(Bank({}, "m"), mean, network.num_ws)
            for slot in range(1, min(SLOTS, 100 - batch) + 1):
                z = torch.from_numpy(landmark(batch + slot, network.z_dim)).float()[None]
                w = truncate(network.map(z, truncation_psi=1.0)[0].double().numpy(), mean, 0.6 + slot / 50, 5)
                recall.store(slot, w, {"noise_strength": slot / 8})
                seen[slot] = picture(w, slot / 8)
            save_bank(tmp_path / "x.slots.safetensors", recall.bank)
            again = Recall(load_bank(tmp_path / "x.slots.safetensors", "m"), mean, network.num_ws)
            live = np.asarray(np.broadcast_to(mean, (network.num_ws, len(mean))))
            for slot, before in seen.items():
                values = {f"slot.{slot}": 1.0}
                strength = again.numbers(values)["noise_strength"]
                assert torch.equal(picture(again.apply(live, values), strength), before)


def test_nothing_asked_for_is_w_itself_and_one_at_1_is_its_place() -> None:
    bank, w = full(), place(99)
    recall = Recall(bank, AVG, L)
    home = {knob.name: knob.default for knob in slot_knobs()}
    assert recall.apply(w, home) is w
    assert recall.apply(w, {}) is w
    for slot in range(1, SLOTS + 1):
        assert same(recall.apply(w, home | {f"slot.{slot}": 1.0}), place(slot).astype(np.float32).astype(float))
    assert recall.numbers(home | {"slot.2": 1.0}) == {"noise_strength": 0.5}
    assert recall.numbers(home | {"slot.2": 0.5}) == recall.numbers(home) == {}


def test_a_mixture_keeps_its_strength_and_moves_without_a_step() -> None:
    recall, w = Recall(full(), AVG, L), place(99)

    def far(values: dict[str, float]) -> Array:
        return np.asarray(np.linalg.norm(recall.apply(w, values) - AVG, axis=1))

    half = far({"slot.3": 0.5})
    assert np.allclose(half, (far({}) + far({"slot.3": 1.0})) / 2)
    both = far({"slot.3": 1.0, "slot.4": 1.0})
    assert np.allclose(both, (far({"slot.3": 1.0}) + far({"slot.4": 1.0})) / 2, rtol=1e-6)
    path = [recall.apply(w, {"slot.3": t}) for t in np.linspace(0, 1, 101)]
    steps = [np.abs(b - a).max() for a, b in itertools.pairwise(path)]
    assert max(steps) < 5 * np.median(steps)
    shared = recall.apply(w, {f"slot.{slot}": 1.0 for slot in range(1, 17)})
    assert np.isfinite(shared).all()


def test_what_is_not_there_is_told_and_the_rest_plays() -> None:
    w = place(99)
    recall = Recall(Bank().stored(1, place(1)).stored(2, np.zeros((3, 5))), AVG, L)
    assert recall.apply(w, {"slot.2": 1.0, "slot.9": 0.5}) is w
    assert recall.muted == (
        "walk.slot.2: its place is of another model",
        "walk.slot.9: nothing is stored there; walk.store.9 keeps what is on the wall",
    )
    assert same(recall.apply(w, {"slot.1": 1.0, "slot.2": 1.0}), recall.bank.places[1].w)
    recall.apply(w, {"slot.1": 1.0})
    assert recall.muted == ()
    recall.bank = recall.bank.without(1)
    assert recall.apply(w, {"slot.1": 1.0}) is w


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -3.0, 1e300])
def test_whatever_comes_w_stays_a_number(bad: float) -> None:
    recall, w = Recall(full(), AVG, L), place(99)
    assert np.isfinite(recall.apply(w, {"slot.1": bad, "slot.2": 0.3})).all()
    opposite = Recall(Bank().stored(1, 2 * AVG - w), AVG, L)
    assert np.isfinite(opposite.apply(w, {"slot.1": 0.5})).all()
    with pytest.raises(ValueError, match="finite"):
        Bank().stored(1, np.full((L, D), math.inf))
    with pytest.raises(ValueError, match="no slot 17"):
        Bank().stored(17, w)


def test_the_file(tmp_path: Path) -> None:
    path = bank_path(tmp_path / "moss.safetensors")
    assert path.name == "moss.slots.safetensors"
    save_bank(path, full())
    back = load_bank(path, "a" * 64)
    assert sorted(back.places) == list(range(1, 17))
    assert all(same(back.places[n].w, p.w) and back.places[n].name == p.name for n, p in full().places.items())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    save_bank(path, Bank({}, "a" * 64))
    assert not load_bank(path).places
    with pytest.raises(Refused, match="of another model"):
        load_bank(path, "b" * 64)


@pytest.mark.parametrize(
    ("tensors", "said", "words"),
    [
        ({"1": (4,)}, {"1": {"name": "", "numbers": {}}}, "slot 1 is no w"),
        ({"1": (2, 4)}, {"2": {"name": "", "numbers": {}}}, "no bank of places"),
        ({"99": (2, 4)}, {"99": {"name": "", "numbers": {}}}, "no bank of places"),
        ({"1": (2, 4)}, {"1": {"name": "", "numbers": {"x": "y"}}}, "no bank of places"),
        ({"1": (2, 4)}, [], "no bank of places"),
    ],
)
def test_damaged_files_are_refused_by_name(
    tensors: dict[str, tuple[int, ...]], said: object, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.slots.safetensors"
    top = {"format": 1, "model": "", "places": said}
    arrays = {name: np.zeros(shape, np.float32) for name, shape in tensors.items()}
    save_file(arrays, path, metadata={KEY: json.dumps(top)})
    if said == []:
        path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(Refused, match=words) as refused:
        load_bank(path)
    assert "x.slots.safetensors" in str(refused.value)
    path.write_bytes(b"")
    with pytest.raises(Refused, match="no bank"):
        load_bank(path)
    with pytest.raises(Refused, match="cannot be read"):
        load_bank(tmp_path / "none")
