"""Our checkpoints: a safetensors file with the network's configuration and its card as JSON inside the metadata.

A safetensors file is eight bytes (the length of the header, little-endian), the header (JSON: names, types, shapes,
offsets and `__metadata__`), then the numbers. It holds no code. `read_header` needs neither torch nor the numbers, so
a menu of models costs nothing. https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.checkpoints import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from models.generators import Generator

KEY = "perform"
FORMAT = 1
MOST_NUMBER = 1 << 32  # a seed; sizes are far below
MOST_HEADER = 100_000_000  # safetensors' own limit


@dataclass(frozen=True)
class Header:
    """What a checkpoint says of itself; `card` is free (description, licence, data, seeds, ...)."""

    architecture: str
    config: dict[str, Any]
    card: dict[str, Any]


def save(path: Path, generator: Generator, card: Mapping[str, Any], half: bool = False) -> None:
    """Write the network beside, then rename it over `path`. `half` stores floats as float16, for shipping. OSError as
    by any write.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {name: t.detach().cpu().contiguous() for name, t in generator.state_dict().items()}
    if half:
        tensors = {name: t.to(torch.float16) if t.is_floating_point() else t for name, t in tensors.items()}
    about = {"format": FORMAT, "architecture": generator.architecture, "config": generator.config, "card": dict(card)}
    beside = path.with_name(path.name + ".part")
    save_file(tensors, beside, metadata={KEY: json.dumps(about)})
    beside.chmod(0o644)  # safetensors makes it readable for its owner alone; a wheel carries that into site-packages
    beside.replace(path)


def read_header(path: Path) -> Header:
    """The configuration and card, after checking that the file is whole. Raises Refused; never imports torch."""
    about = _entries(path).get("__metadata__", {}).get(KEY)
    if about is None:
        raise Refused(
            f"{path}: safetensors, but without perform's configuration inside: nothing says how the network is "
            f"built. Import the checkpoint that it was made from: perform import FILE"
        )
    return _header(path, about)


def names(path: Path) -> list[str]:
    """The names of the tensors in any safetensors file. Raises Refused."""
    return [name for name in _entries(path) if name != "__metadata__"]


def _entries(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, after checking that the file is whole. Raises Refused."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            whole = size >= 8 and length <= min(size - 8, MOST_HEADER)
            text = file.read(length) if whole else b""
    except OSError as error:
        raise Refused(
            f"{path}: cannot be read ({error.strerror}). Check the name and the rights of the file."
        ) from error
    if not whole:
        raise Refused(f"{path}: not a safetensors file, or cut short in its header ({size} bytes). {_AGAIN}")
    try:
        header: dict[str, Any] = json.loads(text)
        spans = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
        header.get("__metadata__", {}).get(KEY)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Refused(f"{path}: not a safetensors file (its header cannot be read). {_AGAIN}") from error
    want = 8 + length + max(spans, default=0)
    if size != want:
        raise Refused(f"{path}: {'cut short' if size < want else 'too long'}: {size} bytes, should be {want}. {_AGAIN}")
    return header


_AGAIN = "Copy it again from where it came."


def _header(path: Path, about: str) -> Header:
    """Our part of the metadata, checked."""
    try:
        said = json.loads(about)
        header = Header(str(said["architecture"]), dict(said["config"]), dict(said["card"]))
        written = int(said["format"])
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise Refused(f"{path}: its configuration is damaged. {_AGAIN}") from error
    if not _plain(header.config):
        raise Refused(f"{path}: its configuration has numbers that no network has. {_AGAIN}")
    if written > FORMAT:
        raise Refused(
            f"{path}: written by a newer perform (format {written}, this one reads {FORMAT}). Update perform."
        )
    return header


def _plain(value: object, depth: int = 0) -> bool:
    """Whether a configuration holds only what JSON of a network would: a network is built from it before its weights
    are compared, so numbers out of all proportion would take the memory.
    """
    if isinstance(value, dict | list):
        inside = list(value.values()) if isinstance(value, dict) else value
        return depth < 6 and len(inside) <= 4096 and all(_plain(v, depth + 1) for v in inside)
    if isinstance(value, int | float):
        return abs(value) <= MOST_NUMBER
    return value is None or isinstance(value, str)


def read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """The header and the tensors, floats as float32. Raises Refused. Off the render and generator threads: it touches
    the disk.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise Refused(f"{path}: its tensors cannot be read ({error}). {_AGAIN}") from error
    return header, {name: t.to(torch.float32) if t.is_floating_point() else t for name, t in tensors.items()}


# What building raises when a configuration, changed by hand or damaged, has a size of 0, a word for a number, or sizes
# that no memory holds (torch's RuntimeError).
UNBUILDABLE = (ValueError, ArithmeticError, AttributeError, LookupError, RuntimeError)


def load(path: Path, name: str = "") -> Generator:
    """The network in the file, in evaluation mode, without gradients, on the processor. Raises Refused, which calls the
    file `name` (its path if there is none).
    """
    from models.generators import build

    header, tensors = read(path)
    try:
        return build(header.architecture, header.config, tensors)
    except UNBUILDABLE as error:
        raise Refused(
            f"{name or path}: {error}. It was made by another version, or changed by hand; export it again."
        ) from error
