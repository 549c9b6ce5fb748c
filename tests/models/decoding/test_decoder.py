"""Decoding a network that plays: home is exact, an idea stays until it is repicked, all that leaves is finite."""

from __future__ import annotations

import math
import random

import pytest
import torch
from decoding_tools import known, latent, small
from torch import Tensor

from models.decoding.choice import low_active
from models.decoding.decoder import Decoder
from models.decoding.played import METHODS, knobs
from models.decoding.sheet import decode_sheet
from models.generators import Generator

LOW, RANDOM, NOISY = (float(METHODS.index(name)) for name in ("low-active", "random", "noisy"))
KINDS = ("stylegan2", "vae")


def play(network: Generator, decoder: Decoder, w: Tensor | None = None) -> Tensor:
    return network.synthesize(latent(network) if w is None else w, tap=decoder.tap)


def layer_of(network: Generator, decoder: Decoder, count: int = 1) -> tuple[Tensor, Tensor]:
    """The decoded layer's output before and after the tap."""
    seen: dict[str, Tensor] = {}

    def tap(layer: str, x: Tensor) -> Tensor:
        if layer not in decoder.cuts:
            return x
        seen["before"] = x.clone()
        seen["after"] = decoder.tap(layer, x)
        assert torch.equal(x, seen["before"]), "the tap wrote into what it was given"
        return seen["after"]

    network.synthesize(latent(network, count=count), tap=tap)
    return seen["before"], seen["after"]


def speaking(network: Generator, decoder: Decoder) -> list[int]:
    before, after = layer_of(network, decoder)
    return (before != after).any(3).any(2).any(0).nonzero()[:, 0].tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "home",
    [
        {}, {"method": 0.0}, {"method": LOW, "n_neurons": 0.0}, {"method": RANDOM, "n_neurons": 0.0},
        {"method": NOISY, "noise_std": 0.0}, {"method": NOISY, "n_neurons": 0.0}, {"method": LOW, "amount": 0.0},
        {"method": NOISY, "amount": 0.0}, {"method": math.nan},
    ],
)  # fmt: skip
def test_home_is_the_network_bit_for_bit(kind: str, home: dict[str, float]) -> None:
    network, statistics = known(kind)
    plain = network.synthesize(latent(network))
    decoder = Decoder(network, statistics)
    decoder.frame({"method": LOW})
    assert not torch.equal(play(network, decoder), plain)
    assert decoder.frame(home) == {}
    assert decoder.cuts == ()
    assert torch.equal(play(network, decoder), plain)
    steady = Decoder(network, statistics, steady=True)
    for method in (LOW, NOISY):
        steady.frame({**home, "method": method, "amount": 1.0, "n_neurons": 4.0, "noise_std": 1.0})
        assert not torch.equal(play(network, steady), plain)
        assert len(steady.frame(home)) == 1
        assert torch.equal(play(network, steady), plain)


@pytest.mark.parametrize("method", [LOW, RANDOM, NOISY])
def test_divergence_scales_it_and_at_0_it_is_home(method: float) -> None:
    network, statistics = known("stylegan2")
    plain = network.synthesize(latent(network))
    decoder = Decoder(network, statistics)
    far = []
    for divergence in (0.0, 0.25, 0.5, 1.0, math.nan):
        decoder.frame({"method": method}, divergence)
        far.append(float((layer_of(network, decoder)[1] - layer_of(network, decoder)[0]).norm()) if decoder.cuts else 0)
    assert far[0] == far[4] == 0
    assert 0 < far[1] < far[2] < far[3]
    assert far[1] == pytest.approx(far[3] / 4, rel=0.01)
    decoder.frame({"method": method}, 0)
    assert torch.equal(play(network, decoder), plain)


@pytest.mark.parametrize("kind", KINDS)
def test_an_idea_stays_until_it_is_repicked(kind: str) -> None:
    network, statistics = known(kind)
    decoder = Decoder(network, statistics)
    asked = {"method": LOW, "n_neurons": 2.0, "percentile_hi": 60.0, "layer": 1.0}
    decoder.frame(asked)
    first = play(network, decoder)
    for other in ({"amount": 0.3}, {"on_value": 1.0}, {"method": 0.0}):
        decoder.frame({**asked, **other})
        play(network, decoder)
    decoder.frame(asked)
    assert torch.equal(play(network, decoder), first)
    ideas = []
    for _ in range(6):
        decoder.frame({**asked, "repick": 1.0})
        ideas.append(play(network, decoder))
        decoder.frame({**asked, "repick": 1.0})
        assert torch.equal(play(network, decoder), ideas[-1]), "held down is not pressed again"
        decoder.frame(asked)
        assert torch.equal(play(network, decoder), ideas[-1])
    assert sum(not torch.equal(one, first) for one in ideas) >= 4
    decoder.forget()
    decoder.frame(asked)
    assert torch.equal(play(network, decoder), first)
    decoder.frame({**asked, "repick": 1.0})
    decoder.frame({**asked, "seed": 9.0})
    other = Decoder(network, statistics)
    other.frame({**asked, "seed": 9.0})
    assert torch.equal(play(network, decoder), play(network, other)), "a seed begins at its first idea"


def test_the_methods_speak_with_the_neurons_they_say() -> None:
    network, statistics = known("stylegan2")
    decoder = Decoder(network, statistics)
    for seed in range(5):
        decoder.frame({"method": LOW, "seed": float(seed), "n_neurons": 3.0})
        layer = decoder.cuts[0]
        quiet = low_active(statistics.layers[layer].rates).nonzero()[:, 0].tolist()
        chosen = speaking(network, decoder)
        assert 1 <= len(chosen) <= 3
        assert set(chosen) <= set(quiet)
        decoder.frame({"method": NOISY, "seed": float(seed), "n_neurons": 7.0})
        assert len(speaking(network, decoder)) == 7
    decoder.frame({"method": NOISY, "noise_share": 1.0})
    ever = statistics.layers[decoder.cuts[0]].ever
    assert len(speaking(network, decoder)) == int(ever.sum())


def test_in_an_autoencoder_a_neuron_that_is_off_gets_its_on_value_and_one_that_is_louder_is_left() -> None:
    network, statistics = known("vae")
    decoder = Decoder(network, statistics)
    decoder.frame({"method": RANDOM, "n_neurons": 20.0, "on_value": 1.0, "layer": 1.0})
    assert decoder.cuts == ("hidden3",)
    before, after = (x.flatten(1) for x in layer_of(network, decoder, count=64))
    level = statistics.layers["hidden3"].on(1.0)
    chosen = (before != after).any(0)
    assert chosen.any()
    expected = torch.where(chosen, torch.maximum(before, level), before)
    assert torch.allclose(after, expected, atol=1e-5)
    assert (before[:, chosen] == 0).any()


def test_a_map_keeps_its_drawing_and_becomes_as_loud_as_asked() -> None:
    network, statistics = known("stylegan2")
    decoder = Decoder(network, statistics)
    decoder.frame({"method": LOW, "on_value": 3.0, "layer": 0.5})
    loud = statistics.layers[decoder.cuts[0]].loudness
    before, after = (x[0] for x in layer_of(network, decoder))
    chosen = [c for c in range(len(before)) if not torch.equal(before[c], after[c])]
    assert chosen
    for c in chosen:
        a, b = before[c].flatten(), after[c].flatten()
        assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.999
        assert float(b.std()) <= 3.1 * loud
        assert float(b.std()) >= float(a.std())
        assert float(b.mean()) >= float(a.mean()) - 1e-5


def test_the_layer_is_a_place_in_any_network() -> None:
    network, statistics = known("stylegan2")
    decoder = Decoder(network, statistics)
    places = []
    for k in range(21):
        decoder.frame({"method": LOW, "layer": k / 20})
        places.append(decoder.layers.index(decoder.cuts[0]))
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, len(decoder.layers) - 1)
    assert not any(layer.endswith("torgb") for layer in decoder.layers)


def test_without_statistics_it_is_muted_in_words_until_they_come() -> None:
    network, statistics = known("vae")
    decoder = Decoder(network)
    decoder.frame({})
    assert decoder.muted == ()
    assert decoder.frame({"method": LOW}) == {}
    assert len(decoder.muted) == 1
    assert "not gathered" in decoder.muted[0]
    decoder.adopt(statistics)
    assert decoder.frame({"method": LOW})
    assert decoder.muted == ()


def test_bfloat16_maps_stay_bfloat16() -> None:
    network, statistics = known("stylegan2")
    decoder = Decoder(network, statistics)
    for method in (LOW, NOISY):
        decoder.frame({"method": method, "layer": 0.5})
        x = torch.randn(1, len(statistics.layers[decoder.cuts[0]].rates), 8, 8, dtype=torch.bfloat16)
        x = x.contiguous(memory_format=torch.channels_last)
        y = decoder.frame({"method": method, "layer": 0.5})[decoder.cuts[0]](x)
        assert y.dtype == x.dtype
        assert y.shape == x.shape
        assert y.stride() == x.stride()
        assert not torch.equal(x, y)


def test_steady_makes_the_same_pictures() -> None:
    network, statistics = known("stylegan2")
    plain, steady = Decoder(network, statistics), Decoder(network, statistics, steady=True)
    for values in (
        {"method": LOW},
        {"method": NOISY},
        {"method": RANDOM, "n_neurons": 9.0},
        {"method": NOISY, "seed": 4.0},
    ):
        pictures = []
        for decoder in (plain, steady):
            decoder.frame(values)
            pictures.append(play(network, decoder))
        assert torch.allclose(*pictures, atol=1e-5), values


def test_its_numbers_may_lie_in_a_vector_of_all() -> None:
    network, statistics = known("vae")
    everything = torch.zeros(10)
    decoder = Decoder(network, statistics, numbers=everything[4:7])
    decoder.frame({"method": LOW, "amount": 0.5, "on_value": 2.0})
    assert everything[4:7].tolist() == [0.5, 2.0, 2.0]
    with pytest.raises(ValueError, match="3 numbers move"):
        Decoder(network, statistics, numbers=everything)


@pytest.mark.parametrize("kind", KINDS)
def test_random_moves_stay_finite_and_home_is_exact_after(kind: str) -> None:
    network, statistics = known(kind)
    plain = network.synthesize(latent(network))
    decoder = Decoder(network, statistics)
    dice = random.Random(5)
    wild = (math.nan, math.inf, -math.inf, 1e300, -1.0)
    for move in range(400):
        values = {knob.name: dice.uniform(knob.low, knob.high) for knob in knobs()}
        if move % 5 == 0:
            values[dice.choice(knobs()).name] = dice.choice(wild)
        decoder.frame(values, dice.choice((0.0, 0.5, 1.0, math.nan, math.inf)))
        if move % 8 == 0:
            assert torch.isfinite(play(network, decoder)).all(), values
    decoder.frame({})
    assert torch.equal(play(network, decoder), plain)


def test_a_dead_layer_and_huge_maps_stay_finite() -> None:
    network, statistics = known("stylegan2")
    decoder = Decoder(network, statistics)
    for method in (LOW, RANDOM, NOISY):
        tap = decoder.frame({"method": method, "on_value": 8.0, "noise_std": 8.0})[decoder.cuts[0]]
        count = len(statistics.layers[decoder.cuts[0]].rates)
        for x in (torch.zeros(1, count, 8, 8), torch.full((1, count, 8, 8), 1e6), torch.full((1, count, 1, 1), -1e6)):
            assert torch.isfinite(tap(x)).all()


def test_the_sheet_has_a_column_for_each_method() -> None:
    network, statistics = known("stylegan2")
    sheet = decode_sheet(network, statistics, seeds=(0, 1))
    assert sheet.size == (5 * 32, 14 + 2 * 32)


def test_statistics_of_another_network_do_not_break_the_frame() -> None:
    network, statistics = small(3), known("vae")[1]
    decoder = Decoder(network, statistics)
    assert decoder.frame({"method": LOW}) == {}
    assert decoder.muted
