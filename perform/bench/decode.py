"""`perform bench decode`: what decoding costs a frame, over the same network cut at the same layer and left alone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from models.bench import finisher
from perform.engine.clock import machine_time

if TYPE_CHECKING:
    from torch import Tensor

    from models.decoding.decoder import Decoder
    from models.generators import Generator
    from perform.bench.report import Row

Taps = Mapping[str, Callable[["Tensor"], "Tensor"]]
LIMIT = 0.2  # ms a frame
SAMPLES = 48  # enough for choices as dear as others
WARM_UP = 5


def bench_decode(
    model: str, seconds: float, threads: int | None, tell: Callable[[str], None], device: str = "cpu"
) -> list[Row]:
    """Frames of each method and frames without taps take turns in one process, batch 1; on a card uncaptured, and each
    ends when the card has finished it.

    First the whole frame at the layer that the knob stands at by itself, in the quickest form there is here, cut there;
    then at every layer the tap alone, on maps of that layer. Rows: what (frame or tap), layer, method, median
    milliseconds with and without, `added_ms` (the difference of medians; of a tap its own time), the same of minima,
    `limit`, and `choose_ms`, the time in which an idea is drawn. ValueError for an unknown model or one that cannot be
    decoded.
    """
    import torch

    import models
    from models.decoding.decoder import Decoder
    from models.decoding.played import METHODS
    from models.decoding.statistics import gather
    from perform.engine.render import keep_memory

    keep_memory()  # as a show does
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        network = models.load(model, device)
        finish = finisher(device)
        tell("gathering statistics")
        decoder = Decoder(network, gather(network, SAMPLES))
        if not decoder.layers:
            raise ValueError(f"{model} has no layer that can be decoded")
        w = network.map(torch.randn(1, network.z_dim, generator=torch.Generator().manual_seed(0)).to(device))
        with torch.inference_mode():
            decoder.frame({"method": 1.0})
            play, manner = _cut(network, decoder.cuts, tell)
            about = {"model": model, "form": manner, "threads": torch.get_num_threads()}
            share = seconds / 2 / (len(METHODS) - 1)  # half of it for whole frames
            rows = [{**about, **row} for row in _frames(decoder, play, w, share, finish)]
            return rows + [
                {**about, **row}
                for row in _taps(decoder, _maps(network, w, play.dtype), share / len(decoder.layers), finish)
            ]
    finally:
        torch.set_num_threads(before)


def _frames(decoder: Decoder, play: _Play, w: Tensor, seconds: float, finish: Callable[[], object]) -> Iterator[Row]:
    """Whole frames at the layer of the default, a row a method."""
    for method, taps, chosen in _methods(decoder, {}):
        spans = _turns(partial(play, w, taps), partial(play, w, {}), seconds, finish)
        yield {"what": "frame", "layer": next(iter(taps)), "method": method, **_summary(*spans, chosen)}


def _taps(decoder: Decoder, maps: Mapping[str, Tensor], seconds: float, finish: Callable[[], object]) -> Iterator[Row]:
    """The tap alone, a row for each layer and method."""
    for place in range(len(decoder.layers)):
        for method, taps, chosen in _methods(decoder, {"layer": place / max(1, len(decoder.layers) - 1)}):
            ((layer, tap),) = taps.items()
            spans = _turns(partial(tap, maps[layer]), _nothing, seconds, finish)
            yield {"what": "tap", "layer": layer, "method": method, **_summary(*spans, chosen)}


def _methods(decoder: Decoder, values: Mapping[str, float]) -> Iterator[tuple[str, Taps, float]]:
    """Each method that does something: its name, its taps, and the seconds in which it chose."""
    from models.decoding.played import METHODS

    for place, name in enumerate(METHODS[1:], 1):
        start = machine_time()
        taps = decoder.frame({**values, "method": float(place)})
        yield name, taps, machine_time() - start


class _Play:
    """The network's picture of w with taps, compiled or as it is."""

    def __init__(self, network: Generator, form: Any, dtype: str) -> None:
        import torch

        self._network, self._form, self.dtype = network, form, getattr(torch, dtype)

    def __call__(self, w: Tensor, taps: Taps) -> Tensor:
        if self._form is not None:
            made: Tensor = self._form(w, taps=taps)
            return made
        return self._network.synthesize(w, tap=lambda layer, x: taps[layer](x) if layer in taps else x)


def _cut(network: Generator, cuts: tuple[str, ...], tell: Callable[[str], None]) -> tuple[_Play, str]:
    """The network cut at these layers in the quickest form that can be had here, and which that is."""
    from models.forms import Unavailable, compile_form
    from models.generators import has_fast_bf16

    dtype = "bfloat16" if has_fast_bf16() else "float32"
    try:
        tell("compiling, if it never was")
        return _Play(network, compile_form(network, dtype, cuts), dtype), f"compiled {dtype}"
    except Unavailable as error:
        tell(str(error))
        return _Play(network, None, "float32"), "eager float32"


def _maps(network: Generator, w: Tensor, dtype: Any) -> dict[str, Tensor]:
    """What each layer gives, in the type that it plays in."""
    found: dict[str, Tensor] = {}

    def look(layer: str, x: Tensor) -> Tensor:
        found[layer] = x.to(dtype)
        return x

    network.synthesize(w, tap=look)
    return found


def _turns(
    one: Callable[[], object], other: Callable[[], object], seconds: float, finish: Callable[[], object]
) -> tuple[list[float], list[float]]:
    """Seconds of both calls, which take turns."""
    spans: tuple[list[float], list[float]] = ([], [])
    turn = 0
    while len(spans[0]) < WARM_UP or sum(map(sum, spans)) < seconds:
        for call, times in zip((one, other), spans, strict=True):
            start = machine_time()
            call()
            finish()
            if turn >= WARM_UP:
                times.append(machine_time() - start)
        turn += 1
    return spans


def _nothing() -> None:
    """What a tap's time is compared with."""


def _summary(with_: list[float], without: list[float], chosen: float) -> dict[str, Any]:
    a, b = statistics.median(with_), statistics.median(without)
    return {
        "with_ms": round(a * 1e3, 3),
        "without_ms": round(b * 1e3, 3),
        "added_ms": round((a - b) * 1e3, 3),
        "added_of_minima_ms": round((min(with_) - min(without)) * 1e3, 3),
        "limit": LIMIT,
        "choose_ms": round(chosen * 1e3, 2),
    }
