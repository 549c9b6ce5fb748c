"""The sources of a PulseAudio or PipeWire server: inputs by their own names, and what the system itself plays.

PortAudio sees such a server as one device. Its tools see every source, also the *monitor* of each output: the sound
that goes to the loudspeakers, so that the show hears whatever this computer plays. `parec` brings a source as it is,
all its channels at its own rate. Needs `pactl` and `parec` (Debian: pulseaudio-utils); without them, and on systems
without such a server, there are no monitors: macOS and Windows need a loopback driver (BlackHole, VB-Cable), which is
an ordinary input by its name then.

Runs in the capture child; imports nothing heavy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from perform.audio.ring import Floats
from perform.engine.clock import machine_time

_FIELD = re.compile(r"^\t(Name|Description|Sample Specification|Channel Map|Monitor of Sink): (.*)$", re.MULTILINE)
LIMIT = 2.0  # seconds that a question to the server may take
FRAGMENT = 10  # milliseconds that the server gives at a time


@dataclass(frozen=True, slots=True)
class Source:
    """One source: `key` is the server's name for it, `name` what a person reads; `monitor` is what an output plays."""

    key: str
    name: str
    channels: int
    rate: int
    layout: str
    monitor: bool


def ask(*words: str) -> str:
    """What `pactl` answers; "" where there is no server, no tool, or no answer in time."""
    if shutil.which("pactl") is None:
        return ""
    env = {**os.environ, "LC_ALL": "C.UTF-8"}  # names have letters of all languages
    try:
        told = subprocess.run(
            ["pactl", *words], capture_output=True, timeout=LIMIT, check=True, env=env, stdin=subprocess.DEVNULL
        )
    except (subprocess.SubprocessError, OSError):
        return ""
    return told.stdout.decode("utf-8", "replace")


def sources() -> list[Source]:
    """All sources of the server, in its order; none where there is no server. Where two have one name each goes by its
    key."""
    # as text: the JSON of pactl 16 gives up on names that are not ASCII
    blocks = re.split(r"^Source #\d+$", ask("list", "sources"), flags=re.MULTILINE)
    found = [source for block in blocks if (source := _source(block)) is not None]
    names = [source.name for source in found]
    return [one if names.count(one.name) == 1 else replace(one, name=one.key) for one in found]


def default_source() -> str:
    """The server's name of the default input; "" where there is no server."""
    return ask("get-default-source").strip()


def follow_default(changed: Callable[[str], None]) -> None:
    """Call `changed` with the name of each new default input, from a thread of its own. Returns at once."""
    threading.Thread(target=_follow, args=(changed,), daemon=True).start()


def _follow(changed: Callable[[str], None]) -> None:
    first = default_source()
    if not first:
        return
    watcher = subprocess.Popen(
        ["pactl", "subscribe"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    assert watcher.stdout is not None
    for line in watcher.stdout:
        if b"on server" in line:
            now = default_source()
            if now and now != first:
                first = now
                changed(now)


class Parec:
    """A source as a stream: `parec` writes, a thread gives each fragment [n, channels] to `hear` with its machine time.

    `active` ends with the server, with the source, or when `parec` does.
    """

    def __init__(self, source: Source, hear: Callable[[Floats, float], None]) -> None:
        command = [
            "parec", "--raw", f"--device={source.key}", "--format=float32le", f"--rate={source.rate}",
            f"--channels={source.channels}", f"--latency-msec={FRAGMENT}", "--process-time-msec=5",
            "--client-name=perform",
        ]  # fmt: skip
        if source.layout:  # its own, so that nothing is mixed on the way
            command.append(f"--channel-map={source.layout}")
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        self._frame = 4 * source.channels
        self._channels = source.channels
        self._hear = hear
        self.active = True
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        assert self._process.stdout is not None
        pipe, rest = self._process.stdout.fileno(), b""
        while data := os.read(pipe, 1 << 16):
            now = machine_time()
            data = rest + data
            whole = len(data) // self._frame * self._frame
            rest = data[whole:]
            if whole:
                self._hear(np.frombuffer(data[:whole], np.float32).reshape(-1, self._channels), now)
        self.active = False

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def _source(block: str) -> Source | None:
    """A source as `pactl list sources` describes it; None where that makes no sense (it vanished while
    it was listed)."""
    said = dict(_FIELD.findall(block))
    spec = re.fullmatch(r"\S+ (\d+)ch (\d+)Hz", said.get("Sample Specification", ""))
    key = said.get("Name", "")
    if not key or spec is None:
        return None
    name = said.get("Description", "")
    monitor = said.get("Monitor of Sink", "n/a") != "n/a"
    return Source(
        key, key if name in ("", "(null)") else name, int(spec[1]), int(spec[2]), said.get("Channel Map", ""), monitor
    )
