"""How much memory one deck and two take: `perform bench memory`.

Counted in copies of a model's weights (float32), over the state before the first model. Each way to compute has a fresh
process of its own (`python -m perform.bench.memory FORM FILE ...`), so that what one left does not count for the next;
what lies free in the heap is given back to the system before anything is read. Anonymous memory is counted: pages of a
file that was mapped belong to the system, which may drop them. Linux only.
"""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from perform.engine.problems import UserError

if TYPE_CHECKING:
    from models.rewriting.glitch import Glitch
    from perform.bench.report import Row
    from perform.engine.frame import Request
    from perform.engine.render import Deck

FORMS = ("eager float32", "compiled float32", "compiled bfloat16")
LOADS = 200
SMALL = {"z_dim": 8, "w_dim": 8, "mapping_layers": 2, "img_resolution": 32, "channel_base": 8192, "channel_max": 128}
EARLY = 20  # loads after which it must not grow any more
STATUS = Path("/proc/self/status")


def bench_memory(tell: Callable[[str], None]) -> list[Row]:
    """A row for each form that this machine has, two models of 1024 config-f on the decks, and one for many loads of
    smaller ones. UserError off Linux.
    """
    if not STATUS.is_file():
        raise UserError("what a process holds is read from /proc, which this system has not; Linux has it")
    from models.generators import has_fast_bf16

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        large = [str(random_model(Path(folder) / f"{k}.safetensors", k)) for k in range(2)]
        small = [str(random_model(Path(folder) / f"small-{k}.safetensors", k, **SMALL)) for k in range(3)]
        for form in (*(form for form in FORMS if has_fast_bf16() or "bfloat16" not in form), "loads"):
            tell(f"memory: {form}")
            command = [sys.executable, "-m", "perform.bench.memory", form, *(small if form == "loads" else large)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
    return rows


def random_model(path: Path, seed: int, **settings: int) -> Path:
    """A StyleGAN2 with random weights in a file."""
    import torch

    from models.checkpoints import io
    from models.generators import build

    torch.manual_seed(seed)
    network = build("stylegan2", {"img_resolution": 1024} | settings)
    io.save(path, network, {"description": "random weights, for measuring"})
    return path


def held(kind: str = "RssAnon") -> int:
    """Bytes that are resident: "RssAnon", "RssFile" or "VmRSS"."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{kind}:"))
    return int(line.split()[1]) << 10


def settled(kind: str = "RssAnon") -> int:
    """The same after what is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return held(kind)


class Peak:
    """The most anonymous memory between entering and leaving, looked at every few milliseconds."""

    def __init__(self) -> None:
        self.most, self._done = 0, threading.Event()

    def __enter__(self) -> Peak:
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._done.wait(0.003):
            self.most = max(self.most, held())


def two_decks(form: str, one: str, two: str) -> Row:
    """One deck, two, then what is done to weights, then a third model in the place of the second."""
    from models.rewriting.glitch import Glitch
    from perform.engine.rig import NOTHING, Rig

    copy = Path(one).stat().st_size
    request = a_request()
    play(a_deck("first-light", form), request)  # libraries make what they keep
    nothing = settled()

    def copies(size: int) -> float:
        return round((size - nothing) / copy, 2)

    row: Row = {"form": form, "weights_mb": copy / 1e6}
    with Peak() as peak:
        a = a_deck(one, form)
    row["peak_loading_first"] = copies(peak.most)
    play(a, request, "compiled" in form)
    row["one_deck"] = copies(settled())
    with Peak() as peak:
        b = a_deck(two, form)
    row["peak_loading_second"] = copies(peak.most)
    play(b, request, "compiled" in form)
    row["two_decks"] = copies(settled())
    row["two_decks_of_files"] = round(held("RssFile") / copy, 2)
    before = copies(settled())
    play(a, a_request((Glitch("exchange", 0.5, 1.0, 30.0, 1, 0.5),)))
    row["all_layers_rewritten"] = round(copies(settled()) - before, 2)
    play(a, request)
    row["home_again"] = round(copies(settled()) - before, 2)
    a.equip(Rig(relatives=(two,)))
    play(a, a_request(alpha=0.5))
    row["blend_of_two"] = round(copies(settled()) - before, 2)
    a.equip(NOTHING)
    play(a, request)
    row["without_the_blend"] = round(copies(settled()) - before, 2)
    del b
    settled()
    with Peak() as peak:
        a_deck(two, form)
    row["peak_loading_again"] = copies(peak.most)
    return row


def many_loads(files: Sequence[str]) -> Row:
    """Megabytes after some loads and after many, of three models in turn, by the loader that a show has."""
    from perform.app import tree
    from perform.engine.clock import FixedClock
    from perform.engine.loader import Loader
    from perform.engine.problems import Problems
    from perform.engine.worker import InlineWorker

    clock, problems, parameters = FixedClock(25), Problems(), tree()
    loader = Loader(
        InlineWorker(clock, problems), clock, problems, "cpu", a_request(), mix=lambda: parameters.get("deck.mix"),
        wait=True,
    )  # fmt: skip
    sizes = []
    for turn in range(LOADS):
        parameters.set("deck.mix", float(turn % 2))
        loader.load(files[turn % len(files)])
        sizes.append(held("VmRSS") / 1e6)
    return {
        "form": f"{LOADS} loads", "weights_mb": Path(files[0]).stat().st_size / 1e6,
        f"mb_after_{EARLY}": sizes[EARLY - 1], f"mb_after_{LOADS}": sizes[-1],
        "kb_per_load": (sizes[-1] - sizes[EARLY - 1]) * 1e3 / (LOADS - EARLY),
    }  # fmt: skip


def a_deck(name: str, form: str) -> Deck:
    """A deck that will play so."""
    from perform.engine.loader import deck_for

    with patch("perform.engine.render.has_fast_bf16", lambda: "bfloat16" in form):
        return deck_for(name, "cpu", fast="compiled" in form)


def play(deck: Deck, request: Request, compiled: bool = False) -> None:
    """Two pictures; before them, what there is to compile."""
    while compiled and not deck.quick:
        deck.quicken()
    deck.rest()
    for _ in range(2):
        deck.picture(request)


def a_request(glitches: tuple[Glitch, ...] = (), alpha: float = 0.0) -> Request:
    """All faders as they are at the beginning, but for the blend's."""
    from perform.app import tree
    from perform.engine.clock import Tick
    from perform.engine.frame import Request
    from perform.engine.patch import Patch
    from perform.engine.signals import Signals

    parameters = tree()
    parameters.set("blend.alpha", alpha)
    values = Patch((), parameters).play(Signals(), parameters, 0.0)
    return Request(Tick(0, 0.0, 0.0), values, 0.0, glitches=glitches)


def main() -> None:
    """One row, as JSON on the last line."""
    form, *files = sys.argv[1:]
    row = two_decks(form, *files) if form in FORMS else many_loads(files)
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
