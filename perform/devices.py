"""`perform devices`: what sound, MIDI and pictures can come in and go out on this machine."""

from __future__ import annotations

import math

from perform.audio.device import devices
from perform.audio.meters import Levels
from perform.audio.terminal import bar
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
        f"  {device.kind:7} {printable(device.name)}  ({device.channels} channels, {device.rate} Hz)"
        f"{' *' * device.default}"
        for device in found
    ]
    if not any(device.kind == "monitor" for device in found):
        lines.append("  (what this computer plays itself cannot be heard here: no PulseAudio or PipeWire with pactl)")
    return lines if found else ["  none; the built-in track plays"]


def printable(name: str) -> str:
    """A device's name without what would upset a terminal (line breaks, escapes)."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def meter_lines(levels: Levels, width: int = 100, *, plain: bool = False) -> list[str]:
    """A line for each input: its name and a bar for each channel, from -60 dBFS to 0; or why it cannot be opened."""
    lines = []
    for name, peaks in levels.items():
        label = f"  {printable(name)[:40]:40} "
        if isinstance(peaks, str):
            lines.append(f"{label}{printable(peaks)}"[:width])
            continue
        room = max(4, min(24, (width - len(label)) // max(len(peaks), 1) - 1))
        loud = [max(0.0, 1.0 + 20.0 * math.log10(max(peak, 1e-6)) / 60.0) for peak in peaks]
        lines.append((label + " ".join(bar(level, room, plain=plain) for level in loud))[:width])
    return lines or ["  no input to listen to"]


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
