"""Weights that only packing reads rest in a file.

A compiled form in float32 computes with packed weights, as large as those that they were made of. The latter are still
what all changes begin with, but no frame reads them. So their pages become pages of a file of our own, which the system
may drop when it needs the memory, and brings back when somebody reads them. Their addresses and numbers stay.

The file has no name from its first moment: nobody can cut it short, and it goes with its last reader. Linux only.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import tempfile
from typing import TYPE_CHECKING

from models.cache import cache_folder

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 32 << 20  # bytes from which on it is worth a file
FIXED = 0x10  # MAP_FIXED: in the place of what is there
FAILED = ctypes.c_void_p(-1).value


def rest(block: Tensor) -> bool:
    """Let a block of weights [n] that nobody writes rest in a file; whether it does. Any thread; readers see nothing of
    it. Writes as many bytes to the disk.
    """
    begin = -(-block.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    size = (block.data_ptr() + block.nbytes - begin) // mmap.PAGESIZE * mmap.PAGESIZE
    if sys.platform != "linux" or size < LEAST:
        return False
    place = cache_folder("resting")
    numbers = (ctypes.c_ubyte * size).from_address(begin)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place, buffering=0) as file:
            left = memoryview(numbers).cast("B")
            while left:  # a whole file: reading where there is none would end the program
                left = left[os.write(file.fileno(), left[: 1 << 24]) :]
            _map(begin, size, file.fileno())
    except OSError:  # no room, or no folder: they stay in memory
        return False
    return True


def _map(begin: int, size: int, file: int) -> None:
    """The pages at an address become a file's; who writes there gets a page of memory again. OSError."""
    call = ctypes.CDLL(None, use_errno=True).mmap
    call.restype = ctypes.c_void_p
    call.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    if call(begin, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | FIXED, file, 0) == FAILED:
        raise OSError(ctypes.get_errno(), "mmap")
