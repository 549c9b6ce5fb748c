"""How fast a network plays here: plain functions that give rows of a table."""

from __future__ import annotations

import statistics
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMS = ("eager float32", "eager bfloat16")


def bench_generator(
    now: Callable[[], float],
    model: str = "first-light",
    frames: int = 100,
    warm_up: int = 10,
    threads: int | None = None,
    forms: Sequence[str] = FORMS,
) -> list[dict[str, Any]]:
    """Time one model at batch 1 on the processor, from z to the finished float picture; a row for each form.

    `now` is the clock, in seconds.

    The forms take turns frame by frame in one process, so that whatever else the machine does falls on all of them
    alike; ratios and minima can be trusted, the rest as far as the machine is idle. Rows: model, form, resolution,
    threads, frames, min_ms, median_ms, p99_ms, fps (of the median). A form that this processor has no fast arithmetic
    for is left out. Takes seconds. ValueError (models.checkpoints.Refused) for an unknown model.
    """
    import torch

    import models
    from models.generators import has_fast_bf16

    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    kinds = {"eager float32": torch.float32, "eager bfloat16": torch.bfloat16}
    network = models.load(model)
    z = torch.randn([1, network.z_dim], generator=torch.Generator().manual_seed(0))

    def play(form: str) -> None:
        network.compute_dtype = kinds[form]
        network.synthesize(network.map(z))

    chosen = [form for form in forms if kinds[form] == torch.float32 or has_fast_bf16()]
    try:
        with torch.inference_mode():
            spans = take_turns(now, {form: partial(play, form) for form in chosen}, frames, warm_up)
        used = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    about = {"model": model, "resolution": network.img_resolution, "threads": used, "frames": frames}
    return [{**about, "form": form, **summary(times)} for form, times in spans.items()]


def take_turns(
    now: Callable[[], float], calls: dict[str, Callable[[], None]], frames: int, warm_up: int
) -> dict[str, list[float]]:
    """Seconds of each call, `frames` of each, interleaved."""
    spans: dict[str, list[float]] = {name: [] for name in calls}
    for frame in range(warm_up + frames):
        for name, call in calls.items():
            start = now()
            call()
            if frame >= warm_up:
                spans[name].append(now() - start)
    return spans


def summary(seconds: list[float]) -> dict[str, float]:
    """min, median and p99 in milliseconds, and the frames per second of the median."""
    ordered = sorted(seconds)
    median = statistics.median(ordered)
    last = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    rounded = {"min_ms": ordered[0] * 1e3, "median_ms": median * 1e3, "p99_ms": last * 1e3, "fps": 1 / median}
    return {name: round(value, 2) for name, value in rounded.items()}
