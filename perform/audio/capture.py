"""The child process that touches the sound card: `python -m perform.audio.capture --ring HANDLE`.

It holds what may hang for ever: a process that talked to a JACK server which died never gets out of stop(), close() or
a new open. So nothing here is ever stopped: the child watches its own callback and leaves with
`os._exit`, and `AudioDevice` in the parent starts another. It leaves by itself when the parent is gone, which it sees
by the end of its standard input. It imports little, to start fast.

The callback copies a block into the ring and stamps it; no lock, no log, no file, no mathematics.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from perform.audio import pulse
from perform.audio.child import Order
from perform.audio.listing import default_device, list_devices, port_devices
from perform.audio.names import check_channels, highest_channel, match, picker
from perform.audio.playing import Feed, pace
from perform.audio.ring import Kind, Ring
from perform.engine.clock import machine_time, sleep
from perform.engine.problems import UserError

BLOCK = 256
MOST_CHANNELS = 32
PATIENCE = 1.0  # seconds without a callback after which the stream is taken for dead
GRACE = 6.0  # the same in the first seconds: a cold Pulse server takes up to 2 s, for an output after the first blocks
OUTPUT_LATENCY = 0.04
PARTING = 0.3  # seconds that taking leave of the sound server may last
RESCAN_INPUT, RESCAN_OUTPUT = 0.25, 3.0
SOON, RESCAN_SOON = 3.0, 0.1  # a server that is restarted comes back within seconds: look more often at first
ATTEMPTS = 6  # to open an input that is there; after that a new process has better chances

EXIT_LOST, EXIT_OUTPUT_IS_BACK, EXIT_DEFAULT_CHANGED = 3, 4, 5
RATES = (48000, 44100, 96000)  # tried where a card refuses the rate that it calls its own


def capture(ring: Ring, index: int, channels: str = "") -> Any:
    """Open input `index` and let it run into the ring. Gives the stream. Raises PortAudioError, and UserError where it
    has not the channels."""
    import sounddevice

    device = sounddevice.query_devices(index)
    there = int(device["max_input_channels"])
    check_channels(device["name"], channels, there)
    pick = picker(channels)

    def hear(block: Any, _frames: int, _time: Any, status: Any) -> None:
        if status.input_overflow:
            ring.overflowed()
        ring.write(pick(block), machine_time())

    opened = min(there, MOST_CHANNELS) if channels == "mix" else max(highest_channel(channels), min(2, there))
    stream = None
    rates = dict.fromkeys((float(device["default_samplerate"]), *map(float, RATES)))
    for rate in rates:
        try:
            stream = sounddevice.InputStream(
                device=index,
                channels=opened,
                samplerate=rate,
                dtype="float32",
                blocksize=BLOCK,
                latency="low",
                callback=hear,
            )
            break
        except sounddevice.PortAudioError:
            if rate == list(rates)[-1]:
                raise
    assert stream is not None
    ring.start(round(stream.samplerate), Kind.DEVICE, device["name"])
    stream.start()
    return stream


def capture_source(ring: Ring, source: pulse.Source, channels: str) -> pulse.Parec:
    """Let a source of the sound server run into the ring. Raises UserError where it has not the channels."""
    check_channels(source.name, channels, source.channels)
    pick = picker(channels)
    ring.start(source.rate, Kind.DEVICE, source.name)
    return pulse.Parec(source, lambda block, now: ring.write(pick(block), now))


def play(ring: Ring, feed: Feed, kind: Kind, title: str) -> Any:
    """Play through the default output what goes into the ring. Gives the stream, or None where that cannot be."""
    try:
        import sounddevice

        index = default_device("output")
        if index is None:
            return None
        channels = min(2, int(sounddevice.query_devices(index)["max_output_channels"]))

        def speak(block: Any, frames: int, _time: Any, status: Any) -> None:
            if status.output_underflow:
                ring.overflowed()
            sound = feed.take(frames)
            block[:] = sound[:, :channels]
            ring.write(sound, machine_time())
            ring.position = feed.position

        stream = sounddevice.OutputStream(
            device=index,
            channels=channels,
            samplerate=feed.rate,
            dtype="float32",
            blocksize=BLOCK,
            latency=OUTPUT_LATENCY,
            callback=speak,
        )
        ring.start(feed.rate, kind, title, heard=True)
        stream.start()
    except (OSError, sounddevice.PortAudioError):
        return None
    return stream


def watch(ring: Ring, stream: Any, feed: Feed | None = None) -> NoReturn:
    """Stay while the callback comes; never stop or close the stream (that hangs when a JACK server died)."""
    begun = machine_time()
    while True:
        sleep(0.05)
        if feed is not None:
            feed.fill()
        if not stream.active:
            leave(ring, "the sound server went away")
        now = machine_time()
        if now - max(ring.callback_time, begun) > (PATIENCE if now - begun > GRACE and ring.callback_time else GRACE):
            leave(ring, "the device stopped giving sound")


def leave(ring: Ring, why: str, status: int = EXIT_LOST) -> NoReturn:
    """Say why and go, without running anything that could wait for the sound server."""
    ring.fail(why)
    os._exit(status)


def leave_with_parent() -> None:
    """Block until the parent has closed its end of our standard input, by will or by death; then go."""
    with contextlib.suppress(OSError):
        while os.read(0, 64):
            pass
    part()


def part() -> NoReturn:
    """Leave the sound server in peace, if that does not take long: a JACK server whose client just vanishes keeps the
    next one waiting for 5 s, and one that is dead itself never lets go."""
    timer = threading.Timer(PARTING, os._exit, (0,))
    timer.daemon = True
    timer.start()
    if "sounddevice" in sys.modules:
        sys.modules["sounddevice"]._terminate()
    os._exit(0)


def leave_when_output_returns() -> None:
    """Look for an output every few seconds, in a process that may hang; go when there is one, so as to be heard."""
    command = [sys.executable, "-m", "perform.audio.capture", "--list"]
    while True:
        sleep(RESCAN_OUTPUT)
        try:
            listed = subprocess.run(command, capture_output=True, timeout=8, check=True, stdin=subprocess.DEVNULL)
        except subprocess.SubprocessError:
            continue
        if any(device["kind"] == "output" for device in json.loads(listed.stdout)):
            os._exit(EXIT_OUTPUT_IS_BACK)


def run_input(ring: Ring, name: str, channels: str) -> NoReturn:
    """Capture from the device of this name ("" is the default) until it is lost."""
    import sounddevice

    attempts, begun = ATTEMPTS, machine_time()
    while True:
        index = find_input(name)
        stream = None
        if index is not None:
            try:
                stream = capture(ring, index, channels)
            except sounddevice.PortAudioError:  # a server that is just starting: listed, and not open yet
                attempts -= 1
                if not attempts:
                    raise
        if stream is not None:
            if is_default(name):
                pulse.follow_default(lambda new: leave(ring, f'the default input is now "{new}"', EXIT_DEFAULT_CHANGED))
            watch(ring, stream)
        source = next((one for one in pulse.sources() if name in (one.name, one.key)), None)
        if source is not None:
            watch(ring, capture_source(ring, source, channels))
        ring.wait(f'there is no sound input "{name}" now' if name else "there is no sound input", machine_time())
        sleep(RESCAN_SOON if machine_time() - begun < SOON else RESCAN_INPUT)
        sounddevice._terminate()  # PortAudio only looks for devices when it starts; may hang: the parent watches
        sounddevice._initialize()


def is_default(name: str) -> bool:
    """Whether a device stands for whatever the sound server has as its default."""
    return name in ("", "default", "pulse", "pipewire")


def find_input(name: str) -> int | None:
    """The index of the input of this name; "" is the default input."""
    if not name:
        return default_device("input")
    return match(name, [one["name"] if one["max_input_channels"] else "" for one in port_devices()])


def run_file(ring: Ring, path: Path | None, start: int, *, loop: bool, was_heard: bool) -> NoReturn:
    """Play a file, or the built-in track where `path` is None, into the ring and through the output if there is one."""
    from perform.audio.file import open_sound
    from perform.audio.track import builtin_file

    kind, title = (Kind.TRACK, "Built-in track") if path is None else (Kind.FILE, path.name)
    feed = Feed(open_sound(path if path is not None else builtin_file()), loop=loop, start=start)
    stream = play(ring, feed, kind, title)
    if stream is not None:
        watch(ring, stream, feed)
    ring.start(feed.rate, kind, title)
    if was_heard:
        threading.Thread(target=leave_when_output_returns, daemon=True).start()
    pace(ring, feed, BLOCK)


def run_default(ring: Ring) -> NoReturn:
    """The default input; where there is none, or it cannot be opened, the built-in track."""
    try:
        import sounddevice

        index = default_device("input")
        stream = None if index is None else capture(ring, index)
    except (OSError, sounddevice.PortAudioError):
        stream = None
    if stream is None:
        run_file(ring, None, 0, loop=True, was_heard=False)
    pulse.follow_default(lambda new: leave(ring, f'the default input is now "{new}"', EXIT_DEFAULT_CHANGED))
    watch(ring, stream)


def main(arguments: Sequence[str]) -> None:
    """List the devices, or do what the parent orders on standard input; see `child.Child`."""
    parser = argparse.ArgumentParser(prog="perform.audio.capture")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--ring", default="")
    options = parser.parse_args(arguments)
    if options.list:
        sys.stdout.write(json.dumps(list_devices()))
        sys.stdout.flush()
        part()
    ring = Ring.attach(options.ring)

    def say(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        words = str(error) if isinstance(error, UserError) else f"{kind.__name__}: {error}"
        leave(ring, words)

    sys.excepthook = say
    order = wait_for_order()
    threading.Thread(target=leave_with_parent, daemon=True).start()
    if order.what == "default":
        run_default(ring)
    if order.what == "device":
        run_input(ring, order.name, order.channels)
    path = Path(order.name) if order.what == "file" else None
    run_file(ring, path, order.start, loop=order.loop, was_heard=order.was_heard)


def wait_for_order() -> Order:
    """The order, from standard input: nothing of the sound system is touched before it. Leaves with the parent."""
    with contextlib.suppress(ImportError):
        importlib.import_module("_sounddevice")  # what can be had of PortAudio's binding without starting it
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(0, 4096)
        if not more:
            os._exit(0)
        line += more
    return Order.read(line)


if __name__ == "__main__":
    main(sys.argv[1:])
