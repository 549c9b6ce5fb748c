"""How long it takes from sound to signal, measured through a real sound server: clicks into a null sink, onsets out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perform.audio.analysis import Analysis
from perform.audio.device import Wanted
from perform.audio.dummy import PulseServer
from perform.audio.ear import LiveEar
from perform.audio.file import write_sound
from perform.audio.ring import Block, Reader, Ring
from perform.engine.clock import WallClock, machine_time, sleep
from perform.engine.problems import Problems, UserError

RATE = 48000
FIRST, EVERY = 0.5, 0.25


def click_track(clicks: int) -> NDArray[np.float32]:
    """Clicks of 2 ms, four a second, after half a second of near silence [N, 2]."""
    random = np.random.default_rng(1)
    sound = random.standard_normal(int((FIRST + clicks * EVERY + 0.5) * RATE)) * 1e-4
    for number in range(clicks):
        at = int((FIRST + number * EVERY) * RATE)
        sound[at : at + 96] += 0.6 * np.hanning(96) * np.where(np.arange(96) % 8 < 4, 1, -1)
    return np.repeat(sound.astype(np.float32)[:, None], 2, axis=1)


def bench_sound_latency(clicks: int = 60) -> dict[str, Any]:
    """Play `clicks` through a private Pulse null sink into the capture child and time what comes out. About 20 s.

    Gives, in milliseconds with p50, p99 and max: `beyond_hop`, from the callback that completed a hop to its numbers
    being there for the next frame of the show (the plan: below 10); `feature`, the same plus one hop, which is how long
    the first frame of a hop waits at most; `onset`, from the callback that brought a click to its `audio.onset`. Also
    `found` of `clicks`, `hop_ms`, `rate` and `cost_us` of analysis a hop. Raises UserError without PulseAudio.
    """
    with tempfile.TemporaryDirectory(prefix="perform-bench-") as folder:
        song = Path(folder) / "clicks.wav"
        write_sound(song, click_track(clicks), RATE)
        problems, clock = Problems(), WallClock(500.0)
        with PulseServer(Path(folder)) as server:
            ear = LiveEar(Wanted("default"), clock, problems, env=server.env)
            try:
                heard, onsets = _listen(ear, clock, server, song, clicks)
                waits = np.array(ear.latencies[20:]) * 1000.0
                rate = ear.ring.rate if ear.ring is not None else RATE
            finally:
                ear.close()
    if not heard or not len(waits):
        raise UserError("no sound came through the null sink; try again on a quieter machine")
    hop = Analysis(rate).hop_seconds * 1000.0
    late = [(min(later) - click) * 1000.0 for click in heard if (later := [t for t in onsets if 0 <= t - click < 0.15])]
    return {
        "beyond_hop": _spread(waits),
        "feature": _spread(waits + hop),
        "onset": _spread(late or [float("nan")]),
        "found": len(late),
        "clicks": clicks,
        "hop_ms": hop,
        "rate": rate,
        "cost_us": analysis_cost(rate),
    }


def analysis_cost(rate: int = RATE, hops: int = 1000) -> float:
    """Median microseconds that one hop of analysis takes on this machine now."""
    analysis = Analysis(rate)
    size = round(analysis.hop_seconds * rate)
    noise = np.random.default_rng(0).standard_normal((size * hops, 2)).astype(np.float32) * 0.1
    costs = []
    for number in range(hops):
        begun = machine_time()
        analysis.feed(noise[number * size : (number + 1) * size], number * size / rate)
        costs.append(machine_time() - begun)
    return float(np.median(costs) * 1e6)


def _listen(
    ear: LiveEar, clock: WallClock, server: PulseServer, song: Path, clicks: int
) -> tuple[list[float], list[float]]:
    """The machine times at which clicks came into the ring, and those at which onsets could be polled."""
    end = machine_time() + 10
    while ear.health.text in ("starting", "lost, retrying") and machine_time() < end:
        ear.poll(clock.tick())
        sleep(0.01)
    ring = ear.ring
    if ring is None:
        return [], []
    witness = Reader(ring, from_start=False)
    server.play(song)
    heard: list[float] = []
    onsets: list[float] = []
    end = machine_time() + FIRST + clicks * EVERY + 5.0  # a cold server plays late
    while len(heard) < clicks and machine_time() < end:
        onsets += [machine_time() for event in ear.poll(clock.tick()) if event.name == "audio.onset"]
        while (block := witness.read()) is not None:
            _witness(block, ring, heard)
        sleep(0.0005)
    end = machine_time() + 0.1
    while machine_time() < end:
        onsets += [machine_time() for event in ear.poll(clock.tick()) if event.name == "audio.onset"]
        sleep(0.0005)
    return heard, onsets


def _witness(block: Block, ring: Ring, heard: list[float]) -> None:
    """Note when the first loud frame of a click came in; the ring stamps a block when its callback runs."""
    loud = np.flatnonzero(np.abs(block.samples[:, 0]) > 0.05)
    if len(loud) and (not heard or block.time - heard[-1] > EVERY / 2) and ring.rate:
        heard.append(block.time)


def _spread(values: Sequence[float] | NDArray[Any]) -> dict[str, float]:
    p50, p99, most = np.percentile(np.asarray(values, float), [50, 99, 100])
    return {"p50": float(p50), "p99": float(p99), "max": float(most)}
