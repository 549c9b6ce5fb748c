"""Levels of all inputs at once, for `perform devices`: `python -m perform.audio.meters` and its reader.

The child opens every input and monitor that lets itself be opened and writes a line of JSON ten times a second:
`{name: [peak of each channel, 0..1] or "why not"}`. It may hang as the capture child may; `Meters` reads it and never
waits longer than it is told.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from perform.engine.clock import machine_time, sleep

MOST_CHANNELS = 8
EVERY = 0.1
Levels = dict[str, list[float] | str]


class Meters:
    """The levels of all inputs. `read` as often as you like; `close` at the end."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        from perform.audio.child import child_environment

        self._child = subprocess.Popen(
            [sys.executable, "-m", "perform.audio.meters"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=child_environment(env), start_new_session=True,
        )  # fmt: skip
        assert self._child.stdout is not None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._child.stdout, selectors.EVENT_READ)

    def read(self, limit: float) -> Levels | None:
        """The next levels, or None where nothing came within `limit` seconds (it hangs, or it is gone)."""
        assert self._child.stdout is not None
        if not self._selector.select(limit):
            return None
        line = self._child.stdout.readline()
        try:
            levels: Levels = json.loads(line)
        except ValueError:
            return None
        return levels

    def close(self) -> None:
        """End the child, whatever it does."""
        self._selector.close()
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


class Peak:
    """The loudest sample of each channel since the last look. The callback adds, the child's main thread takes."""

    def __init__(self, channels: int) -> None:
        self._peaks = np.zeros(channels, np.float32)

    def heard(self, block: Any, *_: object) -> None:
        np.fmax(self._peaks, np.abs(block).max(axis=0), out=self._peaks)  # not a number is not a peak

    def take(self) -> list[float]:
        peaks = np.nan_to_num(self._peaks, posinf=1.0).tolist()
        self._peaks[:] = 0.0
        return [round(float(peak), 5) for peak in peaks]


def open_all() -> tuple[dict[str, Peak], dict[str, str], list[Any]]:
    """The peaks of what opened, by name; what did not and why; and the streams, to be kept."""
    import sounddevice

    from perform.audio import pulse
    from perform.audio.listing import port_devices

    peaks: dict[str, Peak] = {}
    silent: dict[str, str] = {}
    streams: list[Any] = []
    for index, device in enumerate(port_devices()):
        channels, name = min(int(device["max_input_channels"]), MOST_CHANNELS), str(device["name"])
        if not channels or name in peaks:
            continue
        peak = Peak(channels)
        try:
            stream = sounddevice.InputStream(
                device=index, channels=channels, dtype="float32", samplerate=device["default_samplerate"],
                callback=peak.heard,
            )  # fmt: skip
            stream.start()
        except sounddevice.PortAudioError as error:
            silent[name] = str(error)
            continue
        peaks[name] = peak
        streams.append(stream)
    for source in pulse.sources():
        if source.name not in peaks:
            peak = peaks[source.name] = Peak(source.channels)
            streams.append(pulse.Parec(source, peak.heard))
    return peaks, silent, streams


def main() -> None:
    """The child."""
    from perform.audio.capture import leave_with_parent

    threading.Thread(target=leave_with_parent, daemon=True).start()
    peaks, silent, streams = open_all()
    due = machine_time()
    while streams is not None:
        due += EVERY
        sleep(due - machine_time())
        sys.stdout.write(json.dumps({name: peak.take() for name, peak in peaks.items()} | silent) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
