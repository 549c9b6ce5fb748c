"""Reads the weights out of one golden file, `sg2ada-64.nosrc.pkl`, without running anything that is in it.

A restricted reader just wide enough for that file (the importers proper are `models/checkpoints`' business). Networks
come back as inert nodes; tensors are rebuilt here, from storages read here; any other name in the pickle is refused.
"""

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Node:
    """A pickled module: its class name and its attributes, nothing else."""

    __slots__ = ("class_name", "state")

    def __init__(self, meta: dict[str, Any]) -> None:
        self.class_name = str(meta["class_name"])
        self.state: dict[str, Any] = meta["state"]


class Inert:
    """Stands for something that is not needed."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        pass


class Call:
    """A function that pickle may call and can set nothing on."""

    __slots__ = ("_function",)

    def __init__(self, function: Any) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError("sealed")


def _tensor(storage: np.ndarray, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> torch.Tensor:
    if offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) >= max(1, storage.size) and 0 not in size:
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    return torch.as_strided(torch.from_numpy(storage.copy()), size, stride, offset).clone()


class _Storage(pickle.Unpickler):
    """One of the pickles of torch's legacy stream; the storage is known by its persistent id only."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("torch", "FloatStorage"), ("torch", "LongStorage")}:
            return name
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        return pid


def _storage(raw: bytes) -> np.ndarray:
    stream = io.BytesIO(raw)
    _magic, _protocol, _system, pid, _keys = (_Storage(stream).load() for _ in range(5))
    kind = {"FloatStorage": np.float32, "LongStorage": np.int64}[pid[1]]
    count = int.from_bytes(stream.read(8), "little")
    return np.frombuffer(stream.read(count * np.dtype(kind).itemsize), kind)


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("torch_utils.persistence", "_reconstruct_persistent_obj"): Node,
            ("dnnlib.util", "EasyDict"): dict,
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
            ("torch.storage", "_load_from_bytes"): _storage,
            ("builtins", "set"): set,
            # Plain attributes of layers that the weights do not need.
            ("numpy._core.multiarray", "scalar"): lambda *_: None,
            ("numpy", "dtype"): lambda *_: Inert(),
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"not in this golden file: {module}.{name}")
        found = allowed[module, name]
        return found if found in (dict, OrderedDict, set) else Call(found)


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """`G_ema`'s parameters and buffers under their NVIDIA names."""
    with path.open("rb") as file:
        top = _Reader(file).load()
    return dict(_walk(top["G_ema"], ""))


def _walk(node: Node, prefix: str) -> Any:
    for group in ("_parameters", "_buffers"):
        for name, tensor in node.state[group].items():
            if tensor is not None:
                yield prefix + name, tensor
    for name, child in node.state["_modules"].items():
        yield from _walk(child, f"{prefix}{name}.")
