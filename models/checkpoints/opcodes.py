"""The opcodes of pickle protocols 2 to 5, as functions on a `Machine`. Python's `pickletools` documents each.

Protocol 0 and 1 text opcodes, INST, OBJ, EXT and out-of-band buffers are left out: no checkpoint has them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models.checkpoints import Refused
from models.checkpoints.sealed import CUT, Inert, Name, Opaque, damaged, key

if TYPE_CHECKING:
    from models.checkpoints.unpickle import Machine

MOST_DIGITS = 32  # bytes of a whole number; all are then within the reach of a float
SMALL = 1024  # up to this many bytes are copied; more stay a view of the file
STOP = 0x2E
OPCODES: dict[int, Callable[[Machine], None]] = {}

U1, U2, U4, U8 = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")
I4, F8 = struct.Struct("<i"), struct.Struct(">d")


def opcode(*codes: int) -> Callable[[Callable[[Machine], None]], Callable[[Machine], None]]:
    """Enter a function for these opcodes."""

    def enter(function: Callable[[Machine], None]) -> Callable[[Machine], None]:
        OPCODES.update(dict.fromkeys(codes, function))
        return function

    return enter


def _constant(make: Callable[[], object]) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(make())


def _sized(form: struct.Struct, read: Callable[[Machine, int], object]) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(read(m, m.number(form)))


def _bytes(m: Machine, count: int) -> bytes | memoryview:
    piece = m.take(count)
    return bytes(piece) if count <= SMALL else piece


def _text(m: Machine, count: int) -> str:
    return m.text(count)


def _long(m: Machine, count: int) -> int:
    if count > MOST_DIGITS:
        raise damaged("a number that is out of all proportion")
    return int.from_bytes(m.take(count), "little", signed=True)


def _tuple(size: int) -> Callable[[Machine], None]:
    def make(m: Machine) -> None:
        items = [m.pop() for _ in range(size)]
        m.stack.append(tuple(reversed(items)))

    return make


OPCODES |= {
    0x4E: _constant(lambda: None),  # NONE
    0x88: _constant(lambda: True),  # NEWTRUE
    0x89: _constant(lambda: False),  # NEWFALSE
    0x29: _constant(tuple),  # EMPTY_TUPLE
    0x5D: _constant(list),  # EMPTY_LIST
    0x7D: _constant(dict),  # EMPTY_DICT
    0x8F: _constant(set),  # EMPTY_SET
    0x4A: lambda m: m.stack.append(m.number(I4)),  # BININT
    0x4B: lambda m: m.stack.append(m.number(U1)),  # BININT1
    0x4D: lambda m: m.stack.append(m.number(U2)),  # BININT2
    0x47: lambda m: m.stack.append(m.number(F8)),  # BINFLOAT
    0x8A: _sized(U1, _long),  # LONG1
    0x8B: _sized(U4, _long),  # LONG4
    0x8C: _sized(U1, _text),  # SHORT_BINUNICODE
    0x58: _sized(U4, _text),  # BINUNICODE
    0x8D: _sized(U8, _text),  # BINUNICODE8
    0x43: _sized(U1, _bytes),  # SHORT_BINBYTES
    0x42: _sized(U4, _bytes),  # BINBYTES
    0x8E: _sized(U8, _bytes),  # BINBYTES8
    0x96: _sized(U8, _bytes),  # BYTEARRAY8
    0x85: _tuple(1),  # TUPLE1
    0x86: _tuple(2),  # TUPLE2
    0x87: _tuple(3),  # TUPLE3
    0x28: lambda m: m.marks.append(len(m.stack)),  # MARK
    0x74: lambda m: m.stack.append(tuple(m.since_mark())),  # TUPLE
    0x6C: lambda m: m.stack.append(m.since_mark()),  # LIST
    0x31: lambda m: m.since_mark().clear(),  # POP_MARK
    0x32: lambda m: m.stack.append(m.top()),  # DUP
    0x71: lambda m: m.memo.__setitem__(m.number(U1), m.top()),  # BINPUT
    0x72: lambda m: m.memo.__setitem__(m.number(U4), m.top()),  # LONG_BINPUT
    0x94: lambda m: m.memo.__setitem__(len(m.memo), m.top()),  # MEMOIZE
    0x68: lambda m: m.stack.append(m.memo[m.number(U1)]),  # BINGET
    0x6A: lambda m: m.stack.append(m.memo[m.number(U4)]),  # LONG_BINGET
}


@opcode(0x80)
def _protocol(m: Machine) -> None:
    if m.number(U1) not in (2, 3, 4, 5):
        raise damaged("an unknown pickle protocol")


@opcode(0x95)
def _frame(m: Machine) -> None:
    if m.number(U8) > len(m.data) - m.at:
        raise Refused(CUT)


@opcode(0x30)
def _pop(m: Machine) -> None:
    m.pop()


@opcode(0x61)
def _append(m: Machine) -> None:
    item = m.pop()
    _extend(m, [item])


@opcode(0x65)
def _appends(m: Machine) -> None:
    _extend(m, m.since_mark())


def _extend(m: Machine, items: list[Any]) -> None:
    target = m.top()
    if type(target) is list:
        target.extend(items)
    elif not isinstance(target, Opaque):
        raise damaged("items for something that is no list")


@opcode(0x73)
def _set_item(m: Machine) -> None:
    value = m.pop()
    _update(m, [m.pop(), value])


@opcode(0x75)
def _set_items(m: Machine) -> None:
    _update(m, m.since_mark())


def _update(m: Machine, items: list[Any]) -> None:
    target = m.top()
    if len(items) % 2:
        raise damaged("a key without value")
    if type(target) is dict:
        for k, v in zip(items[::2], items[1::2], strict=True):
            target[key(k)] = v
    elif not isinstance(target, Opaque):
        raise damaged("items for something that is no dict")


@opcode(0x64)
def _dict(m: Machine) -> None:
    items = m.since_mark()
    m.stack.append({})
    _update(m, items)


@opcode(0x90)
def _add_items(m: Machine) -> None:
    items = m.since_mark()
    target = m.top()
    if type(target) is set:
        target.update(key(k) for k in items)
    elif not isinstance(target, Opaque):
        raise damaged("items for something that is no set")


@opcode(0x91)
def _frozenset(m: Machine) -> None:
    m.stack.append({key(k) for k in m.since_mark()})


@opcode(0x63)
def _global(m: Machine) -> None:
    module = m.line()
    m.stack.append(m.name(module, m.line()))


@opcode(0x93)
def _stack_global(m: Machine) -> None:
    name = m.pop()
    m.stack.append(m.name(m.pop(), name))


@opcode(0x52, 0x81)
def _reduce(m: Machine) -> None:
    args = m.pop()
    m.stack.append(m.made(m.pop(), args))


@opcode(0x92)
def _new_with_keywords(m: Machine) -> None:
    named, args = m.pop(), m.pop()
    what = m.pop()
    known = isinstance(what, Name) and (what.module, what.name) in m.names
    if known and named:
        raise damaged("keywords where none belong")
    m.stack.append(m.made(what, args))


@opcode(0x62)
def _build(m: Machine) -> None:
    state = m.pop()
    target = m.top()
    if isinstance(target, Inert):
        target.build(state)
    elif isinstance(target, Name):
        raise Refused(f"it tries to change {target} itself, as only a harmful file does. Nothing was run; delete it.")
    elif type(target) is dict:
        if not (state is None or type(state) is dict):  # attributes beside the items (`_metadata`); nobody needs them
            raise damaged("a state that is no dict")
    elif not isinstance(target, Opaque):
        raise damaged("a state for a plain value")


@opcode(0x51)
def _persistent(m: Machine) -> None:
    identity = m.pop()
    if m.persistent is None:
        raise Refused("it points to data outside of itself, as no checkpoint of this kind does. Do not trust it.")
    m.stack.append(m.persistent(identity))
