"""What can be heard and played through here. Only in a process of its own: to ask may hang for ever."""

from __future__ import annotations

from typing import Any

from perform.audio import pulse


def port_devices() -> list[dict[str, Any]]:
    """What PortAudio has, one row for each index. A card that vanishes while it is asked for, or whose name cannot be
    read, is a row without channels, so that the numbers of the others stay right."""
    import sounddevice

    rows: list[dict[str, Any]] = []
    for index in range(sounddevice._lib.Pa_GetDeviceCount()):
        try:
            rows.append(dict(sounddevice.query_devices(index)))
        except (sounddevice.PortAudioError, UnicodeDecodeError):
            rows.append({"name": "", "max_input_channels": 0, "max_output_channels": 0, "default_samplerate": 0.0})
    return rows


def list_devices() -> list[dict[str, Any]]:
    """Every input, output and monitor as {name, kind, channels, rate, default}. May hang: in a process of its own."""
    default = {"input": default_device("input"), "output": default_device("output")}
    found = []
    for index, device in enumerate(port_devices()):
        for kind in ("input", "output"):
            channels = int(device[f"max_{kind}_channels"])
            if channels:
                rate = int(device["default_samplerate"])
                first = index == default[kind]
                found.append(
                    {"name": device["name"], "kind": kind, "channels": channels, "rate": rate, "default": first}
                )
    for source in pulse.sources():
        kind = "monitor" if source.monitor else "input"
        found.append(
            {"name": source.name, "kind": kind, "channels": source.channels, "rate": source.rate, "default": False}
        )
    return found


def default_device(kind: str) -> int | None:
    """The index of the default input or output of the first host API that has one."""
    import sounddevice

    chosen = sounddevice.default.device[0 if kind == "input" else 1]
    places = [chosen] + [api[f"default_{kind}_device"] for api in sounddevice.query_hostapis()]
    return next((int(place) for place in places if place is not None and place >= 0), None)
