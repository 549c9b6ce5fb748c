"""`perform bench bend`: what each transform costs a frame; with `--against`, the author's code beside ours."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from perform.engine.clock import machine_time

if TYPE_CHECKING:
    from torch import Tensor

    from models.bending.bender import Bender
    from models.bending.slots import Slot
    from models.generators import Generator
    from perform.bench.report import Row

Play = Callable[["Tensor", Mapping[str, Any]], "Tensor"]
Call = Callable[[int], object]  # the frame of this number

# What a performer would set; where two numbers are said, knobs swing between them over the frames.
SETTINGS: dict[str, dict[str, tuple[float, float]]] = {
    "ablate": {},
    "binary_thresh": {"threshold": (0.4, 0.6)},
    "blur": {"octaves": (2.2, 2.8)},
    "contrast": {"gain": (1.5, 2.5)},
    "dilate": {"radius": (1.2, 1.8)},
    "erode": {"radius": (1.2, 1.8)},
    "feedback": {"hold": (0.5, 1.5), "zoom": (0.1, 0.2)},
    "flip_h": {},
    "flip_v": {},
    "gate": {"threshold": (0.2, 0.4)},
    "invert": {},
    "kaleidoscope": {"sectors": (6, 6), "turn": (0, 90)},
    "mirror": {"upright": (0.4, 0.6)},
    "phase": {"turn": (30, 60)},
    "pixel_sort": {"threshold": (0.4, 0.6)},
    "pixelate": {"size": (0.02, 0.1)},
    "quantise": {"step": (0.3, 0.7)},
    "roll": {"steps": (1.2, 3.8)},
    "rotate": {"angle": (10, 80)},
    "scalar_multiply": {"factor": (1.1, 1.4)},
    "scale": {"factor": (1.1, 1.4)},
    "sharpen": {"strength": (1, 3)},
    "solarise": {"depth": (1, 2)},
    "stripes": {"depth": (0.5, 1), "phase": (0, 1)},
    "swirl": {"turn": (30, 90)},
    "translate": {"right": (0.1, 0.3), "down": (0.1, 0.3)},
    "wave": {"across": (0.05, 0.1), "phase": (0, 1)},
}
WARPS = ("feedback", "kaleidoscope", "mirror", "pixelate", "rotate", "scale", "swirl", "wave")
MORPHOLOGY = ("dilate", "erode")
OTHERS = ("blur", "phase", "pixel_sort", "sharpen")  # whole maps, no limit was set
WARM_UP = 2
SWING = 40


def kind(transform: str) -> tuple[str, float]:
    """What family a transform is of, and how many times a frame four slots of it may cost (0: nothing was set)."""
    if transform in WARPS:
        return "warp", 1.6
    if transform in MORPHOLOGY:
        return "morphology", 1.6
    if transform in OTHERS:
        return "whole map", 0.0
    return "flip or shift" if transform.startswith(("flip", "translate")) else "pointwise", 1.25


def bench_bend(model: str, seconds: float, tell: Callable[[str], None], device: str = "cpu") -> list[Row]:
    """The frame with 1 and with 4 slots of one transform at a middle layer and at the last one, over the unbent frame.

    The network plays in the quickest form there is here (compiled, bfloat16 where the processor multiplies it), cut
    where a slot lies; what it is compared with is whole. All take turns in one process, an unbent frame before each
    bent one, and all knobs move in each frame; the ratio is that of the medians. The last row is four slots on half of
    the channels each, half mixed. ValueError for an unknown model or one that cannot be compiled here.

    On a card every row is a captured picture of its own, and a frame ends when the card has finished it; a transform
    that cannot be captured is left out, and `tell` is told why.
    """
    import torch

    import models
    from models.bench import label
    from models.bending.clusters import bendable
    from perform.engine.render import keep_memory

    keep_memory()  # as a show does
    network = models.load(model, device)
    with torch.no_grad():
        z = torch.randn([1, network.z_dim], generator=torch.Generator().manual_seed(0))
        w = network.map(z.to(network.w_avg.device), label(network))
    layers = bendable(network)
    places = {"middle": layers[len(layers) // 2], "last": layers[-1]}
    if network.w_avg.device.type == "cuda":
        from perform.bench.bend_card import captured

        plain, calls = captured(network, w, places, tell)
    else:
        plain, calls = _compiled(network, w, places, tell)
    tell("measuring")
    with torch.inference_mode():
        spans = _in_turns(plain, calls, seconds)
    unbent = statistics.median(before for pairs in spans.values() for before, _ in pairs)
    rows: list[Row] = []
    for transform in SETTINGS:
        family, limit = kind(transform)
        row: Row = {"transform": transform, "kind": family, "limit x4": limit or "-"}
        for place in places:
            for slots in (1, 4):
                row[f"{place} x{slots}"] = _ratio(spans.get(f"{transform} {place} {slots}", []))
        rows.append(row)
    rows.append({"transform": "rotate, half", "kind": "warp", "limit x4": 1.6, "middle x1": "-", "middle x4": "-",
                 "last x1": "-", "last x4": _ratio(spans.get("half last 4", []))})  # fmt: skip
    frames = max(map(len, spans.values()), default=0)
    return [{**row, "unbent ms": round(unbent * 1e3, 2), "frames": frames} for row in rows]


def _compiled(
    network: Generator, w: Tensor, places: Mapping[str, str], tell: Callable[[str], None]
) -> tuple[Call, dict[str, Call]]:
    """The unbent frame and the bent ones, on a processor."""
    from models.bending.bender import Bender

    plain, cut = _forms(network, tuple(places.values()), tell)
    calls: dict[str, Call] = {}
    for name, transform, layer, slots in cases(places):
        bender = Bender(slots, network)
        calls[name] = call(partial(_bent, cut[layer], bender), w, bender, transform)
    return lambda _: plain(w, {}), calls


def _bent(form: Play, bender: Bender, w: Tensor, values: list[float]) -> Tensor:
    return form(w, bender.frame(values))


def _ratio(pairs: list[tuple[float, float]]) -> float | str:
    """The median bent frame over the median of the unbent frames right before."""
    if not pairs:
        return "-"
    plain, bent = zip(*pairs, strict=True)
    return round(float(statistics.median(bent) / statistics.median(plain)), 2)


def swing(transform: str, frame: int) -> dict[str, float]:
    """The knobs in this frame: to and fro in SWING frames."""
    share = abs(frame % SWING - SWING // 2) / (SWING // 2)
    return {name: low + share * (high - low) for name, (low, high) in SETTINGS[transform].items()}


def cases(places: Mapping[str, str]) -> Iterator[tuple[str, str, str, list[Slot]]]:
    """What is measured: a name, the transform, its layer and the slots."""
    from models.bending.slots import Features, Slot

    for transform in SETTINGS:
        for place, layer in places.items():
            for count in (1, 4):
                yield f"{transform} {place} {count}", transform, layer, [Slot(layer, transform)] * count
    last = places["last"]
    halves = [Slot(last, "rotate", Features("random", seed, 0.5), amount=0.5) for seed in range(4)]
    yield "half last 4", "rotate", last, halves


def call(play: Callable[[Tensor, list[float]], object], w: Tensor, bender: Bender, transform: str) -> Call:
    """One frame with the knobs where hands have moved them: they are read, the picture is made."""
    names = [knob.name.partition(".")[2] for knob in bender.knobs]
    hands = [
        [moved.get(name, value) for name, value in zip(names, bender.defaults, strict=True)]
        for moved in (swing(transform, frame) for frame in range(SWING))
    ]
    return lambda frame: play(w, hands[frame % SWING])


def _forms(network: Generator, layers: tuple[str, ...], tell: Callable[[str], None]) -> tuple[Play, dict[str, Play]]:
    """The whole network and, for each layer, the one that is cut there."""
    from models.forms import Unavailable, compile_form
    from models.generators import has_fast_bf16

    dtype = "bfloat16" if has_fast_bf16() else "float32"
    try:
        made = []
        for cuts in [(), *((layer,) for layer in layers)]:
            tell(f"{dtype}, cut at {cuts[0] if cuts else 'no layer'}: compiling, if it never was")
            made.append(_form(compile_form(network, dtype, cuts)))
    except Unavailable as error:
        raise ValueError(str(error)) from error
    return made[0], dict(zip(layers, made[1:], strict=True))


def _form(form: Any) -> Play:
    return lambda w, taps: form(w, taps=taps)


def _in_turns(
    plain: Callable[[int], object], calls: Mapping[str, Callable[[int], object]], seconds: float
) -> dict[str, list[tuple[float, float]]]:
    """Seconds of the unbent frame and of each call right after it, for about so long; at least five of each."""
    spans: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    begun, frame = machine_time(), 0
    while frame < WARM_UP + 5 or machine_time() - begun < seconds:
        for name, call in calls.items():
            pair = []
            for play in (plain, call):
                play(frame)  # a show plays one form again and again: its code and weights are in the caches
                start = machine_time()
                play(frame + 1)
                pair.append(machine_time() - start)
            if frame >= WARM_UP:
                spans[name].append((pair[0], pair[1]))
        frame += 1
    return spans
