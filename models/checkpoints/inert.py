"""What the names in foreign checkpoints become here: the exact list of pairs, and the inert records they make.

Nothing of this is the thing named. A tensor is a place in the file with a shape, a network is a class name with its
attributes, an EasyDict is a dict. Sizes are checked against the data before anything is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checkpoints import Refused
from models.checkpoints.sealed import Inert, Name, Opaque, damaged, expect, key
from models.checkpoints.unpickle import Handler

MOST_DIMENSIONS = 8
MOST_EMPTY = 1 << 7  # of each dimension of an array without numbers: numpy multiplies them before it sees the zero
PERSISTENCE = 6  # the version of NVIDIA's persistence that both their repositories write

# torch's storage classes and what numpy calls their numbers; bfloat16 is widened (exactly) to float32 when read.
STORAGES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BFloat16Storage": "bf16",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "|i1",
    "ByteStorage": "|u1", "BoolStorage": "|b1",
}  # fmt: skip


def is_shape(shape: tuple[Any, ...]) -> bool:
    """Whether these are the dimensions of an array that numpy can make."""
    if len(shape) > MOST_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        return False
    return 0 not in shape or max(shape) <= MOST_EMPTY


class Storage:
    """The numbers of one or several tensors; `data` comes when the container has been read that far."""

    __slots__ = ("count", "data", "kind")

    def __init__(self, kind: str, count: int, data: memoryview | None = None) -> None:
        self.kind, self.count, self.data = kind, count, data

    @property
    def width(self) -> int:
        """Bytes per number."""
        return 2 if self.kind == "bf16" else np.dtype(self.kind).itemsize

    def fill(self, data: memoryview) -> None:
        """Give it its bytes; Refused if they are not exactly as many as announced."""
        if len(data) != self.count * self.width:
            raise damaged("a storage of another length than announced")
        self.data = data


class Tensor:
    """A view of a storage: offset, size and stride in numbers, checked to lie inside."""

    __slots__ = ("offset", "size", "storage", "stride")

    def __init__(self, storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        if not (is_shape(size) and len(size) == len(stride) and all(type(n) is int for n in (offset, *stride))):
            raise damaged("a tensor without a proper shape")
        stride = tuple(s if n > 1 else 0 for n, s in zip(size, stride, strict=True))  # a step never taken may be any
        reach = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        if min(offset, *stride, 0) < 0 or (0 not in size and reach >= storage.count):
            raise Refused(f"a tensor of {list(size)} reaches outside its data. The file is damaged or made to harm.")
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def array(self) -> NDArray[Any]:
        """The numbers as an array of its own. Refused if it is larger than its storage (repeated numbers)."""
        storage = self.storage
        if prod(self.size) > storage.count:
            raise Refused(f"a tensor of {list(self.size)} claims more numbers than the file holds.")
        kind = np.dtype("<u2" if storage.kind == "bf16" else storage.kind)
        if 0 in self.size:
            return np.zeros(self.size, kind)
        if storage.data is None:
            raise damaged("a tensor without data")
        strides = [n * kind.itemsize for n in self.stride]
        view: NDArray[Any] = np.ndarray(self.size, kind, storage.data, self.offset * kind.itemsize, strides)
        if storage.kind == "bf16":
            return (view.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return view.copy(order="C")


class DType(Inert):
    """A numpy type: numbers only."""

    __slots__ = ("kind", "order")

    def __init__(self, kind: str) -> None:
        if not re.fullmatch(r"b1|[iu][1248]|f[248]", kind):
            raise Refused(f"it holds numpy values of type {kind[:20]!r}; only plain numbers are read.")
        self.kind, self.order = kind, "<"

    def build(self, state: object) -> None:
        """(version, byte order, None, None, None, ...)."""
        if not isinstance(state, tuple):
            raise damaged("a numpy type")
        _version, order, *structure = expect(state, int, str, *[object] * 3)
        if any(part is not None for part in structure) or order not in ("<", ">", "|", "="):
            raise Refused("it holds structured numpy values; only plain numbers are read.")
        self.order = order

    @property
    def numpy(self) -> np.dtype[Any]:
        """The same for numpy."""
        return np.dtype(("<" if self.order in "|=" else self.order) + self.kind)


class Array(Inert):
    """A numpy array."""

    __slots__ = ("data", "dtype", "fortran", "shape")

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = (0,)
        self.dtype, self.fortran = DType("f4"), False
        self.data: bytes | memoryview = b""

    def build(self, state: object) -> None:
        """(version, shape, dtype, whether Fortran order, bytes)."""
        if not isinstance(state, tuple):
            raise damaged("a numpy array")
        _version, shape, dtype, fortran, data = expect(state, int, tuple, DType, (bool, int), (bytes, memoryview))
        self._set(shape, dtype, bool(fortran), data)

    def _set(self, shape: tuple[Any, ...], dtype: DType, fortran: bool, data: bytes | memoryview) -> None:
        if not is_shape(shape):
            raise damaged("a numpy array without a proper shape")
        if prod(shape) * dtype.numpy.itemsize != len(data):
            raise damaged("a numpy array of another length than its shape")
        self.shape, self.dtype, self.fortran, self.data = shape, dtype, fortran, data

    @classmethod
    def from_buffer(cls, args: tuple[Any, ...]) -> Array:
        """Protocol 5: (bytes, dtype, shape, order)."""
        data, dtype, shape, order = expect(args, (bytes, memoryview), DType, tuple, str)
        made = cls()
        made._set(shape, dtype, order == "F", data)
        return made

    def array(self) -> NDArray[Any]:
        """The numbers as an array of its own, little-endian."""
        kind = self.dtype.numpy
        if 0 in self.shape:
            return np.zeros(self.shape, kind.newbyteorder("<"))
        view: NDArray[Any] = np.frombuffer(self.data, kind).reshape(self.shape, order="F" if self.fortran else "C")
        return view.astype(kind.newbyteorder("<"), order="C", copy=True)


class Node:
    """A pickled network or layer: the name of its class and its attributes. Its source text is weighed, never read."""

    __slots__ = ("class_name", "source", "state")

    def __init__(self, args: tuple[Any, ...]) -> None:
        (meta,) = expect(args, dict)
        if meta.get("type") != "class" or meta.get("version") != PERSISTENCE:
            raise Refused(f"its networks are not of NVIDIA's persistence version {PERSISTENCE}, the only one there is.")
        found = [meta.get("class_name"), meta.get("module_src"), meta.get("state")]
        self.class_name, self.source, self.state = expect(tuple(found), str, str, dict)

    def source_sha(self) -> str:
        """The first 12 digits of its source's sha256: tells stock code from a fork's; a hint, no gate."""
        return sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Network(Inert):
    """A TensorFlow network of NVIDIA's dnnlib: what it says of itself, with its variables."""

    __slots__ = ("state",)

    def __init__(self, args: tuple[Any, ...]) -> None:
        if args:
            raise damaged("a TensorFlow network")
        self.state: dict[Any, Any] = {}

    def build(self, state: object) -> None:
        """Its attributes."""
        if type(state) is not dict:
            raise damaged("a TensorFlow network")
        self.state = state


class Namespace(Inert):
    """argparse.Namespace: the options of a training run."""

    __slots__ = ("state",)

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.state: dict[Any, Any] = {}

    def build(self, state: object) -> None:
        """Its options."""
        if type(state) is not dict:
            raise damaged("a namespace")
        self.state = state


def _tensor(args: tuple[Any, ...]) -> object:
    if args and isinstance(args[0], Opaque):
        return args[0]
    return Tensor(*expect(args, Storage, int, tuple, tuple))


def _parameter(args: tuple[Any, ...]) -> object:
    return expect(args, (Tensor, Opaque))[0]


def _pairs(args: tuple[Any, ...]) -> dict[Any, Any]:
    if not args:
        return {}
    (pairs,) = expect(args, (list, dict))
    if isinstance(pairs, dict):
        return dict(pairs)
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise damaged("an ordered dict")
    return {key(k): v for k, v in pairs}


def _set(args: tuple[Any, ...]) -> set[Any]:
    (items,) = expect(args, list) if args else ([],)
    return {key(k) for k in items}


def _scalar(args: tuple[Any, ...]) -> object:
    dtype, data = expect(args, DType, (bytes, memoryview))
    if len(data) != dtype.numpy.itemsize:
        raise damaged("a numpy number")
    return np.frombuffer(data, dtype.numpy)[0].item()


def _dtype(args: tuple[Any, ...]) -> DType:
    return DType(expect(args, str)[0])


def _array(args: tuple[Any, ...]) -> Array:
    (what,) = expect(args, Name)
    if (what.module, what.name) != ("numpy", "ndarray"):
        raise damaged(f"an array of class {what}")
    return Array()


def _encoded(args: tuple[Any, ...]) -> bytes:
    text, encoding = expect(args, str, str)
    if encoding not in ("latin1", "utf-8", "ascii"):
        raise damaged("bytes in an unknown coding")
    try:
        return bytes(text.encode(encoding))
    except UnicodeEncodeError as error:
        raise damaged("bytes that are no bytes") from error


def _size(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(expect(args, (tuple, list))[0])


def _never(args: tuple[Any, ...]) -> object:  # noqa: ARG001  the face of a handler
    raise damaged("a class called as a function")


_TENSORS: dict[tuple[str, str], Handler] = {
    ("collections", "OrderedDict"): _pairs,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch", "Size"): _size,
    ("builtins", "set"): _set,
    ("__builtin__", "set"): _set,
}
_NUMPY: dict[tuple[str, str], Handler] = {
    ("numpy", "ndarray"): _never,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encoded,
}
for _core in ("numpy.core", "numpy._core"):  # before and since numpy 2
    _NUMPY[f"{_core}.multiarray", "_reconstruct"] = _array
    _NUMPY[f"{_core}.multiarray", "scalar"] = _scalar
    _NUMPY[f"{_core}.numeric", "_frombuffer"] = Array.from_buffer  # how arrays are written from protocol 5 on

# A torch file, and the storage streams inside NVIDIA's pickles. Storage classes are only named, in persistent ids.
TORCH: Mapping[tuple[str, str], Handler] = {
    **_TENSORS,
    **_NUMPY,
    ("argparse", "Namespace"): Namespace,
    **{("torch", name): _never for name in STORAGES},
}

# A plain pickle: NVIDIA's PyTorch snapshots and TensorFlow triples. `streams` adds torch.storage._load_from_bytes.
PLAIN: Mapping[tuple[str, str], Handler] = {
    **_TENSORS,
    **_NUMPY,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): Node,
    ("dnnlib.util", "EasyDict"): _pairs,
    ("dnnlib.tflib.network", "Network"): Network,
}
