"""torch's two containers, read as views of the file: the legacy stream and the zip archive.

Legacy stream (torch before 1.6, and every storage inside NVIDIA's pickles): five pickles one after another (magic
number, protocol 1001, system, the object, the keys of the storages), then for each key the count of its numbers as
int64 and the numbers. Zip archive: `<root>/data.pkl` is the object, `<root>/data/<key>` the storages, all stored
without compression. In both, the object names its storages by persistent ids
('storage', class, key, device, count, ...); the device is of no interest here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from models.checkpoints import Refused
from models.checkpoints.inert import PLAIN, STORAGES, TORCH, Storage
from models.checkpoints.sealed import CUT, Name, damaged, expect
from models.checkpoints.unpickle import Budget, Machine

MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_HEAD = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # the first pickle of a legacy stream
PROTOCOL = 1001
Progress = Callable[[float], None]

_U8 = struct.Struct("<q")


class Storages:
    """Answers persistent ids with storages, the same one for the same key."""

    def __init__(self) -> None:
        self.by_key: dict[str, Storage] = {}

    def __call__(self, identity: object) -> Storage:
        if not isinstance(identity, tuple):
            raise damaged("an identity of data")
        what, cls, key, _device, count = expect(identity, str, Name, (str, int), (str, type(None)), int)
        if what != "storage" or cls.module != "torch" or cls.name not in STORAGES or count < 0:
            raise Refused(f"it holds data of the kind {cls}; only plain numbers are read.")
        if len(identity) > 5 and identity[5] is not None:
            raise damaged("a view of a storage, as torch wrote before 0.4")
        new = Storage(STORAGES[cls.name], count)
        found = self.by_key.setdefault(str(key), new)
        if (found.kind, found.count) != (new.kind, new.count):
            raise damaged("one storage of two kinds")
        return found


def read_legacy(
    data: memoryview, progress: Progress | None = None, budget: Budget | None = None
) -> tuple[object, set[Name]]:
    """The object in a legacy stream, and the names in it that we have nothing for. Raises Refused."""
    storages = Storages()
    at, values = 0, []
    foreign: set[Name] = set()
    for persistent in (None, None, None, storages, None):
        machine = Machine(data, TORCH, persistent, at, progress, budget)
        values.append(machine.run())
        at, foreign = machine.at, foreign | machine.foreign
    magic, protocol, system, value, keys = values
    if magic != MAGIC or protocol != PROTOCOL or not isinstance(system, dict) or not isinstance(keys, list):
        raise damaged("no torch stream")
    if system.get("little_endian") is not True:
        raise Refused("it was written on a big-endian machine, which is not read. Save it again on an ordinary one.")
    if sorted(map(str, storages.by_key)) != sorted(k for k in keys if isinstance(k, str)) or len(keys) != len(
        storages.by_key
    ):
        raise damaged("storages that nobody names")
    for name in keys:
        storage = storages.by_key[name]
        if at + 8 > len(data):
            raise Refused(CUT)
        (count,) = _U8.unpack_from(data, at)
        end = at + 8 + storage.count * storage.width
        if count != storage.count:
            raise damaged("a storage of another length than announced")
        if end > len(data):
            raise Refused(CUT)
        storage.fill(data[at + 8 : end])
        at = end
    return value, foreign


def read_plain(data: memoryview, progress: Progress | None = None) -> tuple[object, set[Name]]:
    """The object in a plain pickle, and the names in it that we have nothing for. Raises Refused."""
    inner: set[Name] = set()

    def storage(args: tuple[Any, ...]) -> Storage:
        (raw,) = expect(args, (bytes, memoryview))
        value, foreign = read_legacy(memoryview(raw), budget=machine.budget)
        inner.update(foreign)
        if not isinstance(value, Storage):
            raise Refused("what should be a tensor's data is something else. The file is damaged or made to harm.")
        return value

    machine = Machine(data, {**PLAIN, ("torch.storage", "_load_from_bytes"): storage}, progress=progress)
    value = machine.run()
    return value, machine.foreign | inner


def read_zip(data: memoryview, progress: Progress | None = None) -> tuple[object, set[Name]]:
    """The object in a torch zip archive, and the names in it that we have nothing for. Raises Refused."""
    members = zip_members(data)
    pickles = [name for name in members if name.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise Refused("a zip archive, but not one of torch's. If your model is packed inside, unpack it first.")
    root = pickles[0][: -len("data.pkl")]
    if f"{root}constants.pkl" in members:
        raise Refused("a TorchScript program, not a checkpoint; programs are not run. Save the state dict instead.")
    if bytes(members.get(f"{root}byteorder", memoryview(b"little"))) != b"little":
        raise Refused("it was written on a big-endian machine, which is not read. Save it again on an ordinary one.")
    storages = Storages()
    machine = Machine(members[pickles[0]], TORCH, storages, progress=progress)
    value = machine.run()
    for key, storage in storages.by_key.items():
        member = members.get(f"{root}data/{key}")
        if member is None:
            raise damaged("data that is named but not there")
        storage.fill(member)
    return value, machine.foreign


_END = struct.Struct("<4s4H2LH")  # end of central directory: signature, disks, entries, size, offset, comment
_END64_WHERE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")  # an entry of the central directory
_LOCAL = struct.Struct("<4s5H3L2H")  # the header in front of a member
MOST_MEMBERS = 100_000


def zip_members(data: memoryview) -> dict[str, memoryview]:
    """The members of a zip archive as views of it, by name: stored ones only, so that nothing can swell. PKWARE
    APPNOTE 6.3.9, sections 4.3.7 to 4.3.16. Raises Refused.
    """
    tail = bytes(data[-(1 << 16) - _END.size :])
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END.size:
        raise Refused(CUT)
    end_at = len(data) - len(tail) + found
    *_disks, entries, _size, at, _comment = _END.unpack_from(data, end_at)
    if entries == 0xFFFF or at == 0xFFFFFFFF:  # the large form, in front of the small one
        entries, at = _large_end(data, end_at)
    if entries > MOST_MEMBERS:
        raise damaged("a zip archive of too many members")
    members: dict[str, memoryview] = {}
    for _ in range(entries):
        name, member, at = _member(data, at)
        members[name] = member
    return members


def _large_end(data: memoryview, end_at: int) -> tuple[int, int]:
    """Count and place of the directory as zip64 gives them."""
    where = end_at - _END64_WHERE.size
    if where < 0:
        raise damaged("a zip directory")
    mark, _disk, at, _disks = _END64_WHERE.unpack_from(data, where)
    if mark != b"PK\x06\x07" or at + _END64.size > len(data):
        raise damaged("a zip directory")
    fields = _END64.unpack_from(data, at)
    if fields[0] != b"PK\x06\x06":
        raise damaged("a zip directory")
    return fields[7], fields[9]


def _member(data: memoryview, at: int) -> tuple[str, memoryview, int]:
    """One entry of the directory: its name, its bytes, and where the next entry is."""
    if at + _ENTRY.size > len(data):
        raise Refused(CUT)
    mark, *fields = _ENTRY.unpack_from(data, at)
    _made, _needs, flags, method, _time, _date, _crc, packed, size, name_length, extra_length, note_length = fields[:12]
    start = fields[-1]
    names_at = at + _ENTRY.size
    after = names_at + name_length + extra_length + note_length
    if mark != b"PK\x01\x02" or after > len(data):
        raise damaged("a zip directory")
    name = bytes(data[names_at : names_at + name_length]).decode("utf-8", "replace")
    if 0xFFFFFFFF in (packed, size, start):
        extra = data[names_at + name_length : names_at + name_length + extra_length]
        size, packed, start = _large_entry(extra, size, packed, start)
    if method != 0 or flags & 1 or packed != size:
        raise Refused(
            "a compressed or locked zip archive, which torch never writes. If your model is inside, unpack it first."
        )
    if start + _LOCAL.size > len(data):
        raise Refused(CUT)
    local, *_rest, local_name, local_extra = _LOCAL.unpack_from(data, start)
    begin = start + _LOCAL.size + local_name + local_extra
    if local != b"PK\x03\x04" or begin + size > len(data):
        raise damaged("a zip member")
    return name, data[begin : begin + size], after


def _large_entry(extra: memoryview, size: int, packed: int, start: int) -> tuple[int, int, int]:
    """Size, packed size and place with those that did not fit taken from the extra field of type 1."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1 and at + 4 + length <= len(extra):
            numbers = iter(struct.unpack_from(f"<{length // 8}Q", extra[: at + 4 + length], at + 4))
            try:
                size = next(numbers) if size == 0xFFFFFFFF else size
                packed = next(numbers) if packed == 0xFFFFFFFF else packed
                start = next(numbers) if start == 0xFFFFFFFF else start
            except StopIteration as error:
                raise damaged("a zip entry") from error
            return size, packed, start
        at += 4 + length
    raise damaged("a zip entry")
