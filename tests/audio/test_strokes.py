"""Strokes and what is made of them: found at once, described two hops later, told apart by what is usual."""

from __future__ import annotations

import numpy as np
import pytest

from perform.audio.features.drums import Drum
from perform.audio.spectrum import BANDS, Hop
from perform.audio.strokes import SIZE, WAIT, Stroke, Strokes
from perform.audio.tempo import Tempo

RATE = 48000
EVERY = 60  # hops between two bursts


def bursts(top: float, low: float, count: int = 8, gain: float = 1.0) -> list[tuple[int, Stroke]]:
    """Bursts of 5 hops in the uppermost and the lowest bands over a faint floor; where strokes were described."""
    hop = Hop(RATE)
    strokes, found = Strokes(hop.centres, hop.dt), []
    for at in range(EVERY // 2, EVERY * count):
        power = np.full(BANDS, 1e-5, np.float32)
        if at % EVERY < 5:
            power += np.float32(0.01 * low)
            power[hop.centres > 9000] += np.float32(top)
            power[hop.centres < 130] += np.float32(low)
        stroke = strokes.step(power * np.float32(gain))
        if stroke is not None:
            found.append((at, stroke))
    return found[1:]  # the first is the floor itself, after nothing


def test_each_burst_is_one_stroke_described_two_hops_after_it_began() -> None:
    found = bursts(1e-2, 1e-2)
    assert [at % EVERY for at, _ in found] == [WAIT] * 7
    for _, stroke in found:
        assert stroke.seen.shape == (SIZE,)
        assert np.isfinite(stroke.seen).all()
        assert stroke.strength[0] > 0.9
        assert stroke.strength[2] > 0.9
        assert stroke.level[2] > stroke.level[1] + 1.0


def test_what_a_stroke_looks_like_is_the_same_at_any_level() -> None:
    for (_, loud), (_, soft) in zip(bursts(1e-1, 1e-2), bursts(1e-1, 1e-2, gain=0.01), strict=True):
        assert soft.seen == pytest.approx(loud.seen, abs=0.05)


def test_a_drum_knows_how_loud_it_usually_is() -> None:
    loud, soft = Drum(0.4), Drum(0.4)
    for _ in range(6):
        assert loud.step(2.0, -2.0)
        assert soft.step(2.0, -5.0)
    doubtful = 0.5
    assert not loud.step(doubtful, -5.0)
    assert soft.step(doubtful, -5.0)
    assert soft.step(2.0, -2.0), "louder than usual is no reason to doubt"


def test_a_drum_that_became_softer_for_good_is_heard_again() -> None:
    drum = Drum(0.4)
    for _ in range(10):
        drum.step(3.0, -2.0)
    assert any(drum.step(3.0, -3.3) for _ in range(10))


def test_the_ever_present_is_not_new_and_clicks_are() -> None:
    """Steady noise lifts the floor of what counts as new; bare clicks leave it where it is."""
    random = np.random.default_rng(3)
    lifted = {}
    for name in ("noise", "clicks"):
        hop = Hop(RATE)
        tempo, heard = Tempo(hop), []
        for at in range(1200):
            sound = 0.1 * random.standard_normal(hop.size) * (name == "noise" or at % 94 == 0)
            hop.step(sound.astype(np.float32))
            heard.append(tempo._novelty(hop))
        lifted[name] = (np.mean(tempo._floor > 0.003), np.max(heard[600:]), np.mean(heard[600:]))
    assert lifted["noise"][0] > 0.7
    assert lifted["clicks"][0] < 0.1
    assert lifted["clicks"][1] > 0.8
    assert lifted["noise"][2] < 0.5


def test_the_mean_of_two_readers_is_one_reader() -> None:
    import torch

    from perform.audio.training.hits import mean_of, reader

    torch.manual_seed(1)
    first, second, seen = reader(), reader(), torch.randn(7, SIZE)
    with torch.no_grad():
        both = (first(seen) + second(seen)) / 2
        assert torch.allclose(mean_of([first, second])(seen), both, atol=1e-5)
