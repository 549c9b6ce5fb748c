"""The child process that holds the MIDI ports (see midi.py) and writes what they say to its stdout, a line each.

Imports little, so that it starts fast. Ends by itself when nobody reads the pipe any more.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from perform.engine.clock import machine_time, sleep

RESCAN = 3.0
_HEARTBEAT = 1.0


def main() -> None:
    """Look for ports whose name contains `sys.argv[1]` every few seconds, for ever."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        import rtmidi
    except ImportError:
        _say("E no MIDI here (python-rtmidi is not installed)")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    inputs: dict[str, Any] = {}
    lookouts: dict[int, Any] = {}
    try:
        _look(rtmidi, wanted.lower(), inputs, lookouts)
    finally:
        for port in (*inputs.values(), *lookouts.values()):
            port.delete()  # a JACK server stalls for seconds over a client that vanishes without a word


def _look(rtmidi: Any, wanted: str, inputs: dict[str, Any], lookouts: dict[int, Any]) -> None:
    while True:
        there = _there(rtmidi, lookouts)
        _follow(rtmidi, inputs, {name: where for name, where in there.items() if wanted in name.lower()})
        for _ in range(int(RESCAN / _HEARTBEAT)):
            if not _say("P " + json.dumps([list(inputs), list(there)])):
                return
            sleep(_HEARTBEAT)


def _say(line: str) -> bool:
    """One write, so that lines of several threads do not mix (a pipe takes 4 KiB at once); False if nobody listens."""
    try:
        os.write(1, line.encode() + b"\n")
    except OSError:
        return False
    return True


def _there(rtmidi: Any, lookouts: dict[int, Any]) -> dict[str, tuple[int, int]]:
    """All inputs of this machine: name -> (interface, index there). An interface without a server has none."""
    there: dict[str, tuple[int, int]] = {}
    for api in rtmidi.get_compiled_api():
        if api not in lookouts:
            try:
                lookouts[api] = rtmidi.MidiIn(rtapi=api, name="perform")
            except (OSError, RuntimeError):  # RtMidiError is one or the other, by version
                continue
        names = lookouts[api].get_ports()
        if not names:
            lookouts.pop(api).delete()  # its server may have died; the next look asks anew
        there.update({name: (api, index) for index, name in enumerate(names) if not name.startswith("perform:")})
    return there


def _follow(rtmidi: Any, inputs: dict[str, Any], there: dict[str, tuple[int, int]]) -> None:
    """Close the inputs that went away and open the new ones."""
    for name in [name for name in inputs if name not in there]:
        inputs.pop(name).delete()
    for name, (api, index) in there.items():
        if name in inputs:
            continue
        port = rtmidi.MidiIn(rtapi=api, name="perform")
        port.ignore_types(sysex=True, timing=False, active_sense=True)
        port.set_callback(_callback())
        try:
            port.open_port(index, "in")
        except (OSError, RuntimeError):
            port.delete()  # taken by another program, or gone between the look and now
            continue
        inputs[name] = port


def _callback() -> Callable[[tuple[list[int], float], object], None]:
    def said(event: tuple[list[int], float], _: object = None) -> None:
        """Called by the library's thread for each message."""
        _say(f"M {machine_time():.6f} {bytes(event[0]).hex()}")

    return said
