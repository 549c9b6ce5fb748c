"""Standard MIDI files, as much of them as music on a grid needs: notes, programs, tempo and metre."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

TICKS = 960  # a quarter, in the files written here: at 120 bpm one tick is 0.52 ms
_PER_SECOND = 2 * TICKS


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a channel (9 is the drums), in seconds; `program` is the General MIDI sound, `velocity` 1..127."""

    start: float
    length: float
    pitch: int
    velocity: int
    channel: int
    program: int = 0


@dataclass
class Song:
    """Notes by time, and where beats and first beats of bars are, all in seconds."""

    notes: list[Note] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    downbeats: list[float] = field(default_factory=list)
    style: str = ""

    @property
    def seconds(self) -> float:
        return max([note.start + note.length for note in self.notes], default=0.0)


def write_midi(path: Path, notes: Iterable[Note]) -> None:
    """Write notes as a file of one track at 120 bpm."""
    events: list[tuple[int, int, bytes]] = []
    programs: dict[int, int] = {}
    for note in sorted(notes, key=lambda one: one.start):
        at = max(0, round(note.start * _PER_SECOND))
        if programs.get(note.channel) != note.program:
            programs[note.channel] = note.program
            events.append((at, 0, bytes([0xC0 | note.channel, note.program])))
        events.append((at, 2, bytes([0x90 | note.channel, note.pitch, min(max(note.velocity, 1), 127)])))
        end = max(at + 1, round((note.start + note.length) * _PER_SECOND))
        events.append((end, 1, bytes([0x80 | note.channel, note.pitch, 0])))
    body, now = bytearray(b"\x00\xff\x51\x03\x07\xa1\x20"), 0
    for at, _, message in sorted(events):
        body += _length(at - now) + message
        now = at
    body += b"\x00\xff\x2f\x00"
    path.write_bytes(
        b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(body)) + bytes(body)
    )


def read_midi(path: Path) -> Song:
    """Read a file. Beats are its quarters (dotted quarters in 6/8, 9/8 and 12/8), bars as its metre says.

    Raises ValueError for what is not a MIDI file with a beat.
    """
    data = path.read_bytes()
    if data[:4] != b"MThd" or len(data) < 14:
        raise ValueError(f"{path.name} is not a MIDI file")
    ticks = struct.unpack(">H", data[12:14])[0]
    if ticks & 0x8000:
        raise ValueError(f"{path.name} counts film frames, not beats")
    events: list[tuple[int, int, bytes]] = []
    at = 14
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], struct.unpack(">I", data[at + 4 : at + 8])[0]
        if kind == b"MTrk":
            events += _events(data[at + 8 : at + 8 + size])
        at += 8 + size
    events.sort(key=lambda event: event[:2])
    return _song(events, ticks)


def _song(events: list[tuple[int, int, bytes]], ticks: int) -> Song:
    seconds = _Seconds(events, ticks)
    song, programs, held = Song(), [0] * 16, {}
    end = 0
    for at, _, message in events:
        kind, channel = message[0] & 0xF0, message[0] & 15
        if message[0] == 0xFF:
            continue
        if kind == 0xC0:
            programs[channel] = message[1]
        elif kind == 0x90 and message[2] > 0:
            held[channel, message[1]] = (at, message[2], programs[channel])
        elif kind in {0x80, 0x90} and (channel, message[1]) in held:
            since, velocity, program = held.pop((channel, message[1]))
            start = seconds.of(since)
            song.notes.append(Note(start, seconds.of(at) - start, message[1], velocity, channel, program))
            end = max(end, at)
    song.notes.sort(key=lambda note: note.start)
    _count(song, events, ticks, end, seconds)
    return song


def _count(song: Song, events: list[tuple[int, int, bytes]], ticks: int, end: int, seconds: _Seconds) -> None:
    """Lay beats and bars as the metre says, from each change of metre on."""
    metres = [(at, message[2], 2 ** message[3]) for at, _, message in events if message[:2] == b"\xff\x58"]
    if not metres or metres[0][0] > 0:
        metres.insert(0, (0, 4, 4))
    for (at, above, below), until in zip(metres, [metre[0] for metre in metres[1:]] + [end], strict=True):
        compound = below == 8 and above % 3 == 0
        step = ticks * (3 if compound else 2) // 2 if below == 8 else ticks * 4 // below
        number = max(1, above // 3 if compound else above)
        for count, tick in enumerate(range(at, until, max(step, 1))):
            song.beats.append(seconds.of(tick))
            if count % number == 0:
                song.downbeats.append(seconds.of(tick))


class _Seconds:
    """Ticks to seconds by the tempo map."""

    def __init__(self, events: list[tuple[int, int, bytes]], ticks: int) -> None:
        self._marks = [(0, 0.0, 0.5 / ticks)]
        for at, _, message in events:
            if message[:2] == b"\xff\x51":
                since, seconds, pace = self._marks[-1]
                tempo = int.from_bytes(message[2:5], "big") / 1e6
                self._marks.append((at, seconds + (at - since) * pace, tempo / ticks))

    def of(self, tick: int) -> float:
        low, high = 0, len(self._marks)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._marks[middle][0] <= tick else (low, middle)
        since, seconds, pace = self._marks[low]
        return seconds + (tick - since) * pace


def _events(track: bytes) -> list[tuple[int, int, bytes]]:
    """(tick, order, message) of one track; meta events as FF, kind, data. Order lets a release come before a note."""
    found: list[tuple[int, int, bytes]] = []
    at, tick, status = 0, 0, 0
    while at < len(track):
        wait, at = _number(track, at)
        tick += wait
        if at >= len(track):
            break
        if track[at] & 0x80:
            status = track[at]
            at += 1
        if status in {0xFF, 0xF0, 0xF7}:
            kind = track[at : at + 1] if status == 0xFF else b""
            size, at = _number(track, at + len(kind))
            if status == 0xFF:
                found.append((tick, 0, b"\xff" + kind + track[at : at + size]))
            at += size
            continue
        size = 1 if status & 0xF0 in {0xC0, 0xD0} else 2
        message = bytes([status]) + track[at : at + size]
        at += size
        if len(message) == size + 1:
            order = 2 if status & 0xF0 == 0x90 and message[2] else 1
            found.append((tick, order, message))
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while at < len(data):
        value = value << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            break
    return value, at


def _length(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, value & 0x7F | 0x80)
    return bytes(out)
