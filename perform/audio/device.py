"""The sound card as seen from the show: a child process and its ring, watched, and replaced when it dies or hangs."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from perform.audio.capture import EXIT_DEFAULT_CHANGED, EXIT_OUTPUT_IS_BACK
from perform.audio.child import Child, Order, child_environment, command, wait_for
from perform.audio.names import check_channels, match, parse_channels
from perform.audio.ring import Block, Kind, Reader, Ring, State
from perform.engine.clock import machine_time
from perform.engine.parameters import nearest
from perform.engine.problems import Problems, UserError

log = logging.getLogger("perform")

PART = "sound"
LISTING_LIMIT = 6.0  # seconds; enumeration may hang for ever when a sound server is sick
START_LIMIT = 12.0  # seconds from the start of a child to its first block
HANG_LIMIT = 2.0  # seconds without a block from a child that did not even notice by itself
COLD_OUTPUT = 8.0  # the same for an output in its first seconds: it takes a few blocks, then waits for its server
FIRST_RETRY, LAST_RETRY = 0.1, 1.0
CALM, TROUBLED = 5.0, 0.2  # seconds of sound before the next child is made ready: at the start, and after a loss


@dataclass(frozen=True, slots=True)
class Device:
    """One thing in the list of sound devices. `kind` is "input", "output", or "monitor" (what an output plays, to be
    heard like an input); `rate` its usual frames a second."""

    name: str
    kind: str
    channels: int
    rate: int
    default: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the child shall do: capture the "default" input (else play the built-in track), capture the "device" of
    this `name`, play the "file" of this name, or play the built-in "track". `loop` is for what is played. `channels` of
    a device: "3,4" (from 1), "mix" for the mean of all, "" for the first two."""

    what: Literal["default", "device", "file", "track"]
    name: str = ""
    loop: bool = True
    channels: str = ""


def devices(env: Mapping[str, str] | None = None, limit: float = LISTING_LIMIT) -> list[Device]:
    """All inputs and outputs, asked for in a child process. Raises UserError if that fails or takes over `limit` s."""
    try:
        listed = subprocess.run(
            command("--list"), capture_output=True, timeout=limit, check=True, env=child_environment(env), text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        rows = json.loads(listed.stdout)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"the sound system did not list its devices within {limit:g} s; restart the sound server (JACK, Pulse)"
        ) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        remedy = "install it: apt install libportaudio2" if "PortAudio library not found" in last else "see above"
        raise UserError(f"the sound devices cannot be listed ({last}); {remedy}") from error
    except ValueError as error:
        raise UserError("the sound devices cannot be listed: the answer made no sense") from error
    return [Device(**row) for row in rows]


def find_input(name: str, found: list[Device]) -> tuple[str, str]:
    """The input that `name` means, as (full name, channels): "Scarlett", or "Scarlett:3,4" where none is called so.

    Raises UserError naming the nearest and all that exist, or saying how many channels there are.
    """
    inputs = [device for device in found if device.kind in ("input", "monitor")]
    names = [device.name for device in inputs]
    channels = ""
    place = match(name, names)
    if place is None:
        stem, channels = parse_channels(name)
        place = match(stem, names) if channels else None
    if place is None:
        there = "; there are: " + ", ".join(f'"{one}"' for one in names) if names else "; there is no input at all"
        raise UserError(
            f'there is no sound input or file "{name}".{nearest(name, names)} '
            f'See "perform devices"{there}. "none" plays without sound.'
        )
    check_channels(names[place], channels, inputs[place].channels)
    return names[place], channels


class AudioDevice:
    """A source of sound that lives in a child process. All methods from one thread (the ear's); none of them waits.

    `tend` starts the child, notices when it died or hangs by the age of its last block, and gives its work to the next
    one, which stands ready: a device by its name, a file from where it was. What goes wrong is reported as the part
    "sound".
    """

    def __init__(self, wanted: Wanted, problems: Problems, *, env: Mapping[str, str] | None = None) -> None:
        self.restarts = 0
        self._wanted = wanted
        self._problems = problems
        self._env = child_environment(env)
        self._reader: Reader | None = None
        self._child: Child | None = None
        self._next: Child | None = None
        self._dying: list[Child] = []
        self._ordered = self._begun = 0.0
        self._next_try = 0.0
        self._retry = FIRST_RETRY
        self._well = False
        self._ever = False
        self._failures = 0
        self._position = 0
        self._heard = False
        self._overflows_before = 0
        self._told = ""

    # -- how it is

    @property
    def text(self) -> str:
        """In a few words: where the sound comes from, or that it is lost."""
        ring = self.ring
        if self._well and ring is not None:
            return ring.title if ring.kind is Kind.TRACK else f"{ring.kind.name.lower()} {ring.title}"
        if self._ever or self._failures:
            return "lost, retrying"
        return "starting"

    @property
    def title(self) -> str:
        """The name of the device or file that is heard; "" before the first."""
        return self._child.ring.title if self._child is not None else ""

    @property
    def is_input(self) -> bool:
        """Whether a card or another input is heard, and neither a file nor what an output plays."""
        monitor = self.title.startswith("Monitor of ") or self.title.endswith(".monitor")
        return self._child is not None and self._child.ring.kind is Kind.DEVICE and not monitor

    @property
    def rate(self) -> int:
        """Frames a second of what `read` gives now; 0 until the first sound."""
        return self._child.ring.rate if self._child is not None else 0

    @property
    def well(self) -> bool:
        """Whether sound is coming."""
        return self._well

    @property
    def overflows(self) -> int:
        """How often the card said that it lost samples, since the show began."""
        return self._overflows_before + (self._child.ring.overflows if self._child is not None else 0)

    @property
    def callback_age(self) -> float:
        """Seconds since the last block came; grows while the sound is lost. 0 before the first."""
        last = self._child.ring.callback_time if self._child is not None else 0.0
        return max(0.0, machine_time() - (last or self._ordered)) if self._ordered else 0.0

    @property
    def pid(self) -> int | None:
        """The child's process id, for tests and `perform doctor`."""
        return self._child.process.pid if self._child is not None else None

    @property
    def next_pid(self) -> int | None:
        """That of the child that stands ready for when this one is lost, for tests."""
        return self._next.process.pid if self._next is not None else None

    @property
    def ring(self) -> Ring | None:
        """The ring of the present child, for a second reader (meters, benchmarks)."""
        return self._child.ring if self._child is not None else None

    # -- the work

    def tend(self) -> None:
        """Look after the child: call it every few milliseconds."""
        self._dying = [child for child in self._dying if child.alive]
        now = machine_time()
        child = self._child
        if child is None:
            if now >= self._next_try:
                self._start(now)
            return
        ring = child.ring
        last = ring.callback_time
        if not child.alive:
            status = child.process.returncode
            self._lost(ring.message or f"its process ended with status {status}", status)
        elif last and now - last > (COLD_OUTPUT if ring.heard and now - self._ordered < COLD_OUTPUT else HANG_LIMIT):
            self._lost("it hangs")
        elif not last and now - max(self._ordered, ring.heartbeat) > START_LIMIT:
            self._lost(f"it did not start within {START_LIMIT:g} s")
        elif not last and ring.state is State.WAITING:
            self._tell(ring.message)
        elif last and not self._well:
            self._begin(ring, now)
        elif self._well and self._next is None and now - self._begun > (TROUBLED if self.restarts else CALM):
            self._next = Child(self._env)

    def read(self) -> Block | None:
        """New sound, or None. Never blocks."""
        return self._reader.read() if self._reader is not None else None

    def close(self) -> None:
        """End the child and free the memory, within 0.8 s."""
        if self._next is not None:
            self._end(self._next)
            self._next = None
        if self._child is not None:
            self._child.leave()  # by which it parts from the sound server and goes
            wait_for([self._child], 0.4)
        self._discard()
        wait_for(self._dying, 0.3)

    def _start(self, now: float) -> None:
        """Give the work to the child that stands ready, or to a new one."""
        child, self._next = self._next, None
        if child is not None and not child.alive:
            self._end(child)
            child = None
        child = child or Child(self._env)
        wanted = self._wanted
        child.order(Order(wanted.what, wanted.name, wanted.channels, wanted.loop, self._position, self._heard))
        self._child, self._reader = child, Reader(child.ring)
        self._ordered = now

    def _begin(self, ring: Ring, now: float) -> None:
        self._well = self._ever = True
        self._begun = now
        self._failures = 0
        self._told = ""
        self._retry = FIRST_RETRY
        self._heard |= ring.heard
        if self._wanted.what == "default":  # what was found once is what we go back to
            known = ring.kind is Kind.DEVICE
            self._wanted = replace(self._wanted, what="device" if known else "track", name=ring.title if known else "")
        self._problems.clear(PART, f"sound is here: {self.text}")

    def _lost(self, why: str, status: int | None = None) -> None:
        name = self.title
        self._discard()
        self.restarts += 1
        if self._wanted.what == "default":  # an input that gives nothing from the start: play rather than wait
            self._wanted = replace(self._wanted, what="track")
        if status in (EXIT_OUTPUT_IS_BACK, EXIT_DEFAULT_CHANGED):
            self._next_try = 0.0
            if status == EXIT_DEFAULT_CHANGED:
                log.warning("%s: %s; listening to that", PART, why)
            return
        self._tell(why, name)
        self._next_try = machine_time() + self._retry
        self._retry = min(self._retry * 2, LAST_RETRY)

    def _tell(self, why: str, name: str = "") -> None:
        """Report once what is wrong now."""
        name = name or self._wanted.name
        thing = f'"{name}"' if name else "the sound input"
        text = f"{thing} is lost: {why}; trying again until it is back"
        if text != self._told:
            self._told = text
            self._failures += 1
            self._problems.report(PART, text)

    def _discard(self) -> None:
        self._well = False
        child = self._child
        self._child = self._reader = None
        if child is not None:
            self._position = child.ring.position or self._position  # 0: it died before it played
            self._overflows_before += child.ring.overflows
            self._end(child)

    def _end(self, child: Child) -> None:
        """Kill it and free its ring; whoever does not go at once is waited for elsewhere."""
        if child.alive:
            self._dying.append(child)
        child.kill()
        child.ring.close()
