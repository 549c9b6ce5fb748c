"""How one tensor of a saved state is written as what it differs in from the first one.

`bits` is exact whatever the numbers are: the difference of the bit patterns as whole numbers (neighbouring floats have
neighbouring patterns), folded so that small ones of either sign have zeros in their high bytes, then byte by byte: all
first bytes, all second ones, ... Bytes that are all zero are left out, and those that zlib makes smaller are packed.

`steps` is for trajectories that are shipped: the number is the first one plus a whole count of steps of 2^exponent, a
few bits each. What is kept then is not quite what was given, but what is read is always the same, bit for bit: the
product with a power of two is exact, and the sum is rounded once, as IEEE 754 says.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
SAMPLE = 1 << 14  # bytes of a plane that are packed to see whether packing helps
LEAST_GAIN = 0.9
MOST_STEPS = 127  # what one signed byte counts


@dataclass(frozen=True)
class Delta:
    """One tensor as written: `about` says how (JSON), `pieces` are the bytes."""

    about: list[Any]
    pieces: tuple[bytes, ...]


def bits(first: Tensor, now: Tensor) -> Delta | None:
    """The exact difference; None where there is none."""
    a, b = pattern(first), pattern(now)
    if np.array_equal(a, b):
        return None
    with np.errstate(over="ignore"):
        difference = (b - a).view(f"i{a.itemsize}")
    folded = (difference << 1) ^ (difference >> (8 * a.itemsize - 1))
    kinds, pieces = planes(folded.view(a.dtype))
    return Delta(["bits", *kinds], pieces)


def steps(first: Tensor, now: Tensor, fine: float) -> Delta | None:
    """The difference in whole steps of about 1/`fine` of its root mean square; None where no step is reached.

    Only for float32. Numbers that are none count as no difference.
    """
    a, b = first.detach().contiguous().reshape(-1).numpy(), now.detach().contiguous().reshape(-1).numpy()
    difference = np.nan_to_num(b.astype(np.float64) - a, nan=0.0, posinf=0.0, neginf=0.0)
    size = math.sqrt(float(np.mean(difference**2))) if len(difference) else 0.0
    if size == 0.0:
        return None
    largest = float(np.abs(difference).max())
    exponent = max(round(math.log2(size / fine)), math.ceil(math.log2(largest / MOST_STEPS)), -126)
    count = np.clip(np.rint(np.ldexp(difference, -exponent)), -MOST_STEPS, MOST_STEPS).astype(np.int8)
    if not count.any():
        return None
    kinds, pieces = planes(count.view(np.uint8))
    return Delta(["steps", exponent, *kinds], pieces)


def apply(first: Tensor, about: list[Any], pieces: Sequence[bytes | memoryview]) -> Tensor:
    """The tensor of which `first` and a delta tell. Raises ValueError, KeyError or zlib.error for what is no delta."""
    count = first.numel()
    if about[0] == "bits":
        a = pattern(first)
        folded = joined(about[1:], pieces, count, a.itemsize)
        with np.errstate(over="ignore"):
            made = a + ((folded >> 1) ^ (0 - (folded & 1)).astype(folded.dtype))
        words = torch.from_numpy(made.view(f"i{a.itemsize}" if a.itemsize > 1 else "u1"))
        return words.view(first.dtype).view(first.shape)
    if about[0] == "steps":
        counted = joined(about[2:], pieces, count, 1).view(np.int8).astype(np.float32)
        before = first.detach().contiguous().reshape(-1).numpy()
        return torch.from_numpy(before + np.ldexp(counted, int(about[1]))).view(first.shape)
    raise ValueError(f"an unknown kind of delta ({about[0]!r})")


def pattern(t: Tensor) -> NDArray[Any]:
    """The numbers of a tensor as unsigned words [n], without a copy where it lies in order."""
    flat = t.detach().cpu().contiguous().reshape(-1)
    flat = flat.view(torch.uint8) if flat.dtype == torch.bool else flat.view(WORDS[flat.element_size()])
    found: NDArray[Any] = flat.numpy().view(UNSIGNED[flat.element_size()])
    return found


def planes(words: NDArray[Any]) -> tuple[list[list[int]], tuple[bytes, ...]]:
    """Words byte by byte, lowest first: kind (0 all zeros, 1 as it is, 2 packed) and length of each; and the bytes."""
    kinds: list[list[int]] = []
    pieces = []
    size = words.dtype.itemsize
    for plane in words.astype(words.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, size).T:
        if not plane.any():
            kinds.append([0, 0])
            continue
        raw = np.ascontiguousarray(plane).tobytes()
        sample = raw[:SAMPLE]
        worth = len(zlib.compress(sample, 1)) < LEAST_GAIN * len(sample)
        packed = zlib.compress(raw, 9 if size == 1 else 1) if worth else raw
        kind = 2 if len(packed) < len(raw) else 1
        pieces.append(packed if kind == 2 else raw)
        kinds.append([kind, len(pieces[-1])])
    return kinds, tuple(pieces)


def joined(kinds: list[list[int]], pieces: Sequence[bytes | memoryview], count: int, size: int) -> NDArray[Any]:
    """The words that `planes` took apart. Raises ValueError or zlib.error where the bytes are not theirs."""
    if len(kinds) != size:
        raise ValueError(f"{len(kinds)} planes of {size}")
    taken = np.zeros((count, size), np.uint8)
    rest = iter(pieces)
    for place, (kind, _) in enumerate(kinds):
        if kind:
            raw: bytes | memoryview = next(rest)
            if kind == 2:
                packer = zlib.decompressobj()
                raw = packer.decompress(raw, count + 1)  # never more than there is room for
            if len(raw) != count:
                raise ValueError(f"{len(raw)} numbers of {count}")
            taken[:, place] = np.frombuffer(raw, np.uint8)
    found: NDArray[Any] = taken.reshape(-1).view(np.dtype(UNSIGNED[size]).newbyteorder("<")).astype(UNSIGNED[size])
    return found
