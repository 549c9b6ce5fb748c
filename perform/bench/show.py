"""The whole line under the clock: `perform bench show`, `latency` and `startup`.

A real show runs (offscreen, or in a window with `window`): the sound child plays the built-in track, a real network
makes frames, shaders and GL draw them, and another process sends OSC over UDP the way a hand does.
"""

from __future__ import annotations

import os
import subprocess
import sys

from perform.app import Options, Show, open_show
from perform.bench.report import Row
from perform.control.osc import OscSource
from perform.engine.clock import Tick, machine_time, sleep
from perform.engine.latency import Gauge

SETTLE = 3.0  # seconds for torch, weights, shaders and sound to be there before anything is counted

HAND = """
import random, socket, struct, sys, time
port, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
def text(s): b = s.encode() + b"\\0"; return b + b"\\0" * (-len(b) % 4)
out, dice = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), random.Random(1)
end = time.monotonic() + seconds
while time.monotonic() < end:
    out.sendto(text("/walk/offset") + text(",f") + struct.pack(">f", dice.random()), ("127.0.0.1", port))
    time.sleep(dice.uniform(0.5, 1.5) / rate)
"""


def bench_show(options: Options, seconds: float, hand_rate: float = 7.0) -> list[Row]:
    """Play for `seconds` and count: picture rate, generator rate, control-to-photon, sound. A hand moves a fader."""
    with open_show(options) as show:
        osc = show.hands[0]
        assert isinstance(osc, OscSource)
        hand: subprocess.Popen[bytes] | None = None
        began, counted = machine_time(), 0.0
        made = 0

        def going(tick: Tick) -> bool:
            nonlocal hand, counted, made
            ready = show.worker.made > 5 and show.chain.ready and not show.loader.quickening
            if not counted and ready and machine_time() - began > SETTLE:
                show.engine.frame_times, show.engine.own_time = Gauge(8192), Gauge(8192)
                show.engine.latency.gauge, show.worker.gauge = Gauge(8192), Gauge(8192)
                counted, made = tick.time, show.worker.made
                command = [sys.executable, "-c", HAND, str(osc.port), str(hand_rate), str(seconds)]
                hand = subprocess.Popen(command)
            if not counted and machine_time() - began > 120:
                return False
            return show.going(tick) and not (counted and tick.time - counted >= seconds)

        show.engine.run(going)
        if hand is not None:
            hand.wait(timeout=30)
        lasted = show.clock.now() - counted
        return [_row(show, lasted, show.worker.made - made)]


def _row(show: Show, lasted: float, made: int) -> Row:
    engine, worker = show.engine, show.worker
    frames, latency = engine.frame_times, engine.latency.gauge
    limit = worker.gauge.median + frames.median + 0.010
    return {
        "model": show.loader.loaded,
        "manner": show.loader.manner,
        "preset": show.director.name,
        "wall": show.wall.name,
        "picture_fps": round(frames.count / lasted, 1),
        "frame_ms": frames.median * 1e3,
        "frame_p99_ms": frames.p99 * 1e3,
        "generator_fps": round(made / lasted, 1),
        "generator_ms": worker.gauge.median * 1e3,
        "own_ms": engine.own_time.median * 1e3,
        "hand_events": latency.count,
        "hand_to_photon_ms": latency.median * 1e3,
        "hand_to_photon_p99_ms": latency.p99 * 1e3,
        "hand_limit_ms": limit * 1e3,
        "overflows": show.ear.health.overflows,
        "sound_late_ms": show.ear.health.latency_ms,
        "problems": len(engine.problems.history),
    }


def bench_startup(runs: int = 3) -> list[Row]:
    """From the command to the first picture, set-up done, each in a new process."""
    rows = []
    for run in range(runs):
        command = [sys.executable, "-m", "perform.cli", "play", "--offscreen", "--seconds", "1", "--osc", "127.0.0.1:0"]
        environment = os.environ | {"PERFORM_BEGAN": repr(machine_time())}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        said = [line for line in done.stderr.splitlines() if "first picture" in line]
        seconds = float(said[0].split("first picture ")[1].split()[0]) if said else float("nan")
        rows.append({"run": run + 1, "first_picture_s": seconds, "target_s": 3.0, "status": done.returncode})
        sleep(0.5)
    return rows
