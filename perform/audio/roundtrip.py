"""How long sound takes out of the loudspeaker and in again through a microphone: `perform sync --microphone`.

A child process (it may hang) plays clicks and records in one stream, so that both sides count the same frames:
`python -m perform.audio.roundtrip`. What comes back is looked for by correlation, click by click.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perform.audio.clicks import click
from perform.engine.clock import machine_time, sleep
from perform.engine.problems import UserError

Floats = NDArray[np.float32]

CLICKS, EVERY, LEAD = 12, 0.45, 0.5  # how many, seconds between them, seconds before the first
LONGEST = 0.43  # seconds: what comes back later than this is taken for the next click
CLEAR = 8.0  # how far a click must stand out of what else the microphone hears
LIMIT = 30.0  # seconds for all of it


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """`way` is the whole way in seconds (median), `spread` its standard deviation, `heard` of `CLICKS` clicks came
    back; `out` is how much of the way is the output's, as its driver says."""

    way: float
    spread: float
    heard: int
    out: float

    @property
    def into(self) -> float:
        """The way in, in seconds: what is left when the way out is taken off, and never less than nothing."""
        return max(self.way - self.out, 0.0)


def measure(name: str = "", env: Mapping[str, str] | None = None) -> RoundTrip:
    """Play and record through the input called `name` ("" is the default) and the default output. Takes 8 s.

    Raises UserError where that cannot be done, or where no click came back.
    """
    from perform.audio.child import child_environment

    command = [sys.executable, "-m", "perform.audio.roundtrip", f"--name={name}"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=LIMIT, check=True, text=True, env=child_environment(env),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise UserError(f"the sound system gave nothing within {LIMIT:g} s; restart the sound server") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f'clicks cannot be played and recorded ({last}); see "perform devices"') from error
    said = json.loads(done.stdout)
    ways = np.array(said["ways"])
    if len(ways) < 3:
        raise UserError(
            f"{len(ways)} of {CLICKS} clicks came back; turn the loudspeaker up, or bring the microphone nearer to it"
        )
    middle = float(np.median(ways))
    near = ways[np.abs(ways - middle) < 0.02]
    return RoundTrip(middle, float(near.std()), len(near), float(said["out"]))


def find_ways(recorded: Floats, starts: list[int], rate: int) -> list[float]:
    """Seconds from each of the frames `starts`, at which a click was played, to its return in `recorded` [N] mono.

    Clicks that cannot be told from noise are left out.
    """
    shape = click(rate)
    shape = np.asarray(shape / np.linalg.norm(shape), np.float32)
    count = round(LONGEST * rate)
    ways = []
    for start in starts:
        part = recorded[start : start + count + len(shape)]
        if len(part) <= len(shape):
            continue
        match = np.abs(np.correlate(np.nan_to_num(part), shape, "valid"))
        best = int(match.argmax())
        if match[best] > CLEAR * max(float(np.median(match)), 1e-6):
            ways.append(best / rate)
    return ways


def main() -> None:
    """The child: play, record, write JSON."""
    import sounddevice

    from perform.audio.listing import default_device, port_devices
    from perform.audio.names import match

    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="")
    name = parser.parse_args().name
    inputs = [row["name"] if row["max_input_channels"] else "" for row in port_devices()]
    chosen, output = match(name, inputs) if name else default_device("input"), default_device("output")
    if chosen is None or output is None:
        sys.exit(f'no {"microphone" if chosen is None else "loudspeaker"} "{name}"')
    rate = int(sounddevice.query_devices(output)["default_samplerate"])
    starts = [round((LEAD + number * EVERY) * rate) for number in range(CLICKS)]
    sound = np.zeros(starts[-1] + round((EVERY + 0.6) * rate), np.float32)
    for start in starts:
        sound[start : start + len(click(rate))] = click(rate)
    recorded = np.zeros(len(sound), np.float32)
    at, ended = 0, threading.Event()

    def both(heard: Floats, spoken: Floats, frames: int, _time: object, _status: object) -> None:
        nonlocal at
        count = min(frames, len(sound) - at)
        spoken[:] = 0.0
        spoken[:count] = sound[at : at + count, None]
        recorded[at : at + count] = heard[:count, 0]
        at += count
        if count < frames:
            ended.set()

    stream = sounddevice.Stream(
        device=(chosen, output), samplerate=rate, channels=(1, 2), dtype="float32", blocksize=256, latency="low",
        callback=both,
    )  # fmt: skip
    out = float(stream.latency[1])
    stream.start()
    begun = machine_time()
    while not ended.is_set() and machine_time() - begun < LIMIT:
        sleep(0.05)
    sys.stdout.write(json.dumps({"ways": find_ways(recorded, starts, rate), "out": out}))


if __name__ == "__main__":
    main()
