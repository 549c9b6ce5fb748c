"""`perform bench texture`: a finished picture on its device becomes a texture on the wall's card.

Two clocks: `call_ms` is what the main thread spends to ask for it (nothing of that may wait), `there_ms` is until the
card that draws has it, ready to be drawn. Both begin when the picture is whole on its device. The ways take turns.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import moderngl
import numpy as np

from models.bench import finisher
from perform.bench.report import Row
from perform.engine.clock import Tick, machine_time
from perform.engine.frame import Frame
from perform.engine.problems import UserError
from perform.output.interop import Bridge, NoInterop
from perform.output.texture import FrameTexture
from perform.output.wall import open_offscreen

SIDES = (256, 512, 1024)
WARM_UP = 5
FEWEST = 20  # frames of each way, however slow
RING = 4  # pictures, as the decks keep them

Picture = tuple[Any, str, Any, Callable[[], None]]  # pixels, device, event, what waits until they are whole


def bench_texture(device: str = "", seconds: float = 10.0) -> list[Row]:
    """A row for each size of picture and each way: "upload" from host memory; for pictures on an NVIDIA card "cuda-gl"
    (device to texture) beside "download" (through the host). Main thread.

    Raises UserError for a device that is not there.
    """
    wall = open_offscreen((64, 64))
    rows: list[Row] = []
    try:
        for side in SIDES:
            ways = dict(_ways(wall.ctx, device))
            turns: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
            pictures = [_picture(side, device, k) for k in range(RING)]
            began, count = machine_time(), 0
            while count < FEWEST + WARM_UP or machine_time() - began < seconds / len(SIDES):
                for name, texture in ways.items():
                    made = _once(pictures[count % RING], count, texture, wall.ctx)
                    if count >= WARM_UP:
                        turns[name].append(made)
                count += 1
            for name, texture in ways.items():
                calls, whole = zip(*turns[name], strict=True)
                row: Row = {"picture": f"{side} x {side}", "asked": name, "path": texture.path, "frames": len(calls)}
                row |= {"call_ms": statistics.median(calls) * 1e3, "there_ms": statistics.median(whole) * 1e3}
                row |= {"there_p99_ms": sorted(whole)[int(0.99 * len(whole))] * 1e3, "wall": wall.name}
                rows.append(row)
                texture.release()
    finally:
        wall.close()
    return rows


def _once(picture: Picture, index: int, texture: FrameTexture, ctx: moderngl.Context) -> tuple[float, float]:
    """Seconds of the call, and until the texture is there."""
    pixels, device, event, whole = picture
    whole()
    start = machine_time()
    texture.update(Frame(pixels, Tick(index, 0.0, 0.0), device, ready=event))
    called = machine_time() - start
    ctx.finish()
    return called, machine_time() - start


def _ways(ctx: moderngl.Context, device: str) -> Iterator[tuple[str, FrameTexture]]:
    if not device.startswith("cuda"):
        yield "upload", FrameTexture(ctx)
        return
    yield "cuda-gl", FrameTexture(ctx)
    yield "download", FrameTexture(ctx, _no_bridge)


def _no_bridge() -> Bridge:
    raise NoInterop("asked for")


def _picture(side: int, device: str, seed: int) -> Picture:
    """A picture `[side, side, 4]` on its device. Raises UserError."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 4), dtype=np.uint8)
    if not device.startswith("cuda"):
        return pixels, "cpu", None, lambda: None
    import torch

    if not torch.cuda.is_available():
        raise UserError(f'the device "{device}" is not there; without --device the host is measured')
    tensor = torch.from_numpy(pixels).to(device)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(tensor.device))
    return tensor, str(tensor.device), event, finisher(tensor.device)
