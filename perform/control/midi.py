"""MIDI in: every port that is there, and those that come later, from a child process.

The ports are opened in a child because the MIDI library keeps the interpreter lock while it talks to its server: with a
JACK server that hangs, opening a port in a *thread* of the show froze the whole show for as long as it hung (measured:
no other thread ran for 60 s). The child writes one line per message to a pipe; a thread here turns lines into events.
A child that dies or falls silent is replaced.

| message            | signals (channels count from 1)                                        | value           |
|--------------------|------------------------------------------------------------------------|-----------------|
| control change     | `midi.cc.<n>`, `midi.cc.<channel>.<n>`                                 | 0..1            |
| 14-bit pair        | the same of the coarse half with both halves: `midi.cc14.<n>`, ...     | 0..1            |
| note               | `midi.note.<n>`, 0 on release; `midi.note`, a pulse                    | velocity, 0..1  |
| pitch bend         | `midi.bend`, `midi.bend.<channel>`                                     | -1..1           |
| pressure           | `midi.pressure`, `midi.pressure.<channel>`; of a key `midi.touch.<n>`  | 0..1            |
| program            | `midi.program`                                                         | 0..127          |
| clock, 24 a beat   | `midi.clock`, for the one clock of the beat (perform/engine/beat.py)   | 1               |
| start, continue,   | `midi.start`, `midi.continue`, `midi.stop`                             | 1               |
| stop; position     | `midi.position`                                                        | in sixteenths   |
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, MutableMapping, Sequence

from perform.engine.clock import Clock, Tick, machine_time
from perform.engine.problems import Problems, UserError
from perform.engine.signals import Event, EventQueue

log = logging.getLogger("perform.midi")

NOTE_DECAY = 0.3
_PATIENCE = 10.0
_CHILD = "from perform.control.midi_ports import main; main()"


def events_of(message: bytes, time: float, coarse: MutableMapping[int, int] | None = None) -> list[Event]:
    """The events of one MIDI message; none for what is not a whole channel message or is of no use to a show.

    `coarse` remembers the coarse halves of 14-bit controllers between calls (`channel * 32 + n` -> 0..127); without it
    no pairs are made.
    """
    if not message or message[0] < 0x80 or any(byte > 127 for byte in message[1:]):
        return []
    if message[0] >= 0xF0:
        return _time_of(message, time)
    kind, channel, data = message[0] >> 4, (message[0] & 15) + 1, message[1:]
    size, make = KINDS[kind]
    return make(channel, data, time, coarse) if len(data) == size else []


Coarse = MutableMapping[int, int] | None


def _time_of(message: bytes, time: float) -> list[Event]:
    """What a sequencer says of its time; no hand moved, so no latency is measured from it."""
    if message[0] == 0xF2 and len(message) == 3:
        return [Event("midi.position", float(message[1] | message[2] << 7), time)]
    name = _TIMES.get(message[0])
    return [Event(name, 1.0, time)] if name is not None and len(message) == 1 else []


_TIMES = {0xF8: "midi.clock", 0xFA: "midi.start", 0xFB: "midi.continue", 0xFC: "midi.stop"}


def _event(name: str, value: float, time: float, decay: float = 0.0) -> Event:
    return Event(name, value, time, decay, True)


def _both(name: str, channel: int, end: str, value: float, time: float) -> list[Event]:
    return [_event(name + end, value, time), _event(f"{name}.{channel}{end}", value, time)]


def _release(_channel: int, data: bytes, time: float, _coarse: Coarse) -> list[Event]:
    return [_event(f"midi.note.{data[0]}", 0.0, time)]


def _note(_channel: int, data: bytes, time: float, _coarse: Coarse) -> list[Event]:
    held = _event(f"midi.note.{data[0]}", data[1] / 127, time)
    if data[1] == 0:  # a note on with velocity 0 is a release
        return [held]
    return [held, _event("midi.note", data[1] / 127, time, NOTE_DECAY)]


def _touch(_channel: int, data: bytes, time: float, _coarse: Coarse) -> list[Event]:
    return [_event(f"midi.touch.{data[0]}", data[1] / 127, time)]


def _control(channel: int, data: bytes, time: float, coarse: Coarse) -> list[Event]:
    number, value = data
    events = _both("midi.cc", channel, f".{number}", value / 127, time)
    if coarse is not None and number < 32:
        coarse[channel * 32 + number] = value
    elif coarse is not None and number < 64 and channel * 32 + number - 32 in coarse:
        fine = coarse[channel * 32 + number - 32] << 7 | value
        events += _both("midi.cc14", channel, f".{number - 32}", fine / 16383, time)
    return events


def _program(_channel: int, data: bytes, time: float, _coarse: Coarse) -> list[Event]:
    return [_event("midi.program", float(data[0]), time)]


def _pressure(channel: int, data: bytes, time: float, _coarse: Coarse) -> list[Event]:
    return _both("midi.pressure", channel, "", data[0] / 127, time)


def _bend(channel: int, data: bytes, time: float, _coarse: Coarse) -> list[Event]:
    bend = (data[0] | data[1] << 7) - 8192
    return _both("midi.bend", channel, "", bend / (8191 if bend > 0 else 8192), time)


# the upper half of the status byte: how many data bytes follow, and what they become
KINDS: dict[int, tuple[int, Callable[[int, bytes, float, Coarse], list[Event]]]] = {
    0x8: (2, _release),
    0x9: (2, _note),
    0xA: (2, _touch),
    0xB: (2, _control),
    0xC: (1, _program),
    0xD: (1, _pressure),
    0xE: (2, _bend),
}


class MidiSource:
    """All MIDI inputs, or those whose name contains `port` (whatever the case).

    Without `port` it is quietly there: no MIDI on this machine is a state (`describe`), not a problem. With `port` the
    constructor waits up to `wait` seconds for the list of ports and raises UserError with that list where none fits; a
    named port that goes away during the show is reported, and taken up again by itself when it returns.
    """

    def __init__(
        self,
        clock: Clock,
        problems: Problems,
        port: str | None = None,
        *,
        wait: float = 4.0,
        bell: threading.Event | None = None,
    ) -> None:
        self.ports: tuple[str, ...] = ()
        self.messages = 0
        self._all: tuple[str, ...] = ()
        self._clock = clock
        self._problems = problems
        self._wanted = port
        self._trouble = ""
        self._hopeless = False
        self._queue = EventQueue(bell=bell)
        self._coarse: dict[int, int] = {}
        self._child: subprocess.Popen[str] | None = None
        self._heard = machine_time()
        self._looked = threading.Event()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=target, name="midi", daemon=True) for target in (self._listen, self._watch)
        ]
        for thread in self._threads:
            thread.start()
        if port is not None:
            self._demand(port, wait)

    def poll(self, tick: Tick) -> Sequence[Event]:
        """What was played since the last frame, oldest first. Main thread; never blocks."""
        return self._queue.drain()

    def close(self) -> None:
        """Stop the child; returns within a second even when the MIDI server hangs."""
        self._closing.set()
        child = self._child
        if child is not None:
            child.terminate()
        for thread in self._threads:
            thread.join(0.6)
            if child is not None:
                child.kill()

    def describe(self) -> str:
        """One line for the HUD."""
        return ", ".join(self.ports) or self._trouble or "no MIDI port"

    def _demand(self, port: str, wait: float) -> None:
        if not self._looked.wait(wait):
            self._problems.report("midi", f'the MIDI system does not answer; "{port}" is taken up when it does')
        elif not self.ports:
            self.close()
            there = ", ".join(self._all) or "none; plug one in, or start a JACK server"
            raise UserError(f'there is no MIDI input "{port}"; the inputs here: {there}')

    def _listen(self) -> None:
        """Thread: start the child and read its lines; again when it ends, until `close`."""
        pause = 0.0
        while not self._closing.wait(pause) and not self._hopeless:
            pause = min(pause * 2 + 0.5, _PATIENCE)
            self._heard = machine_time()
            child = subprocess.Popen(
                [sys.executable, "-c", _CHILD, self._wanted or ""],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # the system libraries write there at every look for ports
                text=True,
            )
            self._child = child
            if self._closing.is_set():  # `close` may have come between, and then saw no child
                child.terminate()
            assert child.stdout is not None
            with child.stdout:
                for line in child.stdout:
                    self._take(line)
            child.kill()
            child.wait()
            self._see((), self._all)

    def _watch(self) -> None:
        """Thread: kill a child that has been silent for long, so that `_listen` starts a new one."""
        while not self._closing.wait(1.0):
            child = self._child
            if child is not None and machine_time() - self._heard > _PATIENCE:
                self._trouble = "the MIDI system does not answer"
                self._heard = machine_time()
                child.kill()

    def _take(self, line: str) -> None:
        """One line of the child: `M <machine time> <hex>`, `P <json: open, all>` or `E <text>`."""
        self._heard = machine_time()
        kind, _, rest = line.rstrip("\n").partition(" ")
        if kind == "M":
            stamp, _, data = rest.partition(" ")
            self.messages += 1
            for event in events_of(bytes.fromhex(data), float(stamp) - self._clock.origin, self._coarse):
                self._queue.put(event)
        elif kind == "P":
            held, there = json.loads(rest)
            self._trouble = ""
            self._see(tuple(held), tuple(there))
            self._looked.set()
        elif kind == "E":
            self._trouble, self._hopeless = rest, True
            self._looked.set()

    def _see(self, held: tuple[str, ...], there: tuple[str, ...]) -> None:
        before, self.ports, self._all = self.ports, held, there
        if held != before:
            log.info("MIDI inputs: %s", ", ".join(held) or "none")
        if self._wanted is None or self._closing.is_set():
            return
        if before and not held:
            self._problems.report("midi", f'the MIDI input "{self._wanted}" is gone; plug it in again, it is taken up')
        elif held and not before:
            self._problems.clear("midi", f'the MIDI input "{self._wanted}" is here')
