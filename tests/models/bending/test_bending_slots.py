"""Slots on a network: what is bent, in which order, by how much, and that home is home."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bending_tools import latent, maps, small
from torch import Tensor

import models
from models.bending.author import TRANSFORMS, layer_name
from models.bending.bender import Bender
from models.bending.clusters import Clusters, model_hash
from models.bending.slots import Features, Slot, draw
from models.bending.transforms import transforms
from models.bending.warp import LIMIT
from models.generators import Generator, build

GOLDEN = Path(__file__).parents[2] / "golden"
LAYER = "b16.conv0"


@pytest.fixture(scope="module")
def network() -> Generator:
    return small()


def played(bender: Bender, network: Generator, **changes: float) -> Tensor:
    values = dict(zip([knob.name for knob in bender.knobs], bender.defaults, strict=True))
    assert not (set(changes) - set(values)), changes
    bender.frame(list((values | changes).values()))
    return network.synthesize(latent(network), tap=bender.tap)


def bent(slots: list[Slot], x: Tensor, network: Generator, clusters: Clusters | None = None) -> Tensor:
    """One layer's map through slots that all lie on that layer."""
    bender = Bender(slots, network, clusters)
    assert not bender.muted
    taps = bender.frame(bender.defaults)
    return taps[slots[0].layer](x) if taps else x


def golden() -> list[str]:
    return list(json.loads((GOLDEN / "bend-ros-16.json").read_text()))


@pytest.mark.parametrize("case", golden())
def test_pictures_are_those_of_the_authors_program(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`bend-ros-16` holds what his model.py and transform_layers.py made of `official/ros-converted.pt`, with OpenCV
    called from Python instead of C++.
    """
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    network = models.load(GOLDEN / "official" / "ros-converted.pt")
    groups: dict[str, list[tuple[int, ...]]] = {}
    slots = []
    for step in json.loads((GOLDEN / "bend-ros-16.json").read_text())[case]:
        if step["layerID"] == 0:  # never applied there
            continue
        layer, (transform, names) = layer_name(step["layerID"]), TRANSFORMS[step["transformID"]]
        groups.setdefault(layer, []).append(tuple(step["indicies"]))
        features = Features("cluster", cluster=len(groups[layer]) - 1)
        slots.append(Slot(layer, transform, features, knobs=dict(zip(names, step["params"], strict=True))))
    bender = Bender(slots, network, Given(groups))
    assert not bender.muted
    bender.frame(bender.defaults)
    with np.load(GOLDEN / "official" / "ros-converted.npz") as arrays:
        z, psi = torch.from_numpy(arrays["z"]), float(arrays["psi"])
    with np.load(GOLDEN / "bend-ros-16.npz") as arrays:
        want, plain = torch.from_numpy(arrays[case]), torch.from_numpy(arrays["plain"])
    made = network.synthesize(network.map(z, truncation_psi=psi), tap=bender.tap)
    fractional = case in ("rotate-45", "scale-1.2", "translate-odd")
    assert (made - want).abs().mean() <= (0.02 if fractional else 1e-6) * plain.abs().mean()
    assert fractional or (made - want).abs().max() <= 2e-5
    assert case == "layer-0" or (want - plain).abs().max() > 0.3


class Given(Clusters):
    """Groups of channels that may overlap, as a list of slots names them."""

    def __init__(self, groups: dict[str, list[tuple[int, ...]]]) -> None:
        super().__init__(dict.fromkeys(groups, ()))
        object.__setattr__(self, "groups", groups)

    def channels(self, layer: str, group: int) -> tuple[int, ...]:
        found: tuple[int, ...] = vars(self)["groups"][layer][group]
        return found


@pytest.mark.parametrize("count", [1, 7, 64, 100, 512])
def test_random_features_are_exactly_int_of_c_times_p(count: int) -> None:
    for fraction in np.linspace(0, 1, 101):
        for seed in (0, 5):
            drawn = draw(seed, fraction, count)
            assert len(drawn) == len(set(drawn)) == int(count * fraction)
            assert drawn == draw(seed, fraction, count)
            assert all(0 <= channel < count for channel in drawn)
    assert draw(0, 1.0, count) == tuple(range(count))
    assert count < 64 or draw(0, 0.5, count) != draw(1, 0.5, count)
    assert set(draw(3, 0.3, count)) <= set(draw(3, 0.6, count))  # a fader over the share adds, and takes nothing back


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.29, 0.7, 0.99, 1.0])
def test_random_features_bend_exactly_these_channels(fraction: float, network: Generator) -> None:
    x = maps(2, 100, 4, 4)
    slot = Slot(LAYER, "invert", Features("random", seed=3, fraction=fraction))
    made = bent([slot], x, network)
    changed = tuple(int(c) for c in (made != x).flatten(2).any(2).any(0).nonzero())
    assert changed == draw(3, fraction, 100)
    if fraction == 1:
        assert torch.equal(made, bent([Slot(LAYER, "invert")], x, network))


def test_slots_of_a_layer_run_in_their_order(network: Generator) -> None:
    x = maps(1, 16, 8, 8)
    double, negative = Slot(LAYER, "scalar_multiply", knobs={"factor": 2.0}), Slot(LAYER, "invert")
    assert torch.equal(bent([double, negative], x, network), 1 - x * 2)
    assert torch.equal(bent([negative, double], x, network), (1 - x) * 2)
    some = Slot(LAYER, "scalar_multiply", Features("random", 1, 0.5), knobs={"factor": 3.0})
    before = x.clone()
    made = bent([some, some, negative], x, network)
    share = list(draw(1, 0.5, 16))
    assert torch.equal(made[:, share], 1 - x[:, share] * 3 * 3)
    assert torch.equal(x, before)


def test_the_amount_mixes(network: Generator) -> None:
    x = maps(1, 16, 8, 8)
    made = bent([Slot(LAYER, "invert", amount=0.25)], x, network)
    assert torch.allclose(made, torch.lerp(x, 1 - x, 0.25))


@pytest.mark.parametrize("name", list(transforms()))
def test_home_is_the_unbent_network_bit_for_bit(name: str, network: Generator) -> None:
    features = [Features(), Features("random", 1, 0.5)]
    slots = [Slot(layer, name, kind) for layer in network.layers[::2] for kind in features]
    bender = Bender(slots, network)
    plain = network.synthesize(latent(network))
    amounts = {knob.name: 0.0 for knob in bender.knobs if knob.name.endswith(".amount")}
    kept = (".fraction", ".seed")
    moved = {k.name: k.low + 0.8 * (k.high - k.low) for k in bender.knobs if not k.name.endswith(kept)}
    away = played(bender, network, **moved)
    assert torch.equal(played(bender, network, **amounts), plain)
    assert not torch.equal(away, plain)
    assert not bender.frame(bender.defaults, divergence=0.0)
    if transforms()[name].neutral:
        assert not bender.frame([knob.default for knob in bender.knobs])


def test_a_thousand_random_bends_leave_no_trace_and_stay_finite(network: Generator) -> None:
    rng = np.random.RandomState(0)
    names, before = list(transforms()), model_hash(network)
    groups = Clusters({layer: tuple(channel % 5 for channel in range(16)) for layer in network.layers})
    plain = network.synthesize(latent(network))
    features = [Features(), Features("random", 1, 0.5), Features("cluster", cluster=2)]
    for _ in range(25):
        slots = [
            Slot(str(rng.choice(network.layers)), str(rng.choice(names)), features[rng.randint(3)]) for _ in range(8)
        ]
        bender = Bender(slots, network, groups)
        values: list[float] = []
        for _ in range(5):  # with 8 slots each: 1,000 bends
            values = [float(rng.choice([k.low, k.high, rng.uniform(k.low, k.high)])) for k in bender.knobs]
            bender.frame(values, dt=float(rng.uniform(0, 0.2)))
            assert network.synthesize(latent(network), tap=bender.tap).isfinite().all(), (slots, values)
        bender.frame(values, divergence=0.0)
        assert torch.equal(network.synthesize(latent(network), tap=bender.tap), plain)
    assert model_hash(network) == before


def test_what_a_slot_makes_is_finite_and_bounded(network: Generator) -> None:
    slots = [Slot(LAYER, "scalar_multiply", knobs={"factor": 10.0})] * 12
    made = bent(slots, maps(1, 16, 8, 8), network)
    assert made.isfinite().all()
    assert made.abs().max() == LIMIT
    broken = maps(1, 16, 8, 8)
    broken[0, 0, 0] = torch.tensor([float("nan"), float("inf"), float("-inf"), 0, 0, 0, 0, 0])
    assert bent([Slot(LAYER, "flip_h")], broken, network).isfinite().all()


def test_values_that_are_no_playable_numbers_do_no_harm(network: Generator) -> None:
    bender = Bender([Slot(LAYER, "rotate")], network)
    for wrong in (float("nan"), float("inf"), -1e30):
        bender.frame([wrong] * len(bender.knobs), dt=wrong)
        assert network.synthesize(latent(network), tap=bender.tap).isfinite().all()
    with pytest.raises(ValueError, match="2 values for 3 knobs"):
        bender.frame([0, 0])


def test_slots_that_cannot_play_are_muted_and_named(network: Generator) -> None:
    slots = [
        Slot("b512.conv1", "invert", name="melt"),
        Slot(LAYER, "rotat"),
        Slot(LAYER, "invert", Features("cluster")),
        Slot(LAYER, "rotate", knobs={"radius": 1.0}),
        Slot(LAYER, "invert", name="plays"),
    ]
    bender = Bender(slots, network)
    melt, rotat, cluster, radius = bender.muted
    assert melt.startswith("melt: this model has no layer b512.conv1")
    assert "nearest is rotate" in rotat
    assert "clusters" in cluster
    assert "rotate has no radius; it has angle, edge" in radius
    assert [knob.name for knob in bender.knobs] == ["plays.amount"]
    assert bender.cuts == (LAYER,)


def test_every_slot_has_its_own_name_and_knobs(network: Generator) -> None:
    slots = [
        Slot("b4.conv1", "rotate", amount=0.5, knobs={"angle": 30.0}),
        Slot(LAYER, "rotate", Features("random", 7, 0.25)),
    ]
    bender = Bender(slots, network)
    assert dict(zip([knob.name for knob in bender.knobs], bender.defaults, strict=True)) == {
        "rotate.amount": 0.5, "rotate.angle": 30.0, "rotate.edge": 0.0,
        "rotate2.amount": 1.0, "rotate2.fraction": 0.25, "rotate2.seed": 7.0, "rotate2.angle": 0.0, "rotate2.edge": 0.0,
    }  # fmt: skip


def test_an_engine_may_hold_the_numbers(network: Generator) -> None:
    slots = [Slot(LAYER, "scalar_multiply", knobs={"factor": 3.0})]
    every = torch.zeros(20)
    bender = Bender(slots, network, numbers=every[5:8])
    x = maps(1, 16, 8, 8)
    taps = bender.write([1.0, 4.0], dt=0.01)
    every[5:8].copy_(bender.host)
    assert every[5:8].tolist() == pytest.approx([0.01, 1, 4])
    assert torch.equal(taps[LAYER](x), x * 4)
    with pytest.raises(ValueError, match="3 numbers move, room is for 2"):
        Bender(slots, network, numbers=every[:2])


def test_feedback_remembers_and_forgets(network: Generator) -> None:
    bender = Bender(
        [Slot(LAYER, "feedback", knobs={"hold": 5.0}), Slot(LAYER, "invert", Features("random", 0, 0.5))], network
    )
    old, new = maps(1, 16, 8, 8, seed=1), maps(1, 16, 8, 8, seed=2)
    first = bender.frame(bender.defaults)[LAYER](old)
    second = bender.frame(bender.defaults)[LAYER](new)
    calm = [channel for channel in range(16) if channel not in draw(0, 0.5, 16)]
    assert torch.equal(first[:, calm], old[:, calm])
    assert not torch.allclose(second[:, calm], new[:, calm])
    bender.frame(bender.defaults, divergence=0.0)
    assert torch.equal(bender.frame(bender.defaults)[LAYER](new)[:, calm], new[:, calm])  # home forgets


def test_what_is_remembered_is_not_written_to_by_later_slots(network: Generator) -> None:
    slots = [Slot(LAYER, "feedback", knobs={"hold": 5.0})]
    some = [Slot(LAYER, "scalar_multiply", Features("random", 0, 0.1), knobs={"factor": 0.5})]
    alone, followed = Bender(slots, network), Bender(slots + some, network)
    calm = [channel for channel in range(16) if channel not in draw(0, 0.1, 16)]
    half = list(draw(0, 0.1, 16))
    for seed in range(4):
        x = maps(1, 16, 8, 8, seed=seed)
        want = alone.frame(alone.defaults)[LAYER](x)
        made = followed.frame(followed.defaults)[LAYER](x)
        assert torch.equal(made[:, calm], want[:, calm])
        assert torch.equal(made[:, half], want[:, half] * 0.5)


def test_knobs_that_rest_keep_their_taps_and_the_clock_goes_on(network: Generator) -> None:
    bender = Bender([Slot(LAYER, "feedback", knobs={"hold": 5.0})], network)
    first = bender.frame(bender.defaults, dt=0.25)
    assert bender.frame(bender.defaults, dt=0.5) is first
    assert bender.numbers[0] == 0.5
    assert not bender.frame(bender.defaults, dt=0.5, divergence=0.0)
    assert bender.frame(bender.defaults, dt=0.5)


def test_stylegan3_shifts_by_parts_of_the_picture() -> None:
    torch.manual_seed(0)
    network = build(
        "stylegan3", {"img_resolution": 32, "z_dim": 16, "w_dim": 16, "channel_base": 512, "channel_max": 16}
    )
    layer = next(name for name in network.layers if name.startswith("L2"))
    seen: dict[str, Tensor] = {}

    def look(name: str, x: Tensor) -> Tensor:
        seen[name] = x
        return x

    with torch.no_grad():
        network.synthesize(latent(network), tap=look)
        x = seen[layer]
        made = bent([Slot(layer, "translate", knobs={"right": 0.25})], x, network)
        picture = x.shape[3] - 20  # without 10 pixels of margin on each side
        assert torch.equal(made[..., picture // 4 :], x[..., : -picture // 4])
        bender = Bender([Slot(name, "wave", knobs={"across": 0.2}) for name in network.layers], network)
        bender.frame(bender.defaults)
        assert network.synthesize(latent(network), tap=bender.tap).isfinite().all()


@pytest.mark.parametrize("name", list(transforms()))
def test_the_steady_form_does_the_same_with_the_same_work(name: str, network: Generator) -> None:
    features = [Features(), Features("random", 1, 0.5)] if not transforms()[name].together else [Features()]
    slots = [Slot("b8.conv0", name, kind) for kind in features]
    steady, quick = Bender(slots, network, steady=True), Bender(slots, network)
    x, rng = maps(1, 16, 9, 9), np.random.RandomState(0)
    for turn in range(4):
        values = [float(rng.uniform(knob.low, knob.high)) for knob in steady.knobs]
        if turn == 2:
            values = [0.0 if k.name.endswith("amount") else v for k, v in zip(steady.knobs, values, strict=True)]
            quick.forget()
        made = steady.frame(values)["b8.conv0"](x)
        taps = quick.frame(values)
        if name != "feedback" or turn < 2:  # which goes on remembering where the quick one forgets
            assert torch.allclose(made, taps["b8.conv0"](x) if taps else x, atol=1e-5)
        assert turn != 2 or torch.equal(made, x)
