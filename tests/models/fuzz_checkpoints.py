"""Mutated checkpoints against the reader: nothing but Refused may come of them, soon, and nothing may be touched.

    python -m tests.models.fuzz_checkpoints --count 200000 [--seed 1]

Seeds are tiny networks in every container and format, written by `foreign_files`, and hostile pickles. A mutation
cuts, flips, overwrites, splices, repeats or puts dangerous opcodes in; one in eight changes a value of the network
(another type, another number, gone, exchanged) and writes it as a file that is whole, to get past the pickle. An
audit hook ends the process if reading opens, imports, runs or connects to anything; a file that takes longer than two
seconds of processor time, or raises anything but Refused, is a failure, and is printed as a seed to repeat.
"""

import argparse
import math
import os
import random
import resource
import struct
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import foreign_files as ff
import hostile as h

from models.checkpoints import Refused, containers, sandbox
from models.checkpoints.converted import stylegan2_shapes

TOO_LONG = 2.0  # seconds
MEMORY = 4 << 30
TINY = {"z_dim": 2, "w_dim": 2, "c_dim": 0, "img_resolution": 8, "img_channels": 3, "mapping_layers": 1,
        "mapping_lr": 0.01, "architecture": "skip", "channels": {"4": 2, "8": 1}, "init_size": [4, 4],
        "conv_clamp": None}  # fmt: skip
LAYER3 = {"is_torgb": False, "in_channels": 2, "out_channels": 2, "in_size": [8, 8], "out_size": [8, 8],
          "in_sampling_rate": 4.0, "out_sampling_rate": 4.0, "up_factor": 2, "down_factor": 2, "padding": [9, 8, 9, 8],
          "conv_kernel": 1, "conv_clamp": 256.0}  # fmt: skip
LAST3 = LAYER3 | {"name": "L1", "is_torgb": True, "out_channels": 3}
TINY3 = {"z_dim": 2, "w_dim": 2, "c_dim": 0, "img_resolution": 8, "img_channels": 3, "mapping_layers": 1,
         "output_scale": 0.25, "input": {"channels": 2, "size": [8, 8], "sampling_rate": 4.0, "bandwidth": 2.0},
         "layers": [{"name": "L0"} | LAYER3, LAST3]}  # fmt: skip


def arrays2() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {n: rng.standard_normal(s).astype(np.float32) for n, s in stylegan2_shapes(TINY).items()}


def arrays3() -> dict[str, np.ndarray]:
    shapes = {"synthesis.input.weight": (2, 2), "synthesis.input.affine.weight": (4, 2),
              "synthesis.input.affine.bias": (4,), "synthesis.input.transform": (3, 3), "synthesis.input.freqs": (2, 2),
              "synthesis.input.phases": (2,), "mapping.w_avg": (2,), "mapping.fc0.weight": (2, 2),
              "mapping.fc0.bias": (2,)}  # fmt: skip
    for name, outputs in (("L0", 2), ("L1", 3)):
        layer = {"weight": (outputs, 2, 1, 1), "bias": (outputs,), "magnitude_ema": (), "affine.weight": (2, 2),
                 "affine.bias": (2,), "up_filter": (12,), "down_filter": (12, 12)}  # fmt: skip
        shapes |= {f"synthesis.{name}.{part}": shape for part, shape in layer.items()}
    return {n: np.ones(s, np.float32) for n, s in shapes.items()}


def values() -> list[Any]:
    """The networks of the seeds before they are written as plain pickles."""
    two, three = ff.Nvidia(arrays2()), ff.Nvidia(arrays3())
    return [
        {"G_ema": two.stylegan2(TINY), "D": None},
        {"G_ema": three.stylegan3(TINY3)},
        (ff.network("G", []), ff.network("D", []), ff.tensorflow(arrays2(), TINY)),
    ]


def seeds() -> list[bytes]:
    """Small files of every container and format; those that are networks are read without complaint."""
    two, three = ff.Nvidia(arrays2()), ff.Nvidia(arrays3())
    old = ff.Nvidia(arrays2(), plain=False)
    state = ff.rosinality(arrays2()) | {"latent_avg": np.zeros(2, np.float32)}
    zipped, in_zip = ff.torch_state(state, 5)
    streamed, in_stream = ff.torch_state(state, 6)
    triple = (ff.network("G", []), ff.network("D", []), ff.tensorflow(arrays2(), TINY))
    networks = [
        ff.pickled({"G_ema": two.stylegan2(TINY), "D": None}, 4),
        ff.pickled({"G_ema": old.stylegan2(TINY)}, 3, "numpy.core"),
        ff.pickled({"G_ema": two.stylegan2(TINY)}, 2),
        ff.pickled({"G_ema": three.stylegan3(TINY3)}, 4),
        ff.archive({"g_ema": {n: t for n, t in zipped.items() if n != "latent_avg"}, **zipped}, in_zip),
        ff.legacy({"g_ema": {n: t for n, t in streamed.items() if n != "latent_avg"}, **streamed}, in_stream),
        ff.pickled(triple, 4),
        ff.pickled(triple, 3, "numpy.core"),
    ]
    for data in networks:
        containers.read(memoryview(data))
    hostile = [
        h.pickled(h.mapping(G_ema=h.node("Generator", a=h.tensor((2, 2), (2, 1), 4)), b=h.number(3))),
        h.stream(4, b"abcd" * 4),
    ]
    return networks + hostile


NUMBERS = [struct.pack("<I", n) for n in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 20)]
NUMBERS += [struct.pack("<Q", n) for n in (1 << 40, (1 << 63) - 1, (1 << 64) - 1)]
PIECES = [*NUMBERS, b"cos\nsystem\n", b"\x93", b"R", b"b", b"0", b"2", b"(", b"t", b"}", b"]", b"e", b"u", b"s", b"Q",
          b"h\x00", b"j\x10\x00\x00\x00", b"\x94", b"N", b".", b"\x85", b"\x8f\x90", b"\x91", b"\x92", b"\x81",
          h.name("os", "system"), h.name("torch", "Size"), h.name("numpy", "dtype"), h.number(-1), h.number(1 << 62),
          h.name("collections", "OrderedDict"), h.text("_modules"), h.text("G_ema"), h.MAGIC]  # fmt: skip


def mutated(pool: list[bytes], rng: random.Random) -> bytes:
    """One file, changed in one to six places, or two spliced."""
    data = bytearray(rng.choice(pool))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(data) + 1)
        deed = rng.randrange(8)
        if deed == 0:
            del data[at:]
        elif deed == 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif deed == 2:
            piece = rng.choice(PIECES)
            data[at : at + len(piece)] = piece
        elif deed == 3:
            data[at:at] = rng.choice(PIECES)
        elif deed == 4:
            del data[at : at + rng.randrange(1, 64)]
        elif deed == 5:
            other = rng.choice(pool)
            start = rng.randrange(len(other))
            data[at:] = other[start : start + rng.choice((8, 64, 512, len(other)))]
        elif deed == 6:
            data[at:at] = data[at : at + rng.randrange(1, 256)] * rng.choice((1, 2, 16))
        elif at < len(data):
            data[at] = rng.randrange(256)
    return bytes(data)


def odd_value(rng: random.Random, others: list[Any]) -> Any:
    """Something that does not belong where it is put."""
    few = [
        *(
            None,
            -1,
            0,
            1,
            2,
            1 << 62,
            1 << 200,
            True,
            0.5,
            math.nan,
            math.inf,
            "",
            "lrelu",
            "x" * 5000,
            b"",
            b"\x80\x02",
        ),
        *([], {}, (), set(), [[]], {"a": {}}, (1, 2, 3), np.arange(3), np.float64(2), np.zeros((2, 2), np.float16)),
        *(ff.Name("torch", "Size"), ff.Name("my", "Thing"), ff.Call(ff.Name("my", "Thing"), ())),
    ]
    return rng.choice(others) if others and rng.random() < 0.4 else rng.choice(few)


def changed(value: Any, rng: random.Random) -> Any:
    """The value with one thing inside it, chosen at random, replaced by an odd one, taken out, or named otherwise."""
    places: list[tuple[list[Any], Any, Any]] = []  # (the way there, the container, the key)
    seen: list[Any] = []

    def walk(inside: Any, way: list[Any]) -> None:
        if isinstance(inside, ff.Call):
            inside = vars(inside)
        keys = (
            list(inside) if isinstance(inside, dict) else range(len(inside)) if isinstance(inside, list | tuple) else ()
        )
        for key in keys:
            places.append((way, inside, key))
            seen.append(inside[key])
            walk(inside[key], [*way, key])

    walk(value, [])
    way, _, key = rng.choice(places)
    odd = odd_value(rng, seen)

    def rebuild(inside: Any, path: list[Any]) -> Any:
        if not path:
            return odd
        if isinstance(inside, ff.Call):
            parts = vars(inside) | {path[0]: rebuild(vars(inside)[path[0]], path[1:])}
            name, args = parts["name"], parts["args"]
            whole = isinstance(name, ff.Name) and isinstance(args, tuple)
            return ff.Call(name, args, parts["state"]) if whole else odd
        if isinstance(inside, dict):
            gone = len(path) == 1 and rng.random() < 0.3
            return {
                k: rebuild(v, path[1:]) if k == path[0] else v for k, v in inside.items() if not (gone and k == path[0])
            }
        made = [rebuild(v, path[1:]) if k == path[0] else v for k, v in enumerate(inside)]
        return made if isinstance(inside, list) else tuple(made)

    return rebuild(value, [*way, key])


def attempt(data: bytes) -> str:
    """ "read", or why it was refused; anything else that reading does comes out of here."""
    try:
        containers.read(memoryview(data))
    except Refused as error:
        return str(error)
    return "read"


def fuzz(first: int, count: int) -> dict[str, int]:
    """Mutations number `first` and on, each from its own seed. Returns how many were read and refused, and the longest
    time in milliseconds of processor time. AssertionError names the number of a mutation that fails.
    """
    pool, trees = seeds(), values()
    tally = {"read": 0, "refused": 0, "longest ms": 0}
    for number in range(first, first + count):
        rng = random.Random(number)
        data = (
            ff.pickled(changed(rng.choice(trees), rng), rng.choice((3, 4))) if number % 8 == 0 else mutated(pool, rng)
        )
        start = time.process_time()
        try:
            said = attempt(data)
        except Exception as error:
            raise AssertionError(f"mutation {number} ({len(data)} bytes): {error!r}") from error
        spent = time.process_time() - start
        assert spent < TOO_LONG, f"mutation {number} took {spent:.1f} s"
        assert len(said) <= 503, f"mutation {number} is refused at too great length"
        assert said.isprintable(), f"mutation {number} is refused with {said!r}"
        tally["read" if said == "read" else "refused"] += 1
        tally["longest ms"] = max(tally["longest ms"], round(1000 * spent))
    return tally


def main() -> None:
    """The whole run, inside the child's own walls: limits of memory, no new descriptors, the audit hook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--first", type=int, default=0)
    parsed = parser.parse_args()
    warnings.simplefilter("ignore")  # as in the child: to show one, Python opens its source
    fuzz(0, 10)  # what numpy and Python bring in when first used
    limit = resource.getrlimit(resource.RLIMIT_CPU)[1]
    sandbox.limit(MEMORY, 1 << 20, limit)
    sandbox.forbid()
    total = {"read": 0, "refused": 0, "longest ms": 0}
    for first in range(parsed.first, parsed.first + parsed.count, 1000):
        try:
            tally = fuzz(first, min(1000, parsed.first + parsed.count - first))
        except AssertionError as error:  # without source lines: nothing can be opened to show them
            frames = list(traceback.walk_tb((error.__cause__ or error).__traceback__))[-6:]
            where = " < ".join(f"{Path(f.f_code.co_filename).name}:{line}" for f, line in reversed(frames))
            os.write(2, f"{error} at {where}\n".encode())
            os._exit(1)
        total = {k: max(total[k], v) if k == "longest ms" else total[k] + v for k, v in tally.items()}
        os.write(1, f"{first + 1000}: {total}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
