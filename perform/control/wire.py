"""OSC packets to (name, value) pairs, refusing everything that is not exactly a packet.

python-osc reads the arguments, but never sees a packet before it has been checked here: a 24-byte bundle with an
element of size -4 makes it loop for ever, it pads truncated floats with zeros, skips type tags it does not know, and
lets NaN through. A bundle whose structure is broken is refused whole; in a sound bundle each message is
judged by itself, so that one odd message does not silence the rest. Bundles are played at once, whatever their time tag
says: an instrument that waits is late, and a wrong clock in a phone must not hold the show.

Not handled: address patterns from the sender (refused), arguments of kind blob, time, colour and MIDI (skipped).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Container, Iterator, Sequence

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message import ParseError as OscParseError

from perform.engine.parameters import dotted

Pair = tuple[str, float | str]

MAX_DEPTH = 8
MAX_ARGUMENTS = 64
MAX_WORD = 256
MAX_NAME = 256
MAX_NAMES = 4096

_BUNDLE = b"#bundle\x00"
_PATTERN = frozenset("*?[]{}, #")
_WIDTHS = {"i": 4, "f": 4, "r": 4, "m": 4, "h": 8, "d": 8, "t": 8, "T": 0, "F": 0, "N": 0, "[": 0, "]": 0}
_PLAYABLE = frozenset("ifhdTFs")
_FAST: dict[bytes, Callable[[bytes], tuple[float]]] = {
    b",f\x00\x00": struct.Struct(">f").unpack,
    b",i\x00\x00": struct.Struct(">i").unpack,
}


class RefusedError(ValueError):
    """This packet or message is not usable; the text says why."""


def elements(packet: bytes, depth: int = 0) -> Iterator[bytes]:
    """The messages in a packet, unread, in order. Raises RefusedError where the structure is broken.

    Sizes are checked before anything is cut: positive, a multiple of four, inside the packet; nesting at most 8 deep.
    """
    if not packet or len(packet) % 4:
        raise RefusedError(f"a packet of {len(packet)} bytes (not a multiple of four)")
    if packet[:1] == b"/":
        yield packet
        return
    if packet[:8] != _BUNDLE or len(packet) < 16:
        raise RefusedError("neither a message nor a bundle")
    if depth >= MAX_DEPTH:
        raise RefusedError(f"bundles nested more than {MAX_DEPTH} deep")
    place = 16
    while place < len(packet):
        size = int.from_bytes(packet[place : place + 4], "big", signed=True)
        place += 4
        if size <= 0 or size % 4 or place + size > len(packet):
            raise RefusedError(f"a bundle element of size {size}")
        yield from elements(packet[place : place + size], depth + 1)
        place += size


def read_message(message: bytes) -> tuple[str, list[float | str]]:
    """One message's signal name and playable arguments, in order; `[1.0]` for a bang. Raises RefusedError."""
    address, place = _string(message, 0)
    name = _name(address)
    if place == len(message):
        return name, [1.0]  # no tags at all: old senders press buttons this way
    tags, place = _string(message, place)
    if not tags.startswith(","):
        raise RefusedError("no type tags")
    tags = tags[1:]
    if tags in ("", "I"):
        if place != len(message):
            raise RefusedError("bytes after the last argument")
        return name, [1.0]
    _check_arguments(message, place, tags)
    try:
        params = _flat(OscMessage(message).params)
    except (OscParseError, ValueError, OverflowError, IndexError, struct.error) as error:
        raise RefusedError(f"arguments that cannot be read ({error})") from error
    kinds = [tag for tag in tags if tag not in "[]"]
    values = [_playable(param) for tag, param in zip(kinds, params, strict=True) if tag in _PLAYABLE]
    if not values:
        raise RefusedError(f"no number or word among the arguments ({tags})")
    return name, values


def _string(data: bytes, place: int) -> tuple[str, int]:
    end = data.find(b"\x00", place)
    after = (end // 4 + 1) * 4
    if end < 0 or after > len(data):
        raise RefusedError("a string without an end")
    try:
        return data[place:end].decode("utf-8"), after
    except UnicodeDecodeError:
        raise RefusedError("text that is not UTF-8") from None


def _name(address: str) -> str:
    if not _PATTERN.isdisjoint(address) or "//" in address:
        raise RefusedError(f"an address pattern ({address[:40]}); give the whole name")
    name = dotted(address)
    if not name or len(name) > MAX_NAME or not address.isprintable():
        raise RefusedError("an address that is empty, too long or not printable")
    return name


def _check_arguments(message: bytes, place: int, tags: str) -> None:
    if len(tags) > MAX_ARGUMENTS:
        raise RefusedError(f"{len(tags)} arguments (at most {MAX_ARGUMENTS})")
    for tag in tags:
        if tag == "s":
            _, place = _string(message, place)
        elif tag == "b":
            size = int.from_bytes(message[place : place + 4], "big", signed=True)
            if size < 0:
                raise RefusedError(f"a blob of size {size}")
            place += 4 + size + (-size % 4)
        elif tag in _WIDTHS:
            place += _WIDTHS[tag]
        else:
            raise RefusedError(f"a type tag that nobody knows ({tag!r})")
        if place > len(message):
            raise RefusedError("truncated arguments")
    if place != len(message):
        raise RefusedError("bytes after the last argument")


def _flat(params: Sequence[object]) -> list[object]:
    flat: list[object] = []
    for param in params:
        if isinstance(param, list):
            flat.extend(_flat(param))
        else:
            flat.append(param)
    return flat


def _playable(param: object) -> float | str:
    if isinstance(param, str):
        if len(param) > MAX_WORD:
            raise RefusedError(f"a word of {len(param)} letters (at most {MAX_WORD})")
        return param
    if not isinstance(param, int | float):
        raise RefusedError(f"an argument of kind {type(param).__name__}")
    if not math.isfinite(param):
        raise RefusedError(f"a value of {param}")
    return float(param)


class Reader:
    """Packets to pairs, with the counts. One thread only.

    Several arguments give the first to the name itself and each to `name.0`, `name.1`, ... A sender that invents new
    addresses without end would fill the memory with signals, so after `MAX_NAMES` different ones only names in `known`
    (the parameters) are still taken up.
    """

    def __init__(self, known: Container[str] = ()) -> None:
        self.messages = 0
        self.refused = 0
        self.last_refusal = ""
        self._known = known
        self._names: set[str] = set()
        self._heads: dict[bytes, tuple[str, Callable[[bytes], tuple[float]]]] = {}

    def read(self, packet: bytes) -> Sequence[Pair]:
        """All pairs of a packet, in order. Never raises: what is not usable is counted in `refused`.

        A message with one float or integer is the common case at thousands a second: its head (all but the last four
        bytes) has been checked before, so it is looked up as a whole.
        """
        pair = self._read_quickly(packet)
        return (pair,) if pair is not None else self._read_slowly(packet)

    def _read_quickly(self, message: bytes) -> Pair | None:
        head = self._heads.get(message[:-4])
        if head is None:
            return None
        name, unpack = head
        (value,) = unpack(message[-4:])
        if not math.isfinite(value):
            return None
        self.messages += 1
        return name, float(value)

    def _read_slowly(self, packet: bytes) -> list[Pair]:
        pairs: list[Pair] = []
        try:
            found = list(elements(packet))  # the whole structure first: a broken bundle plays nothing
        except RefusedError as reason:
            self._refuse(reason)
            return pairs
        for message in found:
            pair = self._read_quickly(message)
            if pair is not None:
                pairs.append(pair)
                continue
            try:
                pairs.extend(self._read_one(message))
            except RefusedError as reason:
                self._refuse(reason)
            else:
                self.messages += 1
        return pairs

    def _read_one(self, message: bytes) -> list[Pair]:
        name, values = read_message(message)
        if name not in self._names:
            if len(self._names) >= MAX_NAMES and name not in self._known:
                raise RefusedError(f"more than {MAX_NAMES} different addresses")
            self._names.add(name)
        self._remember(message, name)
        pairs: list[Pair] = [(name, values[0])]
        if len(values) > 1:
            pairs.extend((f"{name}.{index}", value) for index, value in enumerate(values))
        return pairs

    def _remember(self, message: bytes, name: str) -> None:
        unpack = _FAST.get(message[-8:-4])
        # the tags must be the tags, not the first half of a longer tag string or of another argument
        if unpack is not None and len(self._heads) < 2 * MAX_NAMES and _string(message, 0)[1] == len(message) - 8:
            self._heads[message[:-4]] = (name, unpack)

    def _refuse(self, reason: RefusedError) -> None:
        self.refused += 1
        self.last_refusal = str(reason)
