"""What each bend asks of a card, captured: `python -m tests.models.bending.count_kernels [channels height width]`.

Operators that do something (a launch each, at least), and the bytes that they read and write at least, in MB and in
times the map itself, in bfloat16 with all channels bent. Counted by the emulator; nothing is timed.
"""

from __future__ import annotations

import sys

import torch

from models.bending.bender import Bender
from models.bending.slots import Slot
from models.bending.transforms import transforms
from tests.models.bending.bending_tools import small
from tests.models.replay import Emulator, without_machine_code

LAYER = "b8.conv0"


def table(channels: int = 32, height: int = 256, width: int = 256) -> list[tuple[str, int, float, float]]:
    """(transform, operators, MB, maps), the dearest last."""
    x = torch.randn(1, channels, height, width).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    network, rows = small(), []
    for name in transforms():
        numbers = torch.zeros(Bender([Slot(LAYER, name)], network, steady=True).host.shape)
        bender, emulator = Bender([Slot(LAYER, name)], network, None, numbers, steady=True), Emulator()
        (tap,) = bender.frame(bender.defaults).values()
        emulator(lambda tap=tap: tap(x))  # type: ignore[misc]
        rows.append((name, emulator.kernels, emulator.moved / 1e6, emulator.moved / x.numel() / x.element_size()))
    return sorted(rows, key=lambda row: row[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    with torch.no_grad(), without_machine_code():
        for name, kernels, megabytes, times in table(*map(int, sys.argv[1:])):
            sys.stdout.write(f"{name:18}{kernels:4} operators{megabytes:9.1f} MB{times:7.1f} maps\n")
