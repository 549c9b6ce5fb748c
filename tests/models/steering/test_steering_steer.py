"""Steering: home is exact, style mixing has its parents at its ends, faders move what they say and nothing else."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from steering_tools import small

from models.generators import Generator
from models.latents import Array, landmark
from models.steering.directions import Direction, Directions
from models.steering.steer import FADERS, KNOBS, LAYERS, REACH, Steer, steer_knobs, style_mix, style_shares

L, D = 14, 24
RNG = np.random.RandomState(5)
MATRIX = RNG.randn(16, D) / 4
W_AVG = RNG.randn(D)
VECTORS = np.linalg.qr(RNG.randn(D, D))[0].T
DIRECTIONS = Directions(
    (
        *(Direction(f"d{k + 1}", "ganspace", k + 1, VECTORS[k], 2.0 - 0.1 * k, 0, L - 1) for k in range(9)),
        Direction("texture", "sefa", 1, VECTORS[9], 0.5, 8, 11),
    )
)
HOME = {knob.name: knob.default for knob in steer_knobs()}


def mapped(z: Array) -> Array:
    return np.asarray(np.tanh(z @ MATRIX) + W_AVG)


def steer(directions: Directions | None = DIRECTIONS) -> Steer:
    return Steer(mapped, W_AVG, 16, L, directions)


def walked() -> Array:
    return np.asarray(np.broadcast_to(mapped(landmark(0, 16)[None])[0], (L, D)))


def same(a: Array, b: Array) -> bool:
    """Bit for bit, so that -0 is not 0."""
    return a.shape == b.shape and a.tobytes() == np.ascontiguousarray(b).tobytes()


def test_home_is_w_itself() -> None:
    w = walked()
    assert steer().apply(w, HOME) is w
    assert steer().apply(w, {}) is w
    busy = HOME | {f"{k}.amount": 2.0 for k in range(1, 9)} | {"style_mix_amount": 1.0}
    assert steer().apply(w, busy, 0.0) is w
    assert steer().apply(w, busy, math.nan) is w
    moved = steer().apply(w, busy)
    assert moved is not w
    assert same(w, walked()), "the walk's own w was written to"


@pytest.mark.parametrize("fader", range(1, FADERS + 1))
@pytest.mark.parametrize("x", [-3.0, -0.5, 1.0, 3.0])
def test_a_fader_moves_w_by_sigma_along_its_direction(fader: int, x: float) -> None:
    w = walked()
    entry = DIRECTIONS.entries[fader - 1]
    out = steer().apply(w, HOME | {f"{fader}.amount": x})
    assert np.allclose((out - w) @ entry.vector, x * entry.sigma)
    assert np.allclose(out - w - x * entry.sigma * entry.vector, 0)
    half = steer().apply(w, HOME | {f"{fader}.amount": x}, 0.5)
    assert np.allclose(half - w, (out - w) / 2)


def test_only_the_layers_of_the_range_move() -> None:
    w = walked()
    out = steer().apply(w, HOME | {"2.amount": 1.5, "2.from": 3.0, "2.to": 6.0})
    moved = [layer for layer in range(L) if not same(out[layer], w[layer])]
    assert moved == [3, 4, 5, 6]
    assert same(out, steer().apply(w, HOME | {"2.amount": 1.5, "2.from": 6.0, "2.to": 3.0}))
    named = steer().apply(w, HOME | {"2.amount": 1.0, "2.component": 10.0})  # the file says 8-11
    assert [layer for layer in range(L) if not same(named[layer], w[layer])] == [8, 9, 10, 11]
    wider = steer().apply(w, HOME | {"2.amount": 1.0, "2.component": 10.0, "2.to": float(LAYERS)})
    assert [layer for layer in range(L) if not same(wider[layer], w[layer])] == [8, 9, 10, 11, 12, 13]


def test_faders_add_up() -> None:
    w = walked()
    one, two = HOME | {"1.amount": 1.0}, HOME | {"4.amount": -2.0, "4.to": 5.0}
    both = steer().apply(w, one | {"4.amount": -2.0, "4.to": 5.0})
    assert np.allclose(both - w, (steer().apply(w, one) - w) + (steer().apply(w, two) - w))


def test_what_cannot_be_is_told_and_the_rest_moves() -> None:
    w, none = walked(), steer(None)
    assert none.apply(w, HOME) is w
    assert none.muted == ()
    assert none.apply(w, HOME | {"3.amount": 1.0}) is w
    assert none.muted == ("steer.3: no directions are known of this model; perform directions MODEL finds them",)
    mixed = none.apply(w, HOME | {"style_mix_amount": 1.0})
    assert not same(mixed, w)
    assert none.muted == ()
    some = steer()
    asked = HOME | {"1.amount": 1.0, "2.amount": 1.0, "2.component": 77.0, "3.amount": 1.0, "3.from": 18.0}
    out = some.apply(w, asked | {"3.to": 19.0})
    assert same(out, steer().apply(w, HOME | {"1.amount": 1.0}))
    assert some.muted == (
        "steer.2: this model has no direction 77, they are 1 to 10",
        "steer.3: this model has no layer 18, its last one is 13",
    )
    narrow = Steer(mapped, W_AVG, 16, L, Directions((Direction("x", "sefa", 1, np.eye(5)[0], 1.0, 0, 3),)))
    assert narrow.apply(w, HOME | {"1.amount": 1.0}) is w
    assert narrow.muted == (f"steer.1: directions of 5 numbers do not fit a w of {D}",)


@pytest.mark.parametrize("softness", [0.0, 0.5, 3.0, 20.0])
def test_crossover_at_its_ends_is_the_parents(softness: float) -> None:
    w, other = walked(), np.asarray(np.broadcast_to(mapped(landmark(9, 16)[None])[0], (L, D)))
    values = HOME | {"style_mix_amount": 1.0, "style_mix_seed": 9.0, "style_mix_softness": softness}
    assert same(steer().apply(w, values | {"style_mix_layer": 0.0}), other)
    for top in (float(L), float(LAYERS)):
        assert steer().apply(w, values | {"style_mix_layer": top}) is w
    for crossover in range(1, L):
        shares = style_shares(L, crossover, softness)
        assert (np.diff(shares) >= 0).all()
        assert softness > 0 or set(shares) == {0.0, 1.0}


def test_layers_below_the_crossover_are_the_first_parents_and_those_above_the_second() -> None:
    w, other = walked(), np.asarray(np.broadcast_to(mapped(landmark(9, 16)[None])[0], (L, D)))
    values = HOME | {"style_mix_amount": 1.0, "style_mix_seed": 9.0}
    for crossover in range(L + 1):
        out = steer().apply(w, values | {"style_mix_layer": float(crossover)})
        assert same(out[:crossover], w[:crossover])
        assert same(out[crossover:], other[crossover:])
    melting = steer().apply(w, values | {"style_mix_layer": 3.25})
    assert same(melting[:3], w[:3])
    assert np.allclose(melting[3], 0.25 * w[3] + 0.75 * other[3])
    assert same(melting[4:], other[4:])
    half = steer().apply(w, values | {"style_mix_layer": 5.0, "style_mix_amount": 0.5})
    assert same(half[:5], w[:5])
    assert np.allclose(half[5:], (w[5:] + other[5:]) / 2)


def test_style_mix_between_two_frames_is_smooth() -> None:
    """A crossover that runs from layer to layer makes no step."""
    w, other = np.zeros((L, D)), np.ones((L, D))
    for softness in (0.0, 2.0):
        places = np.arange(0.0, L + 0.01, 0.05)
        sums = [style_mix(w, other, style_shares(L, place, softness)).sum() / D for place in places]
        assert max(abs(a - b) for a, b in itertools.pairwise(sums)) < 0.051 * (L + softness) / L + 1e-9
        assert sums == sorted(sums, reverse=True)


def test_the_second_landmark_is_truncated_like_the_first() -> None:
    w = walked()
    values = HOME | {"style_mix_amount": 1.0, "style_mix_layer": 0.0, "style_mix_seed": 4.0}
    out = steer().apply(w, values, truncation_psi=0.5, truncation_cutoff=6)
    second = mapped(landmark(4, 16)[None])[0]
    assert np.allclose(out[:6], W_AVG + 0.5 * (second - W_AVG))
    assert same(out[6:], np.asarray(np.broadcast_to(second, (L - 6, D))))


def test_a_seed_is_mapped_once_and_again_after_forget() -> None:
    asked: list[int] = []

    def counted(z: Array) -> Array:
        asked.append(len(z))
        return mapped(z)

    one, w, values = Steer(counted, W_AVG, 16, L), walked(), HOME | {"style_mix_amount": 0.5}
    for _ in range(3):
        one.apply(w, values)
    assert asked == [1]
    one.apply(w, values | {"style_mix_seed": 7.0})
    one.forget()
    one.apply(w, values | {"style_mix_seed": 7.0})
    assert asked == [1, 1, 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_whatever_comes_w_stays_a_number(bad: float) -> None:
    w, one = walked(), steer()
    limit = np.abs(w).max() + FADERS * REACH * 2.0 + 10
    for name in KNOBS:
        out = one.apply(w, HOME | {"1.amount": 1.0, "style_mix_amount": 0.3} | {name: bad})
        assert np.isfinite(out).all(), name
        assert np.abs(out).max() < limit, name
    out = one.apply(w, dict.fromkeys(KNOBS, bad), bad)
    assert np.isfinite(out).all()


def test_random_moves_stay_finite_and_home_is_exact_after() -> None:
    rng, w, one = np.random.RandomState(1), walked(), steer()
    knobs = steer_knobs()
    values = dict(HOME)
    for _ in range(5000):
        knob = knobs[rng.randint(len(knobs))]
        values[knob.name] = float(rng.uniform(knob.low - 1, knob.high + 1))
        assert np.isfinite(one.apply(w, values, float(rng.rand()))).all()
    assert one.apply(w, HOME) is w
    assert one.muted == ()


@torch.no_grad()
@pytest.mark.parametrize("architecture", ["stylegan2", "stylegan3"])
def test_in_a_network_activations_below_the_crossover_are_the_first_parents(architecture: str) -> None:
    network = small(3, architecture)
    maps = [heard(network, seed) for seed in (0, 1)]
    one = Steer(lambda z: through(network, z), network.w_avg.double().numpy(), network.z_dim, network.num_ws)
    w = np.asarray(np.broadcast_to(through(network, landmark(0, network.z_dim)[None])[0], (network.num_ws, 16)))
    values = HOME | {"style_mix_amount": 1.0, "style_mix_seed": 1.0}
    for crossover in (0, 1, 2, network.num_ws // 2, network.num_ws - 1, network.num_ws):
        found = taps(network, one.apply(w, values | {"style_mix_layer": float(crossover)}))
        for layer, used in zip(network.layers, uses(network), strict=True):
            if used < crossover:
                assert torch.equal(found[layer], maps[0][layer]), (layer, crossover)
        if crossover == 0:
            assert all(torch.equal(found[layer], maps[1][layer]) for layer in network.layers)
    assert not torch.equal(maps[0][network.layers[-1]], maps[1][network.layers[-1]])


def uses(network: Generator) -> list[int]:
    """The highest w that has a say in each layer's map."""
    if network.architecture == "stylegan3":
        return list(range(len(network.layers)))
    k, found = 0, []
    for layer in network.layers:  # conv0, conv1 take the next w; torgb the one after, which the next conv0 has too
        found.append(k)
        k += not layer.endswith("torgb")
    return found


def through(network: Generator, z: Array) -> Array:
    with torch.no_grad():
        w = network.map(torch.from_numpy(z).float(), truncation_psi=1.0)[:, 0]
    return np.asarray(w.double().numpy())


def heard(network: Generator, seed: int) -> dict[str, torch.Tensor]:
    w = through(network, landmark(seed, network.z_dim)[None])[0]
    return taps(network, np.asarray(np.broadcast_to(w, (network.num_ws, len(w)))))


def taps(network: Generator, w: Array) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}

    def tap(layer: str, x: torch.Tensor) -> torch.Tensor:
        found[layer] = x.clone()
        return x

    network.synthesize(torch.from_numpy(w.copy()).float()[None], tap=tap)
    return found


def test_a_line_of_words_comes_back_with_what_it_is_about() -> None:
    w, one = walked(), steer()
    asked = HOME | {"1.amount": 1.0, "1.component": 77.0}
    for _ in range(2):
        one.apply(w, asked)
        assert len(one.muted) == 1
        one.apply(w, asked | {"2.amount": 1.0})
        assert len(one.muted) == 1
        one.apply(w, asked | {"1.component": 3.0})
        assert one.muted == ()
        one.apply(w, asked)
        one.apply(w, asked, 0.0)
        assert one.muted == ()
        one.apply(w, asked)
        one.apply(w, HOME)
        assert one.muted == ()


def test_one_that_was_played_for_long_gives_what_a_fresh_one_gives() -> None:
    """Nothing that is kept from frame to frame is in the result."""
    rng, played = np.random.RandomState(2), steer()
    knobs = [knob for knob in steer_knobs() if knob.name != "style_mix_seed"]
    values, w = dict(HOME), walked()
    for _ in range(400):
        for knob in (knobs[k] for k in rng.randint(len(knobs), size=3)):
            values[knob.name] = knob.fit(float(rng.choice([rng.uniform(knob.low, knob.high), knob.default])))
        divergence = float(rng.choice([1.0, 0.5]))
        assert same(np.array(played.apply(w, values, divergence)), np.array(steer().apply(w, values, divergence)))
