"""The ears: sources of `audio.*`, `beat.*` and `bar.phase` for the loop. `open_ear` is the door to this package.

`LiveEar` listens to a capture child on a thread of its own; `FileEar` reads a file at the pace of the clock, for
rendering and tests; `DeafEar` hears nothing, on purpose.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.knobs import Knob, trigger
from perform.audio.analysis import Analysis, BeatHand, State
from perform.audio.device import PART, AudioDevice, Wanted, devices, find_input
from perform.audio.file import SoundArray, Stream, open_sound
from perform.audio.ring import Block, Ring
from perform.audio.track import Track, builtin_file
from perform.engine.clock import Clock, Tick, machine_time, sleep
from perform.engine.frame import Slot
from perform.engine.problems import Problems, UserError
from perform.engine.signals import Event, EventQueue
from perform.engine.sound import SoundPicture

Floats = NDArray[np.float32]

POLL = 0.002  # seconds between looks at the ring: 1 ms of latency on average for 1 % of a core
TEND = 0.02  # seconds between looks at the child
LONGEST_HUSH = 0.1  # seconds without a block after which we hear silence, so that the features decay


@dataclass(frozen=True, slots=True)
class Health:
    """How hearing goes, for the HUD and the log.

    `text` says in a few words where the sound comes from; `overflows` counts reports of the card and laps of the ring;
    `callback_age` is in seconds; `latency_ms` is from the callback that brought the newest sound to its signals.
    """

    text: str
    overflows: int = 0
    callback_age: float = 0.0
    latency_ms: float = 0.0
    restarts: int = 0


class Ear(Protocol):
    """A source of sound signals that can say how it is. `picture` is what shaders see of the sound; main thread."""

    picture: SoundPicture | None

    def poll(self, tick: Tick) -> Sequence[Event]:
        """As `Source.poll`."""
        ...

    def close(self) -> None:
        """As `Source.close`."""
        ...

    @property
    def health(self) -> Health:
        """How it is now. Main thread."""
        ...


class LiveEar:
    """Hears a sound card, or a file as it is played. `poll` and `health` on the main thread; the rest is a thread's.

    Pulses go through a queue, none is lost; of continuous values only the newest matter. The thread waits for sound by
    looking at the ring every 2 ms; while there is none it hears silence, so features decay and the beat runs on.
    """

    def __init__(
        self, wanted: Wanted, clock: Clock, problems: Problems, *, env: Mapping[str, str] | None = None
    ) -> None:
        self._clock = clock
        self._device = AudioDevice(wanted, problems, env=env)
        self._problems = problems
        self._queue = EventQueue()
        self._newest: Slot[tuple[Analysis, State]] = Slot()
        self._hand = BeatHand()
        self._health = Health("starting")
        self.picture: SoundPicture | None = None
        self._latencies: deque[float] = deque(maxlen=2048)
        self._lost = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)
        self._thread.start()

    def poll(self, tick: Tick) -> Sequence[Event]:
        if not self._thread.is_alive() and not self._stop.is_set():
            self._problems.report(PART, "the ear stopped listening, see the log; start the show again")
        events = self._queue.drain()
        newest = self._newest.take()
        if newest is not None:
            analysis, state = newest
            events += analysis.tell(state)
            self.picture = state.picture
        return self._hand.at(tick.time, events)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=0.9)

    @property
    def health(self) -> Health:
        return self._health

    @property
    def latencies(self) -> tuple[float, ...]:
        """Seconds from callback to signal of the last 2048 blocks, for the benchmark."""
        return tuple(self._latencies)

    @property
    def ring(self) -> Ring | None:
        """The ring of the moment, for a second reader. It goes away when the device is lost: for benchmarks only."""
        return self._device.ring

    @property
    def pid(self) -> int | None:
        """The capture child, for tests."""
        return self._device.pid

    # -- the ear's thread

    def _run(self) -> None:
        analysis: Analysis | None = None
        heard_until = tended = 0.0
        zeros = Zeros(self._problems)
        try:
            while not self._stop.is_set():
                block = self._device.read()
                if block is not None:
                    if not self._device.well:  # the first block of a child: say so before its sound is heard
                        self._device.tend()
                        self._publish()
                    if analysis is None or analysis.rate != self._device.rate:
                        analysis = Analysis(self._device.rate)
                    self._lost += bool(block.lost)
                    zeros.watch(block, self._device)
                    self._hear(analysis, block.samples, block.time, block.time)
                    heard_until = max(block.time, heard_until)
                    continue
                now = machine_time()
                if now - tended > TEND:
                    tended = now
                    self._device.tend()
                    self._publish()
                    if analysis is not None and now - heard_until > LONGEST_HUSH:
                        quiet = np.zeros((int((now - heard_until) * analysis.rate), 1), np.float32)
                        self._hear(analysis, quiet[: 4 * analysis.rate], now, None)
                        heard_until = now
                sleep(POLL)
        except OSError as error:
            self._problems.report(PART, f"sound capture cannot be started: {error}; start the show again")
            self._health = Health("off: cannot be started")
        finally:
            self._device.close()

    def _hear(self, analysis: Analysis, samples: Floats, end: float, stamp: float | None) -> None:
        """Take sound whose last frame came at machine time `end`; `stamp` is when its callback ran, for the latency."""
        pulses, state = analysis.hear(samples, end - self._clock.origin)
        for event in pulses:
            self._queue.put(event)
        if state is not None:
            self._newest.put((analysis, state))
            if stamp is not None:
                self._latencies.append(machine_time() - stamp)

    def _publish(self) -> None:
        device = self._device
        late = self._latencies[-1] * 1000.0 if self._latencies else 0.0
        overflows = device.overflows + self._lost
        self._health = Health(device.text, overflows, device.callback_age, late, device.restarts)


def listen_knobs() -> tuple[Knob, ...]:
    """The parameters of hearing, for the prefix `listen`. The clock of the beat (`engine.beat`) obeys the offset."""
    return (
        Knob(
            "offset_ms", 0.0, -500.0, 500.0, "ms",
            "everything on the beat so much earlier (negative: later), to make up for a projector that shows late",
        ),
        trigger("earlier", "the beat 5 ms earlier"),
        trigger("later", "the beat 5 ms later"),
    )  # fmt: skip


class Zeros:
    """Notices an input that is there and gives nothing but zeros: muted, or nothing plugged in. Of the ear's thread.

    A converter always has some noise, so exact zeros are a switch somewhere. What an output plays (a monitor) is zero
    whenever nothing plays, and is not spoken of.
    """

    PART, PATIENCE = "input", 5.0  # no part of `problems.PARTS`: a pause of the music must not fail the show

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._since: float | None = None
        self._told = False

    def watch(self, block: Block, device: AudioDevice) -> None:
        """Each block, in order."""
        if block.samples.any():
            self._since = None
            if self._told:
                self._told = False
                self._problems.clear(self.PART, "the input gives sound again")
        elif self._since is None:
            self._since = block.time
        elif not self._told and device.is_input and block.time - self._since > self.PATIENCE:
            self._told = True
            self._problems.report(
                self.PART, f'"{device.title}" gives only zeros; is it muted, or is nothing plugged into it?'
            )


class FileEar:
    """Hears a sound at the pace of the clock: `poll` analyses what lies between the last tick and this one.

    Main thread only; two runs give equal events. After the end of the sound comes silence, or the sound again with
    `loop`. `seconds` is how long the sound is, for whoever renders all of it.
    """

    def __init__(self, sound: Stream | Track | Path | str, *, loop: bool = False) -> None:
        if isinstance(sound, Track):
            sound = SoundArray(sound.samples, sound.rate, "Built-in track")
        self._stream: Stream = open_sound(sound) if isinstance(sound, Path | str) else sound
        self._loop = loop
        self._analysis = Analysis(self._stream.rate)
        self._hand = BeatHand()
        self._heard = 0
        self.picture: SoundPicture | None = None
        self.rate = self._stream.rate
        self.frames = self._stream.frames
        self.seconds = self.frames / self.rate

    def poll(self, tick: Tick) -> Sequence[Event]:
        until = round(tick.time * self.rate)
        events: list[Event] = []
        while self._heard < until:
            block = self._read(min(until - self._heard, self.rate))
            self._heard += len(block)
            pulses, state = self._analysis.hear(block, self._heard / self.rate)
            events += pulses
            if state is not None:
                events += self._analysis.tell(state)
                self.picture = state.picture
        return self._hand.at(tick.time, events)

    def close(self) -> None:
        self._stream.close()

    @property
    def health(self) -> Health:
        return Health(self._stream.title)

    def _read(self, count: int) -> Floats:
        block = self._stream.read(count)
        if not len(block) and self._loop:
            self._stream.seek(0)
            block = self._stream.read(count)
        return block if len(block) else np.zeros((count, 2), np.float32)


class DeafEar:
    """No sound, because the user asked for none."""

    picture: SoundPicture | None = None

    def poll(self, tick: Tick) -> Sequence[Event]:
        return ()

    def close(self) -> None:
        return None

    @property
    def health(self) -> Health:
        return Health("no sound (--audio none)")


def open_ear(audio: str | None, clock: Clock, problems: Problems, *, live: bool = True, loop: bool = True) -> Ear:
    """What `--audio` means: None the default input, else the built-in track; a path that exists that file; "track" the
    built-in track; "none" silence; anything else an input by its name or part of it, with ":3,4" after it for channels
    of its own choice and ":mix" for the mean of all.

    `live` listens in real time and plays files aloud where there is an output; without it files (and the built-in track
    for None) are read at the pace of the clock. Call before the show: a device's name is checked in a child process,
    which takes half a second; the other cases return at once. Raises UserError for an unknown name (with the nearest
    and all that exist), for a file that is none, and for a device without `live`.
    """
    audio = audio or None
    if audio is not None and audio.strip().lower() == "none":
        return DeafEar()
    path = None if audio is None else Path(audio).expanduser()
    if audio is None or audio == "track":
        if not live:
            return FileEar(_builtin(), loop=loop)
        return LiveEar(Wanted("default" if audio is None else "track", loop=loop), clock, problems)
    if path is not None and (path.exists() or _looks_like_file(path)):
        stream = open_sound(path)
        if not live:
            return FileEar(stream, loop=loop)
        stream.close()
        return LiveEar(Wanted("file", str(path.resolve()), loop), clock, problems)
    if not live:
        raise UserError(f'"{audio}" is not a sound file; on a fixed clock only a file can be heard (or "none")')
    name, channels = find_input(audio, devices())
    return LiveEar(Wanted("device", name, channels=channels), clock, problems)


def _looks_like_file(path: Path) -> bool:
    return path.suffix.lower() in {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".opus", ".m4a"}


def _builtin() -> Stream:
    stream = open_sound(builtin_file())
    stream.title = "Built-in track"
    return stream
