"""`perform devices`: what sound, MIDI and pictures can come in and go out on this machine."""

from __future__ import annotations

from perform.audio.device import devices
from perform.control.midi import MidiSource
from perform.engine.clock import WallClock, sleep
from perform.engine.problems import Problems, UserError

LOOK = 2.0  # seconds that MIDI ports are waited for


def device_lines() -> list[str]:
    """The list, as lines. What cannot be listed says why; nothing here hangs."""
    return ["sound", *_sound(), "", "MIDI inputs", *_midi(), "", "monitors", *_monitors()]


def _sound() -> list[str]:
    try:
        found = devices()
    except UserError as error:
        return [f"  {error}"]
    lines = [
        f"  {device.kind:7} {device.name}  ({device.channels} channels, {device.rate} Hz){' *' * device.default}"
        for device in found
    ]
    return lines or ["  none; the built-in track plays"]


def _midi() -> list[str]:
    source = MidiSource(WallClock(), Problems())
    try:
        for _ in range(round(LOOK / 0.1)):
            if source.ports:
                break
            sleep(0.1)
        return [f"  {source.describe()}"]
    finally:
        source.close()


def _monitors() -> list[str]:
    try:
        from perform.output.monitors import monitors, start

        start()
        return [f"  {monitor}" for monitor in monitors()] or ["  none"]
    except UserError as error:
        return [f"  {error}"]
