"""OSC in: one UDP socket, one thread that reads it, one queue to the show.

One thread, not one per packet (python-osc's threading server loses most of a stream and its order), and a receive
buffer of megabytes: the losses at 1,000 messages a second come from a stall of the scheduler that overflows the
system's default buffer, not from reading too slowly.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
import sys
import threading
from collections.abc import Container, Sequence

from perform.control.wire import Reader
from perform.engine.clock import Clock, Tick, sleep
from perform.engine.problems import Problems, UserError
from perform.engine.signals import Event, EventQueue

log = logging.getLogger("perform.osc")

RECEIVE_BUFFER = 4 << 20
_DATAGRAM = 65536
_SO_MEMINFO, _MEMINFO_DROPS = 55, 8  # Linux: nine counters of a socket, the last counts packets it had no room for
_HEARTBEAT = 0.5


class OscSource:
    """Messages to events: `/walk/speed 0.5` is the signal `walk.speed`, stamped when it arrived, marked as a hand's.

    `known` (the tree of parameters) are names that are taken up even after a flood of invented ones. `port` 0 lets the
    system choose; `self.port` is the real one. `bell` is rung when a message has come in.
    Raises UserError where the address cannot be had.
    """

    def __init__(
        self,
        host: str,
        port: int,
        clock: Clock,
        problems: Problems,
        *,
        known: Container[str] = (),
        bell: threading.Event | None = None,
    ) -> None:
        self.host = host
        self.last_sender = ""
        self.per_second = 0.0
        self._clock = clock
        self._problems = problems
        self._reader = Reader(known)
        self._queue = EventQueue(bell=bell)
        self._socket = _bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        self._closing = threading.Event()
        self._kernel_drops = 0
        self._counted = (0.0, 0)
        self._lost_at: float | None = None
        self._lost_seen = 0
        self._thread = threading.Thread(target=self._receive, name="osc", daemon=True)
        self._thread.start()

    @property
    def messages(self) -> int:
        """Messages understood since the start."""
        return self._reader.messages

    @property
    def refused(self) -> int:
        """Packets and messages that were not usable since the start."""
        return self._reader.refused

    @property
    def last_refusal(self) -> str:
        """Why the last refused one was refused, for the HUD and `doctor`."""
        return self._reader.last_refusal

    @property
    def dropped(self) -> int:
        """Messages lost since the start: by the system for want of room (Linux only), or by our full queue."""
        return self._kernel_drops + self._queue.dropped

    def poll(self, tick: Tick) -> Sequence[Event]:
        """What arrived since the last frame, oldest first. Main thread; never blocks."""
        then, count = self._counted
        if tick.time - then >= _HEARTBEAT:
            self.per_second = (self.messages - count) / (tick.time - then)
            self._counted = (tick.time, self.messages)
            self._tell_losses(tick.time)
        return self._queue.drain()

    def close(self) -> None:
        """Stop listening; returns within a second."""
        self._closing.set()
        self._thread.join(1.0)
        self._socket.close()

    def describe(self) -> str:
        """One line for the HUD."""
        parts = [f"{self.host}:{self.port}", f"{self.per_second:.0f} msg/s"]
        if self.last_sender:
            parts.append(f"from {self.last_sender}")
        if self.refused:
            parts.append(f"{self.refused} refused ({self.last_refusal})")
        if self.dropped:
            parts.append(f"{self.dropped} lost")
        return " · ".join(parts)

    def _tell_losses(self, now: float) -> None:
        if self.dropped > self._lost_seen:
            self._lost_seen, self._lost_at = self.dropped, now
            self._problems.report("osc", "messages arrive faster than they can be read; send fewer per second")
        elif self._lost_at is not None and now - self._lost_at > 5.0:
            self._lost_at = None
            self._problems.clear("osc", f"all messages arrive again ({self.dropped} lost so far)")

    def _receive(self) -> None:
        """The thread: packets to events until `close`."""
        buffer = bytearray(_DATAGRAM)
        view = memoryview(buffer)
        read, put, now, receive = self._reader.read, self._queue.put, self._clock.now, self._socket.recvfrom_into
        sender: object = None
        looked = 0.0
        while not self._closing.is_set():
            try:
                size, origin = receive(buffer)
            except TimeoutError:
                continue
            except OSError as error:
                if self._closing.is_set():
                    return
                self._problems.report("osc", f"the network said: {error}; still listening on port {self.port}")
                sleep(_HEARTBEAT)  # a network that is down fails at once, again and again
                continue
            time = now()
            for name, value in read(bytes(view[:size])):
                put(Event(name, value, time, 0.0, True))
            if origin != sender:
                sender, self.last_sender = origin, str(origin[0])
            if time - looked > _HEARTBEAT:
                looked = time
                self._kernel_drops = _drops(self._socket)


def _bound(host: str, port: int) -> socket.socket:
    """A UDP socket on host:port. No SO_REUSEADDR: two shows on one port would each miss packets without a word."""
    if not 0 <= port <= 65535:
        raise UserError(f"OSC port {port} does not exist; choose one from 1024 to 65535, for example --osc {host}:9000")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (socket.gaierror, UnicodeError):
        raise UserError(
            f'OSC host "{host}" is not known; use --osc 0.0.0.0:{port} to listen on every network of this machine'
        ) from None
    bound = socket.socket(family, kind, protocol)
    try:
        bound.bind(where)
        bound.settimeout(0.2)  # how long `close` may have to wait for the thread
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    except OSError as error:
        bound.close()
        raise UserError(_bind_trouble(error, host, port)) from error
    room = bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    if room < RECEIVE_BUFFER // 4:
        log.info("the system allows OSC only %d bytes of receive buffer (net.core.rmem_max)", room)
    return bound


def _bind_trouble(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"OSC port {port} is in use by another program (perhaps another show); "
            f"stop it or choose another port, for example --osc {host}:{port + 1 if port < 65535 else 9000}"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f'OSC host "{host}" is not an address of this machine; use --osc 0.0.0.0:{port} for all of its addresses'
    if error.errno == errno.EACCES:
        return f"OSC port {port} is reserved for the system; choose one above 1023, for example --osc {host}:9000"
    return f"OSC cannot listen on {host}:{port} ({error}); try --osc 127.0.0.1:9000"


def _drops(bound: socket.socket) -> int:
    """How many packets the system threw away because the receive buffer was full; 0 where it does not say."""
    if sys.platform != "linux":
        return 0
    try:
        answer = bound.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
    except OSError:
        return 0
    return int(struct.unpack("9I", answer)[_MEMINFO_DROPS]) if len(answer) == 36 else 0
