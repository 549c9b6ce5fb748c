"""How many OSC messages a second arrive, and how late: the figures behind "nothing lost at 8,000 a second".

The sender is a process of its own (`python -c`), so that it does not share our interpreter lock; it stamps every
message with the time that all processes of a machine share. Run by `perform bench osc`.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
from typing import Any

import numpy as np

from perform.control.osc import OscSource
from perform.engine.clock import Tick, WallClock, machine_time, sleep
from perform.engine.problems import Problems
from perform.engine.signals import Event

FADERS = 16
_SENDER = "import sys; from perform.control.bench import send; send(*map(float, sys.argv[1:]))"


def send(port: float, rate: float, seconds: float, origin: float) -> None:
    """The child: `/bench/<fader>` with the time since `origin` as a float, `rate` a second, in bursts of a millisecond.

    Writes the number sent to stdout.
    """
    heads = [_padded(f"/bench/{fader}") + b",f\x00\x00" for fader in range(FADERS)]
    pack = struct.Struct(">f").pack
    sent, total = 0, int(rate * seconds)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("127.0.0.1", int(port)))
        begin = machine_time()
        while sent < total:
            due = min(int((machine_time() - begin) * rate) + 1, total)
            for index in range(sent, due):
                out.send(heads[index % FADERS] + pack(machine_time() - origin))
            sent = max(sent, due)
            sleep(0.001)
    sys.stdout.write(f"{sent}\n")


def _padded(text: str) -> bytes:
    data = text.encode() + b"\x00"
    return data + b"\x00" * (-len(data) % 4)


def bench_osc(rate: int = 8000, seconds: float = 10.0, fps: float = 60.0, foreign: int = 20) -> dict[str, Any]:
    """Receive `rate` messages a second for `seconds` beside a loop of `fps` polls a second.

    Returns counts (sent, received, lost, out_of_order), the latency from sending to the stamp on our event
    (`latency_p50_ms`, `latency_p99_ms`), what the poll costs the main thread (`poll_median_ms`, `poll_p99_ms`) and how
    many of our frames were late by more than half a period (`late_frames` of `frames`; an unloaded loop has some too
    on a busy machine: `late_frames_idle` is the same count over as many seconds with no sender).
    `foreign_sent`, `foreign_received`: a spot check with liblo's `oscsend`, -1 where it is not installed.
    """
    clock = WallClock(fps)
    problems = Problems()
    source = OscSource("127.0.0.1", 0, clock, problems)
    try:
        idle = _frames(source, clock, None, seconds)
        sender = subprocess.Popen(
            [sys.executable, "-c", _SENDER, str(source.port), str(rate), str(seconds), repr(clock.origin)],
            stdout=subprocess.PIPE,
            text=True,
        )
        busy = _frames(source, clock, sender, seconds + 30.0)
        sent = int(sender.communicate(timeout=30)[0] or 0)
        result = {"rate": rate, "seconds": seconds, **_figures(busy, sent, clock.period)}
        result["late_frames_idle"], result["frames_idle"] = _late(idle[2], clock.period), len(idle[2])
        result["dropped"], result["refused"] = source.dropped, source.refused
        result["foreign_sent"], result["foreign_received"] = _foreign(source, clock, foreign)
    finally:
        source.close()
    return result


Run = tuple[list[Event], list[float], list[float]]


def _frames(source: OscSource, clock: WallClock, sender: subprocess.Popen[str] | None, seconds: float) -> Run:
    """Poll as the show does, until the sender has ended and a second has passed, or for `seconds` without a sender."""
    events: list[Event] = []
    polls: list[float] = []
    periods: list[float] = []
    end = clock.now() + seconds
    quiet = 0.0
    clock.tick()
    while clock.now() < end and quiet < 1.0:
        tick: Tick = clock.tick()
        before = machine_time()
        events.extend(source.poll(tick))
        polls.append(machine_time() - before)
        periods.append(tick.dt)
        sleep(clock.left())
        ended = sender is not None and sender.poll() is not None
        quiet = quiet + tick.dt if ended else 0.0
    return events, polls, periods


def _figures(run: Run, sent: int, period: float) -> dict[str, Any]:
    events, polls, periods = run
    latency = np.array([event.time - float(event.value) for event in events] or [np.nan]) * 1e3
    newest: dict[str, float] = {}
    swapped = 0
    for event in events:
        value = float(event.value)
        swapped += value < newest.get(event.name, -1.0)
        newest[event.name] = value
    cost = np.array(polls) * 1e3
    return {
        "sent": sent,
        "received": len(events),
        "lost": sent - len(events),
        "out_of_order": swapped,
        "latency_p50_ms": float(np.percentile(latency, 50)),
        "latency_p99_ms": float(np.percentile(latency, 99)),
        "poll_median_ms": float(np.median(cost)),
        "poll_p99_ms": float(np.percentile(cost, 99)),
        "frames": len(periods),
        "late_frames": _late(periods, period),
    }


def _late(periods: list[float], period: float) -> int:
    return sum(dt > 1.5 * period for dt in periods)


def _foreign(source: OscSource, clock: WallClock, count: int) -> tuple[int, int]:
    oscsend = shutil.which("oscsend")
    if oscsend is None:
        return -1, -1
    for index in range(count):
        subprocess.run([oscsend, "127.0.0.1", str(source.port), "/foreign", "f", str(index)], check=True, timeout=10)
    received = 0
    end = clock.now() + 2.0
    while received < count and clock.now() < end:
        received += sum(event.name == "foreign" for event in source.poll(clock.tick()))
        sleep(clock.left())
    return count, received
