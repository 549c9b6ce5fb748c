"""`perform bench blend`: what moving a blend costs a frame, over the same network at rest."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from models.bench import finisher
from perform.engine.clock import machine_time

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator
    from perform.bench.report import Row

Values = Mapping[str, float]
GOLDEN = 0.6180339887498949  # steps that come everywhere and never twice to the same place
WARM_UP = 5


def interpolation(place: float) -> Values:
    """All of the network between two models: what a limit was set for."""
    return {"alpha": place}


def matched(place: float) -> Values:
    """The same with the lengths of filters kept."""
    return {"alpha": place, "norm_match": 1.0}


def swap(place: float) -> Values:
    """A soft edge between two models, moving through the layers."""
    return {"alpha": 1.0, "swap_resolution": 4.0 * 64.0**place, "swap_width": 1.0}


def barycentric(place: float) -> Values:
    """Eight models at once, all faders moving."""
    return {"alpha": 1.0, **{f"model.{k}.weight": (place * k) % 1.0 for k in range(1, 9)}}


CASES = (interpolation, matched, swap, barycentric)


def bench_blend(model: str, device: str, seconds: float, threads: int | None, tell: Callable[[str], None]) -> list[Row]:
    """A frame in which the blend moves, from values to the float picture, over a frame in which nothing does.

    The network plays in the quickest form there is here, batch 1. Relatives are made of it by moving all parameters;
    buffers stay, as training further leaves them. Every kind of blend takes turns with frames at rest in one process.
    Rows: what moves, models, median milliseconds moving and at rest, `share` (the former over the latter, less 1) of
    medians and of minima, and `limit` where one was set. ValueError for a model that is unknown or has no weights.
    """
    import torch

    import models
    from models.blending.blend import Blend
    from models.blending.relatives import read
    from models.resident import Resident
    from perform.engine.render import keep_memory

    keep_memory()  # as a show does
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        own = read(model)
        network = models.load(model, device)
        resident = Resident(network)
        relatives = [_relative(own.tensors, seed, network) for seed in range(1, 8)]
        blends = {case: Blend(resident, network, relatives[: 7 if case is barycentric else 1]) for case in CASES}
        form, manner = quickest(network, tell)
        tell(f"{manner}, {torch.get_num_threads()} threads")
        w = network.map(torch.randn(1, network.z_dim, generator=torch.Generator().manual_seed(0)).to(device))
        finish = finisher(device)
        rows = []
        for case in CASES:
            tell(case.__name__)
            if hasattr(form, "follow"):
                form.follow(blends[case])
            frame = partial(_frame, resident, blends[case], form, w, finish)
            with torch.inference_mode():
                moving, rest = _turns(frame, case, seconds / len(CASES))
            about = {"model": model, "moves": case.__name__, "models": len(blends[case].names), "form": manner}
            row = {**about, "threads": torch.get_num_threads(), **_summary(moving, rest, case is interpolation)}
            if device.startswith("cuda"):  # there the limit is one of milliseconds
                row |= {"added_ms": round(row["moving_ms"] - row["rest_ms"], 2), "limit_ms": 0.5}
            rows.append(row)
    finally:
        torch.set_num_threads(before)
    return rows


def _relative(tensors: Mapping[str, Tensor], seed: int, network: Generator) -> Any:
    """A network trained further, as far as time is concerned: every parameter is another."""
    import torch

    from models.blending.relatives import Relative

    assert isinstance(network, torch.nn.Module)
    rng = torch.Generator().manual_seed(seed)
    moved = dict(tensors)
    for name, parameter in network.named_parameters():
        step = torch.randn(parameter.shape, generator=rng) * 0.1
        moved[name] = tensors[name] * (1.0 + step)
    return Relative(f"relative {seed}", moved)


def quickest(network: Generator, tell: Callable[[str], None]) -> tuple[Any, str]:
    """The network's picture of w in the quickest form, and which it is."""
    from models.forms import Unavailable, compile_form
    from models.generators import has_fast_bf16

    if network.w_avg.device.type == "cuda":
        from models.forms.cuda import CapturedForm

        try:
            return CapturedForm(network, "bfloat16"), "captured bfloat16"
        except Exception as error:  # noqa: BLE001 - libraries fail in every way here, and uncaptured it can be measured
            tell(f"not captured: {error}")
            return network.synthesize, "eager float32"
    if hasattr(network, "prepare"):
        network.prepare()
    dtype = "bfloat16" if has_fast_bf16() else "float32"
    try:
        return compile_form(network, dtype), f"compiled {dtype}"
    except Unavailable as error:
        tell(str(error))
        return network.synthesize, "eager float32"


def _frame(resident: Any, blend: Any, form: Any, w: Tensor, finish: Callable[[], None], values: Values) -> float:
    start = machine_time()
    blend.frame(values)
    resident.update([blend])
    form(w)
    finish()
    return machine_time() - start


def _turns(
    frame: Callable[[Values], float], case: Callable[[float], Values], seconds: float
) -> tuple[list[float], list[float]]:
    """Seconds of frames in which the blend moves, and of frames in which it rests where it came."""
    moving: list[float] = []
    rest: list[float] = []
    k = 0
    while len(moving) < 5 or sum(moving) + sum(rest) < seconds:
        values = case((k * GOLDEN) % 1.0)
        moved, rested = frame(values), frame(values)
        if k >= WARM_UP:
            moving.append(moved)
            rest.append(rested)
        k += 1
    return moving, rest


def _summary(moving: list[float], rest: list[float], limited: bool) -> dict[str, Any]:
    a, b = statistics.median(moving), statistics.median(rest)
    return {
        "frames": len(moving),
        "moving_ms": round(a * 1e3, 2),
        "rest_ms": round(b * 1e3, 2),
        "share": round(a / b - 1, 3),
        "share_of_minima": round(min(moving) / min(rest) - 1, 3),
        "limit": "0.15" if limited else "none",
    }
