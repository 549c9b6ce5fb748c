"""How fast a network plays here, alone or against the official code: plain functions that give rows of a table."""

from __future__ import annotations

import statistics
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import torch
    from torch import Tensor

    from models.forms.cuda import Capture
    from models.generators import Generator

BENDS = ("rotate", "contrast", "wave", "erode")  # four at once on a card, from the first layers to the last
AWAY = {"angle": 20.0, "gain": 1.5, "across": 0.05, "radius": 1.5}  # their knobs, which then move
FORMS = ("eager float32", "eager bfloat16", "compiled float32", "compiled bfloat16")


def quiet(words: str) -> None:
    """Tells nobody how far the work is."""


def bench_generator(
    now: Callable[[], float],
    model: str = "first-light",
    frames: int = 100,
    warm_up: int = 10,
    threads: int | None = None,
    forms: Sequence[str] = FORMS,
    tell: Callable[[str], None] = quiet,
) -> list[dict[str, Any]]:
    """Time one model at batch 1 on the processor, from z to the finished float picture; a row for each form.

    The forms take turns frame by frame in one process, so that whatever else the machine does falls on all of them
    alike; ratios and minima can be trusted, the rest as far as the machine is idle. Rows: model, form, resolution,
    threads, frames, min_ms, median_ms, p99_ms, fps (of the median). A form that cannot be had here is left out, and
    `tell` is told why. A form that was never compiled takes a minute. ValueError (models.checkpoints.Refused) for an
    unknown model.
    """
    import torch

    import models

    network = models.load(model)
    z = torch.randn([1, network.z_dim], generator=torch.Generator().manual_seed(0))
    with _threads(threads) as used:
        chosen = dict(_forms(network, forms, tell))
        calls = {name: partial(_from_z, network, z, play) for name, play in chosen.items()}
        with torch.inference_mode():
            spans = take_turns(now, calls, frames, warm_up)
    about = {"model": model, "resolution": network.img_resolution, "threads": used, "frames": frames}
    return [{**about, "form": form, **summary(times)} for form, times in spans.items()]


def bench_against(
    now: Callable[[], float],
    checkout: Path,
    networks: Iterable[tuple[str, Generator]],
    seconds: float = 30.0,
    threads: int | None = None,
    forms: Sequence[str] = FORMS,
    tell: Callable[[str], None] = quiet,
) -> list[dict[str, Any]]:
    """The same weights through the official code of `checkout` and through ours, from w to the float picture, batch 1.

    Interleaved frame by frame in one process at the same number of threads, for about `seconds` a network (at least
    five frames). Rows: network, resolution, device, threads, form, frames, min_ms, median_ms, p99_ms, ratio (official
    median / this median), ratio_of_minima, and how far the picture is from the official one: max_error, mean_error.
    On a card captured forms come with four moving bends, too (`to_unbent`: their median over that without), and every
    row says what the picture asks for and the milliseconds that this takes the card at least (`models.floor`).
    ValueError if the checkout is none or its code cannot be this network.
    """
    import torch

    rows: list[dict[str, Any]] = []
    for name, network in networks:
        tell(f"{name}: the official code")
        device = network.w_avg.device
        w = network.map(
            torch.randn([1, network.z_dim], generator=torch.Generator().manual_seed(0)).to(device), label(network)
        )
        with _threads(threads) as used, torch.no_grad():
            plays = {"official float32": _official(checkout, network, half=False)}
            if device.type == "cuda":
                plays["official float16"] = _official(checkout, network, half=True)
            plays |= dict(_forms(network, forms, partial(_tell_of, tell, name)))
            plays |= dict(_bent(network, forms, partial(_tell_of, tell, name)))
            pictures = {form: play(w).float().clone() for form, play in plays.items()}
            finish = finisher(device)
            calls = {form: partial(_finished, play, w, finish) for form, play in plays.items()}
            tell(f"{name}: measuring")
            once = sum(times[0] for times in take_turns(now, calls, 1, 1).values())
            spans = take_turns(now, calls, max(5, min(200, int(seconds / max(once, 1e-6)))), 1)
        first = spans["official float32"]
        exact = pictures["official float32"]
        for form, times in spans.items():
            error = (pictures[form] - exact).abs()
            row = {"network": name, "resolution": network.img_resolution, "device": str(device), "threads": used}
            row |= {"form": form, "frames": len(times), **summary(times)}
            row |= {"ratio": round(statistics.median(first) / statistics.median(times), 2)}
            row |= {"ratio_of_minima": round(min(first) / min(times), 2)}
            row |= {"max_error": float(error.max()), "mean_error": float(error.mean())}
            if device.type == "cuda":
                row |= _beside(now, network, form, spans)
            rows.append(row)
    return rows


def random_networks(
    family: str, widths: Sequence[tuple[int, int]], resolutions: Sequence[int], device: str = "cpu"
) -> Iterator[tuple[str, Generator]]:
    """Networks with random weights to measure, named by family, channel_base and channel_max.

    `family`: stylegan2, stylegan3-t or stylegan3-r. ValueError for another or for sizes that cannot be.
    """
    import torch

    from models.generators import build

    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "stylegan2": ("stylegan2", {"conv_clamp": 256.0}),
        "stylegan3-t": ("stylegan3", {}),
        "stylegan3-r": ("stylegan3", {"conv_kernel": 1, "use_radial_filters": True}),
    }
    if family not in kinds:
        raise ValueError(f"no family {family!r} to measure; there are {', '.join(kinds)}")
    architecture, settings = kinds[family]
    for resolution in resolutions:
        for base, most in widths:
            sizes = {"img_resolution": resolution, "channel_base": base, "channel_max": most}
            torch.manual_seed(0)
            network = build(architecture, {**settings, **sizes})
            assert isinstance(network, torch.nn.Module)
            network.eval().requires_grad_(False)
            for name, weight in network.named_parameters():  # noise that does something
                if name.endswith("noise_strength"):
                    weight.fill_(0.1)
            yield f"{family} {base}/{most}", network.to(device)


def _forms(
    network: Generator, names: Sequence[str], tell: Callable[[str], None]
) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """The forms of these names that can be had here, each from w to a picture."""
    from models.forms import Unavailable, compile_form
    from models.generators import has_fast_bf16

    if hasattr(network, "prepare"):
        network.prepare()
    for name in names:
        kind, _, precision = name.partition(" ")
        on_card = network.w_avg.device.type == "cuda"
        if precision == "bfloat16" and not on_card and not has_fast_bf16():
            tell(f"{name}: this processor does not multiply bfloat16")
        elif kind == "eager":
            yield name, partial(_eager, network, precision)
        elif on_card:
            from models.forms.cuda import CapturedForm

            tell(f"{name}: capturing")
            try:
                form = CapturedForm(network, precision)
            except Exception as error:  # noqa: BLE001 - the other rows are worth having
                tell(f"{name}: {error}")
                continue
            yield name, form
        else:
            try:
                tell(f"{name}: compiling, if it never was")
                yield name, compile_form(network, precision)
            except Unavailable as error:
                tell(f"{name}: {error}")


def _bent(
    network: Generator, names: Sequence[str], tell: Callable[[str], None]
) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """On a card: the captured forms with four bends."""
    if network.w_avg.device.type != "cuda":
        return
    for name in names:
        kind, _, precision = name.partition(" ")
        if kind != "compiled":
            continue
        try:
            tell(f"{name}: capturing with {', '.join(BENDS)}")
            form = Bent(network, precision)
        except Exception as error:  # noqa: BLE001 - the other rows are worth having
            tell(f"{name} with bends: {error}")
            continue
        yield f"{name}{BENT}", form


BENT = " + 4 bends"


class Bent:
    """A captured picture with four bends whose knobs have moved since the last. `capture`: see CapturedForm."""

    def __init__(self, network: Generator, precision: str, capture: Capture | None = None) -> None:
        from models.bending.bender import Bender
        from models.bending.clusters import bendable
        from models.bending.slots import Slot
        from models.forms.cuda import CapturedForm

        layers = bendable(network)
        places = [layers[(2 * k + 1) * len(layers) // (2 * len(BENDS))] for k in range(len(BENDS))]
        slots = [Slot(layer, bend) for layer, bend in zip(places, BENDS, strict=True)]
        self._bender = Bender(slots, network, steady=True)
        self._form = CapturedForm(network, precision, self._bender.frame(self._bender.defaults), capture)
        self._turn = 0

    def __call__(self, w: Tensor) -> Tensor:
        self._turn += 1
        swing = 1 + 0.2 * (self._turn % 10) / 10
        values = [
            AWAY[name] * swing if (name := knob.name.partition(".")[2]) in AWAY else knob.default
            for knob in self._bender.knobs
        ]
        self._bender.frame(values)
        return self._form(w)


def _beside(
    now: Callable[[], float], network: Generator, form: str, spans: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """What stands beside a row on a card: over the same without bends, and the floor."""
    import torch

    from models.floor import least, peak, work

    median = statistics.median(spans[form])
    plain = statistics.median(spans.get(form.removesuffix(BENT), spans[form]))
    dtype = getattr(torch, form.removesuffix(BENT).rpartition(" ")[2])
    asked, there = work(network, dtype), peak(now, network.w_avg.device, dtype)
    floor = least(asked, there) * 1e3
    return {
        "to_unbent": round(median / plain, 3), "gflop": round(asked.flops / 1e9, 1), "mb": round(asked.bytes / 1e6),
        "card_tflops": round(there.flops / 1e12, 1), "card_gbs": round(there.bytes / 1e9), "floor_ms": round(floor, 3),
        "over_floor": round(median * 1e3 / floor, 2),
    }  # fmt: skip


def _tell_of(tell: Callable[[str], None], name: str, words: str) -> None:
    tell(f"{name}: {words}")


def _eager(network: Generator, precision: str, w: Tensor) -> Tensor:
    import torch

    network.compute_dtype = getattr(torch, precision)
    picture = network.synthesize(w)
    network.compute_dtype = torch.float32
    return picture


def _from_z(network: Generator, z: Tensor, play: Callable[[Tensor], Tensor]) -> None:
    play(network.map(z, label(network)))


def label(network: Generator) -> Tensor | None:
    """The first class of a network with labels."""
    import torch

    return torch.eye(network.c_dim, device=network.w_avg.device)[:1] if network.c_dim else None


def _official(checkout: Path, network: Generator, half: bool) -> Callable[[Tensor], Tensor]:
    from models.official import official

    return official(checkout, network, half)


def _finished(play: Callable[[Tensor], Tensor], w: Tensor, finish: Callable[[], None]) -> None:
    play(w)
    finish()


def finisher(device: torch.device | str) -> Callable[[], None]:
    """What waits until this device has done all that it was given; on a processor there is nothing to wait for."""
    import torch

    if torch.device(device).type == "cuda":
        return partial(torch.cuda.synchronize, device)
    return lambda: None


@contextmanager
def _threads(count: int | None) -> Iterator[int]:
    """So many threads for torch, for a while; None: as many as it has."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield count or before
    finally:
        torch.set_num_threads(before)


def take_turns(
    now: Callable[[], float], calls: Mapping[str, Callable[[], None]], frames: int, warm_up: int
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
