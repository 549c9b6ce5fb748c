"""Converts one foreign checkpoint; the program that `models.checkpoints.importing` runs as a child.

Standard input is the foreign file, standard output the safetensors file, and standard error takes lines of JSON:
{"progress": 0..1}, then {"refused": why} or {"done": true}. Both files are opened by the parent, so that the child
can give up opening anything (`sandbox`) before it looks at the first byte. Its one argument is the file's name, for
the card.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.checkpoints import Refused, sandbox
from models.checkpoints.sealed import MOST_WORDS, printable

if TYPE_CHECKING:
    from models.checkpoints.converted import Arrays, Converted

CONVERTER = 1  # counts up when the same file would be converted to something else; older results are made again
SECONDS = 120  # on the processor; the largest checkpoints take about five
FORMAT = 1  # as models.checkpoints.io, which would import more than is wanted here
KINDS = {"float32": "F32", "float16": "F16", "float64": "F64"}
NEEDED = ("models.checkpoints.containers", "numpy.random")  # all that reading needs, while files can be opened
PIECE = 1 << 24  # bytes hashed or written at a time


def memory_for(size: int) -> int:
    """Bytes of address space for a file of this size: the file itself, the weights out of it, Python and numpy."""
    return 3 * size + (3 << 29)


def say(**words: object) -> None:
    """One line to the parent."""
    os.write(2, json.dumps(words).encode() + b"\n")


class Progress:
    """Tells the parent, in steps of a hundredth; `share` of the whole from `start` on."""

    def __init__(self) -> None:
        self.start, self.share, self.told = 0.0, 1.0, -1

    def part(self, start: float, share: float) -> None:
        """What comes now is this share of the work."""
        self.start, self.share = start, share

    def __call__(self, fraction: float) -> None:
        step = int(100 * (self.start + self.share * min(fraction, 1.0)))
        if step > self.told:
            self.told = step
            say(progress=step / 100)


def describe(made: Converted) -> str:
    """One line for menus: "StyleGAN3-R 256x256, labels: 10"."""
    config = made.config
    height, width = (n * config["img_resolution"] // 4 for n in config.get("init_size", (4, 4)))
    family = {"stylegan2": "StyleGAN2", "stylegan3": "StyleGAN3"}[made.architecture]
    if made.architecture == "stylegan3":
        family += "-R" if "-R " in made.format else "-T"
    return f"{family} {width}x{height}" + (f", labels: {config['c_dim']}" if config["c_dim"] else "")


def card(made: Converted, name: str, digest: str, size: int) -> dict[str, Any]:
    """What the converted file says of where it came from."""
    source = {"file": name, "sha256": digest, "bytes": size, "format": made.format, "converter": CONVERTER}
    if made.network_code:
        source["network_code_sha256"] = made.network_code
    parameters = sum(a.size for a in made.tensors.values())
    step = {"what": "imported", "file": name, "sha256": digest, "format": made.format}
    return {
        "description": describe(made),
        "parameters": parameters,
        "source": source,
        "ancestry": [step],
        "notes": [printable(note, MOST_WORDS) for note in made.notes],
    }


def header(tensors: Arrays, about: dict[str, Any]) -> tuple[bytes, list[str]]:
    """The head of a safetensors file, padded to 8 bytes, and the names in the order in which their numbers follow."""
    names = sorted(tensors, key=lambda n: (-tensors[n].itemsize, n))  # wide numbers first, so that all are aligned
    entries: dict[str, Any] = {"__metadata__": {"perform": json.dumps(about)}}
    at = 0
    for name in names:
        array = tensors[name]
        entries[name] = {
            "dtype": KINDS[array.dtype.name],
            "shape": array.shape,
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, names


def convert(data: memoryview, name: str, progress: Progress) -> None:
    """Read the file, write the other one to standard output. Raises Refused, OSError, MemoryError."""
    from models.checkpoints import containers

    progress.part(0.0, 0.3)
    digest = sha256()
    for at in range(0, len(data), PIECE):
        digest.update(data[at : at + PIECE])
        progress(at / len(data))
    progress.part(0.3, 0.4)
    made = containers.read(data, progress)
    progress.part(0.7, 0.3)
    about = {"format": FORMAT, "architecture": made.architecture, "config": made.config}
    about["card"] = card(made, name, digest.hexdigest(), len(data))
    head, names = header(made.tensors, about)
    write(memoryview(head))
    total, written = sum(a.nbytes for a in made.tensors.values()), 0
    for key in names:
        write(made.tensors[key].reshape(-1).view("u1").data)
        written += made.tensors[key].nbytes
        progress(written / total)


def write(piece: memoryview) -> None:
    """All of it, to standard output."""
    while piece:
        piece = piece[os.write(1, piece[:PIECE]) :]


def main() -> int:
    """The whole of the child."""
    name = sys.argv[1]
    for module in NEEDED:
        import_module(module)
    import_module("models.checkpoints.formats").formats()
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(1, os.O_BINARY)
    sandbox.leave_the_network()
    source = mmap.mmap(0, 0, access=mmap.ACCESS_READ)
    size = len(source)
    sandbox.limit(memory_for(size), 4 * size + (1 << 26), SECONDS)
    sandbox.forbid()
    try:
        convert(memoryview(source), name, Progress())
    except Refused as error:
        say(refused=str(error))
    except MemoryError:
        say(refused="it needs more memory than a network of its size may. It is damaged or made to harm.")
    except OSError as error:
        say(unwritten=error.strerror or "")
    else:
        say(done=True)
    os._exit(0)  # nothing of the interpreter's end (imports, files) is wanted any more


if __name__ == "__main__":
    main()
