"""Small pickles by hand, for tests of what a reader must not do."""

import struct

PROTO, STOP = b"\x80\x04", b"."
MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    raw = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + raw


def name(module: str, what: str) -> bytes:
    return text(module) + text(what) + b"\x93"


def call(module: str, what: str, *args: bytes) -> bytes:
    return name(module, what) + b"(" + b"".join(args) + b"tR"


def raw(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def mapping(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(k) + v for k, v in items.items()) + b"u"


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def pickled(value: bytes) -> bytes:
    return PROTO + value + STOP


def stream(count: int, numbers: bytes, announced: int | None = None, kind: str = "FloatStorage") -> bytes:
    """A legacy stream of one storage."""
    identity = tuple_of(text("storage"), name("torch", kind), text("0"), text("cpu"), number(count), b"N")
    system = mapping(protocol_version=number(1001), little_endian=b"\x88")
    pickles = [pickled(number(1001)), pickled(system), pickled(identity + b"Q"), pickled(b"](" + text("0") + b"e")]
    told = count if announced is None else announced
    return MAGIC + b"".join(pickles) + struct.pack("<q", told) + numbers


def tensor(size: tuple[int, ...], stride: tuple[int, ...], count: int, offset: int = 0) -> bytes:
    storage = call("torch.storage", "_load_from_bytes", raw(stream(count, b"\0" * 4 * count)))
    shape = (tuple_of(*map(number, ns)) for ns in (size, stride))
    return call("torch._utils", "_rebuild_tensor_v2", storage, number(offset), *shape, b"\x89", b"}")


def node(class_name: str, **attributes: bytes) -> bytes:
    meta = {"type": text("class"), "version": number(6), "module_src": text("raise SystemExit"),
            "class_name": text(class_name), "state": mapping(**attributes)}  # fmt: skip
    return call("torch_utils.persistence", "_reconstruct_persistent_obj", mapping(**meta))
