"""The network that says what is a beat: the same in the show as in learning, and what is made of what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perform.audio.beat.activation import AGE, BEAT, FRAMES, Activation
from perform.audio.beat.front import BANDS, Front
from perform.audio.beat.offbeat import Offbeat, odds
from perform.audio.beat.periods import TEMPI
from perform.audio.beat.pointer import STEP, Pointer
from perform.audio.beat.tracker import Tracker
from perform.audio.beat.weights import under, weights
from perform.audio.spectrum import Hop
from perform.audio.training import activations
from perform.audio.training.batches import HOP, KINDS, Material
from perform.audio.training.features import framed

RATE = 48000
Floats = np.ndarray


def frames(count: int, seed: int = 0) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    return random.random((count, BANDS), np.float32), random.random((count, BANDS), np.float32) ** 4


def answers(activation: Activation, now: Floats, rise: Floats) -> tuple[Floats, Floats]:
    seen, tempo = [], []
    for level, new in zip(now, rise, strict=True):
        if activation.add(level, new):
            seen.append(activation.seen.copy())
            tempo.append(activation.tempo.copy())
    return np.array(seen), np.array(tempo)


def test_it_says_step_by_step_what_was_learned_as_a_whole() -> None:
    """1,400 steps, more than all its memories, against the network in torch: 1e-4."""
    torch.manual_seed(3)
    network = activations.Network().eval()
    now, rise = frames(2800)
    seen, tempo = answers(Activation(activations.kept(network)), now, rise)
    steps = (len(now) // FRAMES, FRAMES * BANDS)
    given = torch.from_numpy(np.concatenate([now.reshape(steps), rise.reshape(steps)], -1))[None]
    with torch.no_grad():
        logits, classes = network(given)
    assert seen.shape == (1400, 2)
    assert np.abs(seen - torch.sigmoid(logits[0, :, :2]).numpy()).max() < 1e-4
    assert np.abs(tempo - classes[0].numpy()).max() < 1e-4


def fronted(sound: Floats) -> tuple[Floats, Floats]:
    """Mean level and greatest rise of each frame [frames, BANDS], as the tracker makes them."""
    hop = Hop(RATE)
    front = Front(hop)
    rows = []
    for start in range(0, len(sound) - 255, 256):
        hop.step(sound[start : start + 256])
        front.step(hop)
        rows.append((front.now.copy(), front.rise.copy()))
    now, rise = (np.array(part[: len(rows) // STEP * STEP]) for part in zip(*rows, strict=True))
    return framed(now, rise)


def test_the_shipped_network_hears_the_beat_and_not_the_future() -> None:
    """Kicks each half second: high on them, low between. What comes later changes nothing."""
    t = np.arange(4800) / RATE
    kick = np.sin(2 * np.pi * (50 * t + 3 * (1 - np.exp(-t * 40)))) * np.exp(-t * 30)
    sound = (np.random.default_rng(0).standard_normal(14 * RATE) * 1e-4).astype(np.float32)
    beats = np.arange(0.1, 13.5, 0.5)
    for beat in beats:
        sound[int(beat * RATE) : int(beat * RATE) + len(t)] += kick.astype(np.float32)
    shipped = under("activation.", weights())
    now, rise = fronted(sound)
    seen, tempo = answers(Activation(shipped), now, rise)
    step = FRAMES * STEP * 256 / RATE

    def best(times: Floats) -> Floats:
        return np.array([seen[int(time / step + AGE) - 2 : int(time / step + AGE) + 2, BEAT].max() for time in times])

    late = beats[beats > 6.0]
    assert best(late).min() > 0.8
    assert best(late + 0.25).max() < 0.4
    assert 115 < TEMPI[int(tempo[-20].argmax())] < 125
    half = len(now) // 2 // FRAMES * FRAMES
    now[half:], rise[half:] = now[half:][::-1].copy(), rise[half:][::-1].copy()
    again, _ = answers(Activation(shipped), now, rise)
    assert np.array_equal(again[: half // FRAMES], seen[: half // FRAMES])
    assert not np.array_equal(again, seen)


def test_an_answer_turns_the_pointer_to_the_beat() -> None:
    """What is new says beat and off-beat alike; the answers tell them apart."""
    pointer = Pointer(256 / RATE, AGE * FRAMES * STEP)
    for frame in range(900):
        pointer.step(2.0 if frame % 25 == 0 else 0.0)
        if frame % 2:
            since = (frame - AGE * FRAMES) % 50  # frames since the beat that the answer is about
            pointer.believe(odds(0.95 if min(since, 50 - since) < 1.5 else 0.05))
            pointer.forget(2)
    period, phase, _ = pointer.read()
    assert period == pytest.approx(50 * STEP * 256 / RATE, rel=0.02)
    assert abs((phase - (899 % 50) / 50 + 0.5) % 1.0 - 0.5) < 0.06


def contrary_after(foot: Offbeat) -> int:
    """After how many beats between which all sounds it is contrary; 40 where it is not."""
    for beat in range(40):
        for part in range(20):
            foot.hear(part / 20, 0.9 if part == 10 else 0.1)
        if foot.contrary:
            return beat
    return 40


def test_the_offbeat_is_told_slowly_and_turned_once() -> None:
    foot = Offbeat()
    assert 0 < contrary_after(foot) < 6
    foot.turn()
    assert foot.log_odds > 0.0
    for _ in range(300):
        for part in range(20):
            foot.hear(part / 20, 0.9 if part == 0 else 0.1)
    assert contrary_after(foot) > 10  # long known: a few beats say nothing
    foot.forget()
    assert foot.log_odds == 0.0
    assert -4.0 < odds(0.0) < 0.0 < odds(1.0) < 4.0


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_the_tempo_is_in_seconds_at_every_rate(rate: int) -> None:
    hop = Hop(rate)
    tracker = Tracker(weights(), hop.centres, hop.dt)
    now, quiet = np.full(BANDS, 0.5, np.float32), np.zeros(BANDS, np.float32)
    period, next_beat = 60 / 125, 0.5
    for count in range(round(12 / hop.dt)):
        struck = count * hop.dt >= next_beat
        next_beat += period * struck
        tracker.step(float(struck), now * (1.0 if struck else 0.2), now if struck else quiet)
    bpm = 60 / tracker.period
    assert min(abs(bpm / (125 * octave) - 1) for octave in (0.5, 1.0)) < 0.02


def test_the_recipe_learns() -> None:
    """A few steps on two made pieces: the loss falls, and what is written fits the show."""
    random = np.random.default_rng(0)
    beats = np.arange(0.0, 40.0, 0.5, np.float32)
    none = np.zeros(0, np.float32)
    times = {"beats": beats, "downbeats": beats[::4], "notes": none, **dict.fromkeys(KINDS, none), "kick": beats}
    drums = np.full((7600, BANDS), -9.0, np.float16)
    for beat in beats:
        at = int(beat / HOP)
        drums[at : at + 6] = -2.0
    rest = random.normal(-6.0, 0.3, drums.shape).astype(np.float16)
    made = [activations.samples([Material(drums, rest, times)], random, 0.0)]
    given, told, bpm = made[0]
    assert given.shape == (activations.AT_ONCE, activations.STEPS, activations.SIZE)
    assert told[..., 0].sum() > 20 * activations.AT_ONCE
    known = bpm[bpm > 0]
    assert 95 < known.min() <= known.max() < 150
    torch.manual_seed(0)
    network = activations.Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    batch = [torch.from_numpy(part[:4]).float() for part in (given, told, bpm)]
    losses = []
    for _ in range(12):
        loss = activations.loss_of(network, *batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    Activation(activations.kept(network)).add(np.zeros(BANDS, np.float32), np.zeros(BANDS, np.float32))
