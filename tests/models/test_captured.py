"""Captured once, told anew: what a graph plays is what the network plays as it is, for every bend, idea and network.

The emulator (`tests.models.replay`) stands for the card; `elsewhere` then shows that no tensor of the processor is in
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.bending.bender import Bender
from models.bending.clusters import Clusters
from models.bending.slots import Features, Slot
from models.bending.transforms import transforms
from models.decoding.decoder import Decoder
from models.decoding.statistics import gather
from models.forms.cuda import CapturedForm
from models.forms.moving import Moving
from models.generators import Generator, build
from tests.models.bending.bending_tools import SMALL, maps, small
from tests.models.bending.count_kernels import table
from tests.models.replay import Emulator, Forbidden, elsewhere, without_machine_code

LAYER = "b8.conv0"
KINDS = {"all": Features(), "random": Features("random", 1, 0.6), "cluster": Features("cluster")}
CLUSTERS = Clusters({LAYER: tuple(channel % 5 for channel in range(16))})
NETWORKS: dict[str, dict[str, Any]] = {
    "stylegan2": SMALL,
    "stylegan3": {"z_dim": 16, "w_dim": 16, "img_resolution": 32, "channel_base": 512, "channel_max": 16},
    "dcgan": {},
    "vae": {},
    "cppn": {},
}


@pytest.fixture(autouse=True)
def _as_on_a_card(one_thread: None) -> Iterator[None]:
    del one_thread
    with torch.no_grad(), without_machine_code():
        yield


@lru_cache(maxsize=1)
def network() -> Generator:
    return small()


def thrown(bender: Bender, rng: np.random.RandomState) -> list[float]:
    """Numbers anywhere, with amounts of 0 and 1 and transforms at home among them."""
    values = []
    for knob in bender.knobs:
        value = float(rng.uniform(knob.low, knob.high))
        kind = rng.randint(6)
        value = knob.default if kind == 0 else knob.low if kind == 1 else value
        values.append(value if knob.kind == "float" else float(round(value)))
    return values


def held(made: Tensor, wanted: Tensor, name: str) -> bool:
    """Alike to 1e-4; where pixels are sorted, two that are equally bright may change places."""
    near = torch.isclose(made, wanted, atol=1e-4, rtol=1e-4)
    return bool(near.all()) or (name == "pixel_sort" and float((~near).float().mean()) < 0.02)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(transforms()))
def test_every_bend_replayed_is_the_bend_as_it_is(name: str, kind: str) -> None:
    slot = Slot(LAYER, name, KINDS[kind])
    numbers = torch.zeros(Bender([slot], network(), CLUSTERS, steady=True).host.shape)
    steady = Bender([slot], network(), CLUSTERS, numbers, steady=True)
    quick = Bender([slot], network(), CLUSTERS)
    x, emulator, rng = maps(1, 16, 9, 9), Emulator(), np.random.RandomState(0)
    (tap,) = steady.frame(steady.defaults).values()
    image, replay = emulator(lambda: tap(x))
    steady.forget()
    for move in range(45):
        x.copy_(maps(1, 16, 9, 9, seed=move))
        values = thrown(steady, rng) if move % 3 else [*thrown(steady, rng)[:1], *steady.defaults[1:]]
        dt = float(rng.uniform(0, 0.1))
        assert steady.frame(values, dt)[LAYER] is tap
        replay()
        taps = quick.frame(values, dt)
        if taps:
            assert held(image, taps[LAYER](x), name), values
        else:
            assert torch.equal(image, x), values
        assert taps or not steady.awake
    assert emulator.captures == 1


def test_slots_one_after_another_replayed_are_those_slots() -> None:
    rng = np.random.RandomState(2)
    names = [name for name in transforms() if name != "pixel_sort"]
    for turn in range(6):
        slots = [Slot(LAYER, str(name), list(KINDS.values())[rng.randint(3)]) for name in rng.permutation(names)[:4]]
        numbers = torch.zeros(Bender(slots, network(), CLUSTERS, steady=True).host.shape)
        steady = Bender(slots, network(), CLUSTERS, numbers, steady=True)
        quick = Bender(slots, network(), CLUSTERS)
        x, emulator = maps(1, 16, 12, 12), Emulator()
        (tap,) = steady.frame(steady.defaults).values()
        image, replay = emulator(lambda tap=tap, x=x: tap(x))  # type: ignore[misc]
        steady.forget()
        for move in range(40):
            x.copy_(maps(1, 16, 12, 12, seed=move))
            values = thrown(steady, rng)
            if move % 10 == 0:
                values = [0.0 if knob.name.endswith("amount") else v for knob, v in zip(steady.knobs, values)]  # noqa: B905
            steady.frame(values)
            replay()
            taps = quick.frame(values)
            wanted = taps[LAYER](x) if taps else x
            # Thresholds, steps and folds make much of the last digit of what came before.
            off = ~torch.isclose(image, wanted, atol=1e-3 * max(1.0, float(wanted.abs().max())), rtol=1e-3)
            assert float(off.float().mean()) < 0.01, (turn, slots, values)
            assert taps or torch.equal(image, x)


@pytest.mark.parametrize("architecture", NETWORKS)
def test_every_network_can_be_captured(architecture: str) -> None:
    torch.manual_seed(1)
    g = build(architecture, NETWORKS[architecture])
    if isinstance(g, torch.nn.Module):
        g.eval().requires_grad_(False)
        if architecture == "stylegan3":
            torch.nn.init.normal_(g.get_submodule("synthesis")["input"].affine.weight)  # type: ignore[index]
    emulator = Emulator()
    form = CapturedForm(g, capture=emulator)
    now, dice = Moving.of(form.moving, g.num_ws), torch.Generator().manual_seed(7)
    captures = CapturedForm.captures
    for move in range(40 if architecture != "stylegan3" else 8):
        now.w.copy_(g.map(torch.randn([1, g.z_dim], generator=dice)))
        now.noise_strength.fill_(move * 0.1)
        now.anchor.fill_(move % 4 / 3)
        now.transform.copy_(torch.eye(3) + 0.1 * torch.randn(3, 3, generator=dice))
        if isinstance(g, torch.nn.Module) and move % 5 == 0:
            for weight in g.parameters():
                weight.add_(torch.randn(weight.shape, generator=dice) * 0.01)
        picture = form.replay()
        given = {"anchor": now.anchor} if architecture == "stylegan3" else {}
        call: Callable[..., Tensor] = g.synthesize
        assert torch.equal(picture, call(now.w, noise_strength=now.noise_strength, transform=now.transform, **given)), (
            move
        )
    assert CapturedForm.captures == captures
    assert emulator.captures == 1


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("architecture", ["stylegan2", "vae"])
def test_every_idea_replayed_is_the_idea(architecture: str, place: float) -> None:
    torch.manual_seed(2)
    g = small() if architecture == "stylegan2" else build("vae", {"z_dim": 8, "widths": [40, 30, 24]})
    statistics = gather(g, samples=48)
    steady = Decoder(g, statistics, torch.zeros(3), steady=True)
    quick = Decoder(g, statistics)
    steady.frame({"layer": place})
    (layer,) = steady.cuts
    emulator = Emulator()
    form = CapturedForm(g, taps={layer: steady.at(layer)}, capture=emulator)
    rng, w = np.random.RandomState(3), g.map(torch.randn([1, g.z_dim], generator=torch.Generator().manual_seed(0)))
    plain = g.synthesize(w)
    for move in range(150):
        values = {
            "layer": place, "method": float(rng.randint(4)), "amount": float(rng.choice([0, 1, rng.rand()])),
            "n_neurons": float(rng.randint(0, 21)), "noise_share": float(rng.choice([0, 0.3, 1])),
            "noise_std": float(rng.rand() * 4), "on_value": float(rng.rand() * 8), "seed": float(rng.randint(5)),
            "repick": float(move % 7 == 0),
        }  # fmt: skip
        steady.frame(values)
        quick.frame(values)
        made, wanted = form(w), g.synthesize(w, tap=quick.tap)
        assert torch.allclose(made, wanted, atol=1e-4, rtol=1e-4), values
        if not quick.cuts:
            assert torch.equal(made, plain), values
    assert emulator.captures == 1


def test_the_emulator_refuses_what_a_card_would_freeze_or_refuse() -> None:
    x, kept = torch.ones(4), []

    def branch() -> Tensor:
        return x * 2 if float(x.sum()) > 0 else x

    def keep() -> Tensor:
        kept.append(x * 2)
        return kept[-1] + 1

    refused: list[Callable[[], Tensor]] = [
        branch, keep,
        lambda: x * torch.tensor([1.0, 2.0, 3.0, 4.0]),
        lambda: x[x > 0],
        lambda: x + torch.randn(4),
        lambda: x + torch.from_numpy(np.ones(4, np.float32)),
        lambda: torch.unique(x),
    ]  # fmt: skip
    for work in refused:
        with pytest.raises(Forbidden):
            Emulator()(work)
    number = [1.0]
    image, replay = Emulator()(lambda: x * number[0])
    number[0] = 2.0
    x.fill_(3.0)
    replay()
    assert image.tolist() == [3.0] * 4, "tensors are read anew, and what Python knew is frozen"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", ["stylegan2", "stylegan3"])
def test_nothing_of_the_processor_is_in_what_is_captured(architecture: str, dtype: str) -> None:
    torch.manual_seed(0)
    g = small() if architecture == "stylegan2" else build(architecture, NETWORKS[architecture])
    statistics = gather(g, samples=16)
    assert isinstance(g, torch.nn.Module)
    g.to("meta")
    layers = [layer for layer in g.layers if not layer.endswith("torgb")]
    layer = layers[len(layers) // 2]
    statistics = replace(statistics, layers={layer: statistics.layers[layer]})
    slots = [Slot(layer, name, Features("random", 1, 0.5)) for name in transforms()]
    bender, decoder = Bender(slots, g, steady=True), Decoder(g, statistics, steady=True)
    (tap,) = bender.frame(bender.defaults).values()
    decoder.frame({"method": 3.0})
    form = CapturedForm(g, dtype, {layer: lambda x: decoder.at(layer)(tap(x))}, elsewhere)
    assert form.replay().device.type == "meta"
    frozen = torch.tensor(2.0)  # which a card would take as it is now
    with pytest.raises(Forbidden, match="of the processor"):
        elsewhere(lambda: torch.ones(3, device="meta") * frozen)


def test_no_bend_asks_too_much_of_a_card() -> None:
    """A launch is some microseconds, and four bends may cost a tenth of a frame of some milliseconds."""
    rows = table(16, 64, 64)
    assert len(rows) == len(transforms())
    for name, operators, _, times in rows:
        assert operators <= (70 if name in ("erode", "dilate") else 62), name
        assert times <= (200 if name in ("erode", "dilate") else 80), name
