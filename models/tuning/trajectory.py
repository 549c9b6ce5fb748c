"""One file for the states that a network went through in training: the first one whole, the others as deltas to it.

    with Writer(path, generator.state_dict(), {"architecture": ..., "config": ..., "recipe": "loss-hack"}) as writer:
        writer.add(step, average.state_dict(), {"diversity": 0.8})

    reader = Reader(path)
    reader.steps            # (0, 50, 100, ...)
    reader.state(2)         # {name: tensor}, bit for bit what was added
    reader.follow()         # whether more has been written since

Layout: eight letters; the length and checksum of a header (JSON); the header; then records, each its own length and
checksum, a table (JSON) and the bytes of the deltas (`models.tuning.deltas`), the first one's to nothing but zeros. A
record counts when it is there whole and its checksum is right, so a file whose writer was killed reads up to its last
whole step, and one that is being written is read while it grows. A writer never touches what it has written.

Records are read with plain reads, not through a memory map: of a map whose file is cut short by somebody, or lies on a
disk that fails, the system takes the whole program down, and the show with it. What has been read stays in the system's
cache all the same.
"""

from __future__ import annotations

import json
import struct
import weakref
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256 as digest_of
from io import RawIOBase
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import torch

from models.checkpoints import Refused
from models.tuning import deltas

if TYPE_CHECKING:
    from torch import Tensor

MAGIC = b"PRFMTRJ1"
RECORD = b"STEP"
HEAD = struct.Struct("<8sQI")  # letters, length of the header, its checksum
STEP = struct.Struct("<4sIQI")  # letters, length of the table, length of all bytes after it, checksum of both
MOST_HEADER = 16 << 20
_AGAIN = "Copy it again from where it came."


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """sha256 over the names, shapes, types and numbers of a state: what tells one set of weights from another."""
    digest = digest_of()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}{list(tensor.shape)}{tensor.dtype}".encode())
        digest.update(deltas.pattern(tensor).data)
    return digest.hexdigest()


class Writer:
    """Writes a trajectory, a step at a time. One thread.

    `header` says what it is of: "architecture" and "config" (those of the network), and whatever else JSON holds
    (recipe, seed, the parent's name). `step` is the number of the first state. With `fine`, each float is rounded to
    about 1/`fine` of the root mean square of its tensor's difference: small files, for shipping.

    The file comes into its place when it is whole up to the first state, over one that was there. OSError where the
    disk refuses; then nothing of that step is in the file, and what was there before is as it was.
    """

    def __init__(
        self,
        path: Path,
        first: Mapping[str, Tensor],
        header: Mapping[str, Any],
        *,
        step: int = 0,
        fine: float | None = None,
        readings: Mapping[str, float] | None = None,
    ) -> None:
        self.path, self._fine, self.last = path, None, step - 1
        self._first = {name: t.detach().cpu().clone() for name, t in first.items()}
        self._base: Mapping[str, Tensor] = _nothing(self._first)
        table = [[name, _word(t), list(t.shape)] for name, t in self._first.items()]
        text = json.dumps({"about": dict(header), "tensors": table}).encode()
        beside = path.with_name(path.name + ".part")
        self._file: RawIOBase = beside.open("w+b", buffering=0)
        self._end = 0
        try:
            self._put(HEAD.pack(MAGIC, len(text), zlib.crc32(text)) + text)
            self.add(step, self._first, readings)
            self._file.close()  # Windows renames no open file
            beside.replace(path)
        except BaseException:
            self._file.close()
            beside.unlink(missing_ok=True)
            raise
        self._file = path.open("r+b", buffering=0)
        self._base, self._fine = self._first, fine

    @classmethod
    def resume(cls, path: Path, step: int | None = None, fine: float | None = None) -> Writer:
        """Go on with a file whose writer ended somehow: the rest of a step that is not whole, and steps after `step`,
        are cut off. Raises Refused, OSError.
        """
        with Reader(path) as reader:
            kept = [place for place in reader.places if step is None or place.step <= step] or reader.places[:1]
            writer = cls.__new__(cls)
            writer.path, writer._fine, writer.last, writer._end = path, fine, kept[-1].step, kept[-1].stop
            writer._first = writer._base = reader.state(0)
        writer._file = path.open("r+b", buffering=0)
        writer._file.truncate(writer._end)
        return writer

    def add(self, step: int, state: Mapping[str, Tensor], readings: Mapping[str, float] | None = None) -> None:
        """Write one more state, whole or not at all, and hand it to the system. `readings` are the guard's numbers.

        ValueError for a state with other names or shapes, or a step that is not after the last one. OSError where the
        disk refuses; the file is then as it was before.
        """
        if step <= self.last:
            raise ValueError(f"step {step} is not after step {self.last}")
        if state.keys() != self._first.keys():
            raise ValueError("the state has not the names of the first one")
        table: list[Any] = []
        pieces: list[bytes] = []
        for name, base in self._base.items():
            now = state[name].detach().to("cpu", base.dtype)
            if now.shape != base.shape:
                raise ValueError(f"{name} is {list(now.shape)}, not {list(base.shape)} as in the first state")
            rounded = self._fine is not None and base.dtype == torch.float32
            delta = deltas.steps(base, now, self._fine or 1.0) if rounded else deltas.bits(base, now)
            if delta is not None:
                table.append([name, delta.about])
                pieces += delta.pieces
        sha256 = fingerprint({**self._base, **_made(self._base, table, pieces)})
        about = {"step": step, "sha256": sha256, "readings": dict(readings or {}), "tensors": table}
        text = json.dumps(about).encode()
        payload = b"".join(pieces)
        checksum = zlib.crc32(payload, zlib.crc32(text))
        self._put(STEP.pack(RECORD, len(text), len(payload), checksum) + text + payload)
        self.last = step

    def _put(self, data: bytes) -> None:
        """Append all of it or nothing."""
        rest = memoryview(data)
        try:
            self._file.seek(self._end)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += len(data)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True)
class Place:
    """Where a step lies: its table, and its bytes from `start` to `stop`."""

    step: int
    sha256: str
    readings: Mapping[str, float]
    tensors: list[Any]
    start: int
    stop: int
    at: int  # where its record begins, and the first bytes of that
    head: bytes


class Reader:
    """Reads a trajectory. One thread at a time; touches the disk, so none of the picture's.

    `header` is what the writer was given, `steps` are the numbers of the states, the first one among them. Raises
    Refused, with words, for a file that is none; one that is cut short reads up to its last whole step, and `words`
    says so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.words: tuple[str, ...] = ()
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise Refused(f"{path}: cannot be read ({error.strerror}). Check the name and the rights.") from error
        weakref.finalize(self, self._file.close)
        self._open()

    def _open(self) -> None:
        letters, length, checksum = HEAD.unpack(self._file.read(HEAD.size).ljust(HEAD.size, b"\0"))
        if letters != MAGIC:
            raise Refused(f"{self.path}: not a trajectory: perform train RECIPE writes them.")
        text = self._file.read(length) if length <= MOST_HEADER else b""
        if len(text) != length or zlib.crc32(text) != checksum:
            raise Refused(f"{self.path}: cut short or damaged in its header. {_AGAIN}")
        try:
            said = json.loads(text)
            self.header: dict[str, Any] = said["about"]
            self._base = {
                str(name): torch.zeros([int(size) for size in shape], dtype=getattr(torch, word))
                for name, word, shape in said["tensors"]
            }
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError, MemoryError) as error:
            raise Refused(f"{self.path}: its header cannot be read. {_AGAIN}") from error
        self.places: list[Place] = []
        self._hashes: dict[str, int] = {}
        self._begin = HEAD.size + length
        self.follow()
        if not self.places:
            raise Refused(f"{self.path}: cut short or damaged before its first state is whole. {_AGAIN}")
        self._base = self._read(0)

    def follow(self) -> bool:
        """Look whether more whole steps have been written, or some taken back; whether that is so."""
        before = [place.sha256 for place in self.places]
        while self.places and not self._stands(self.places[-1]):  # whoever writes it went back to an earlier step
            self.places.pop()
        end = self.places[-1].stop if self.places else self._begin
        while (place := self._next(end)) is not None:
            self.places.append(place)
            end = place.stop
        size = self._file.seek(0, 2)
        self.words = (f"{self.path.name}: ends in a step that is not whole, from byte {end}",) if size > end else ()
        now = [place.sha256 for place in self.places]
        if now != before:
            self._hashes = {sha256: k for k, sha256 in reversed(list(enumerate(now)))}
        return now != before

    def _stands(self, place: Place) -> bool:
        """Whether a record is still the one that was read, as far as its beginning says."""
        self._file.seek(place.at)
        return self._file.read(STEP.size) == place.head and self._file.seek(0, 2) >= place.stop

    def _next(self, at: int) -> Place | None:
        """The record at this byte, if it is there whole."""
        self._file.seek(at)
        head = self._file.read(STEP.size)
        if len(head) < STEP.size:
            return None
        letters, length, payload, checksum = STEP.unpack(head)
        start = at + STEP.size + length
        if letters != RECORD or length > MOST_HEADER or start + payload > self._file.seek(0, 2):
            return None
        self._file.seek(at + STEP.size)
        text = self._file.read(length)
        found, left = zlib.crc32(text), payload
        while left and (piece := self._file.read(min(left, 1 << 20))):
            found, left = zlib.crc32(piece, found), left - len(piece)
        if found != checksum or left:
            return None
        try:
            said = json.loads(text)
            step, sha256, readings = int(said["step"]), str(said["sha256"]), dict(said["readings"])
            return Place(step, sha256, readings, said["tensors"], start, start + payload, at, head)
        except (ValueError, LookupError, TypeError):
            return None

    def __len__(self) -> int:
        return len(self.places)

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of the states, rising."""
        return tuple(place.step for place in self.places)

    def readings(self, index: int) -> Mapping[str, float]:
        """What the guard read when the state was recorded, if it did."""
        return self.places[index].readings

    def find(self, sha256: str) -> int | None:
        """The first state with this fingerprint."""
        return self._hashes.get(sha256)

    def changed(self, index: int) -> tuple[str, ...]:
        """The names of the tensors that differ from those of the first state."""
        return tuple(str(name) for name, _ in self.places[index].tensors) if index else ()

    def state(self, index: int) -> dict[str, Tensor]:
        """All tensors of a state, bit for bit as they were recorded; unchanged ones are the first state's own, so none
        is to be written. Raises Refused where the file cannot be read any more, IndexError for no state.
        """
        if not 0 <= index < len(self.places):
            raise IndexError(f"state {index} of {len(self.places)}")
        return {**self._base, **(self._read(index) if index else {})}

    def _read(self, index: int) -> dict[str, Tensor]:
        """What a record tells; all of a state for the first."""
        place = self.places[index]
        try:
            self._file.seek(place.start)
            data, at = memoryview(self._file.read(place.stop - place.start)), 0
            pieces = []
            for length in (kind[1] for _, about in place.tensors for kind in about if isinstance(kind, list)):
                if length:
                    pieces.append(data[at : at + length])
                    at += length
            made = _made(self._base, place.tensors, pieces)
        except (OSError, ValueError, LookupError, TypeError, zlib.error) as error:
            raise Refused(f"{self.path}: step {place.step} cannot be read ({error}). {_AGAIN}") from error
        return made if index else {**self._base, **made}

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def header_of(path: Path) -> dict[str, Any]:
    """What the writer of a trajectory was given, without its states. Raises Refused."""
    with Reader(path) as reader:
        return reader.header


def _word(t: Tensor) -> str:
    return str(t.dtype).removeprefix("torch.")


def _nothing(like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.zeros(t.shape, dtype=t.dtype) for name, t in like.items()}


def _made(base: Mapping[str, Tensor], table: Sequence[Any], pieces: Sequence[bytes | memoryview]) -> dict[str, Tensor]:
    """The tensors that a table of deltas is about."""
    made, at = {}, 0
    for name, about in table:
        count = sum(1 for kind in about if isinstance(kind, list) and kind[1])
        made[str(name)] = deltas.apply(base[name], about, pieces[at : at + count])
        at += count
    return made
