"""`perform bench`: the figures that the README claims, measured here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perform.bench import generator
from perform.commands.words import DEVICES, positive, size

if TYPE_CHECKING:
    from perform.app import Options

Rows = list[dict[str, Any]]

ABOUT = "measure"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=sorted(MEASURES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures with machine and versions")
    parser.add_argument("--seconds", type=positive, default=10.0, help="how long to measure, where that applies")
    parser.add_argument("--preset", default="first-light")
    parser.add_argument("--model", default="")
    parser.add_argument("--device", default="", choices=DEVICES)
    parser.add_argument("--window", action="store_true", help="measure the show in a window instead of offscreen")
    parser.add_argument("--size", type=size, default=(384, 216), metavar="WxH")
    generator.arguments(parser)


def run(parsed: argparse.Namespace) -> None:
    from perform.bench import report

    rows = MEASURES[parsed.what](parsed)
    print(report.table(rows))
    if parsed.json:
        report.write_json(parsed.json, parsed.what, rows)


def _live(parsed: argparse.Namespace) -> Options:
    """The show that is measured."""
    from perform.app import Options

    return Options(
        preset=parsed.preset, model=parsed.model, audio="track", osc=("127.0.0.1", 0), midi="none", size=parsed.size,
        offscreen=not parsed.window, device=parsed.device,
    )  # fmt: skip


def _model(parsed: argparse.Namespace) -> str:
    return parsed.model or "first-light"


def _tell(words: str) -> None:
    """How far a long measurement has come, beside the table."""
    print(words, file=sys.stderr, flush=True)


@contextmanager
def _refusals() -> Iterator[None]:
    """A model that cannot be measured is said in words."""
    from perform.engine.problems import UserError

    try:
        yield
    except ValueError as error:
        raise UserError(str(error)) from error


def _bend(parsed: argparse.Namespace) -> Rows:
    if parsed.against is not None:
        from perform.bench.bend_author import bench_against

        return bench_against(parsed.against, parsed.device or "cpu", _tell)
    from perform.bench.bend import bench_bend

    with _refusals():
        return bench_bend(_model(parsed), parsed.seconds, _tell, parsed.device or "cpu")


def _engine(_: argparse.Namespace) -> Rows:
    from perform.app import tree
    from perform.bench.engine import bench_engine

    return bench_engine(tree())


def _generator(parsed: argparse.Namespace) -> Rows:
    return generator.bench(parsed, _tell)


def _osc(parsed: argparse.Namespace) -> Rows:
    from perform.control.bench import bench_osc

    return [bench_osc(seconds=parsed.seconds)]


def _latency(parsed: argparse.Namespace) -> Rows:
    """Once with next to nothing to paint, once at the size asked for: the difference is what painting costs here."""
    from perform.audio.bench import bench_sound_latency
    from perform.bench.show import bench_show

    live = _live(parsed)
    shows = [row for options in (replace(live, size=(64, 36)), live) for row in bench_show(options, parsed.seconds)]
    return [*shows, bench_sound_latency()]


def _blend(parsed: argparse.Namespace) -> Rows:
    from perform.bench.blend import bench_blend

    with _refusals():
        return bench_blend(_model(parsed), parsed.device or "cpu", parsed.seconds, parsed.threads, _tell)


def _decode(parsed: argparse.Namespace) -> Rows:
    from perform.bench.decode import bench_decode

    with _refusals():
        return bench_decode(_model(parsed), parsed.seconds, parsed.threads, _tell, parsed.device or "cpu")


def _ears(parsed: argparse.Namespace) -> Rows:
    from perform.bench.ears import bench_ears

    return bench_ears(_live(parsed))


def _load(parsed: argparse.Namespace) -> Rows:
    from perform.bench.load import bench_load

    return bench_load(replace(_live(parsed), model=""), parsed.model)


def _memory(_: argparse.Namespace) -> Rows:
    from perform.bench.memory import bench_memory

    return bench_memory(_tell)


def _startup(_: argparse.Namespace) -> Rows:
    from perform.bench.show import bench_startup

    return bench_startup()


def _show(parsed: argparse.Namespace) -> Rows:
    from perform.bench.show import bench_show

    return bench_show(_live(parsed), parsed.seconds)


def _rewrite(parsed: argparse.Namespace) -> Rows:
    from perform.bench.rewrite import bench_rewrite

    with _refusals():
        return bench_rewrite(_model(parsed), parsed.device or "cpu", parsed.seconds, parsed.threads)


def _train(parsed: argparse.Namespace) -> Rows:
    from perform.bench.train import bench_train
    from perform.engine.training import RECIPES

    return [row for recipe in RECIPES for row in bench_train(_live(parsed), recipe, parsed.seconds)]


def _tune(parsed: argparse.Namespace) -> Rows:
    from perform.bench.tune import bench_tune

    with _refusals():
        return bench_tune(_model(parsed), parsed.device or "cpu", parsed.seconds, parsed.threads, _tell)


def _texture(parsed: argparse.Namespace) -> Rows:
    from perform.bench.texture import bench_texture

    return bench_texture(parsed.device, parsed.seconds)


def _tones(_: argparse.Namespace) -> Rows:
    from perform.bench.tones import bench_tones

    return bench_tones()


MEASURES: dict[str, Callable[[argparse.Namespace], Rows]] = {
    "bend": _bend,
    "blend": _blend,
    "decode": _decode,
    "ears": _ears,
    "engine": _engine,
    "generator": _generator,
    "latency": _latency,
    "load": _load,
    "memory": _memory,
    "osc": _osc,
    "rewrite": _rewrite,
    "show": _show,
    "startup": _startup,
    "texture": _texture,
    "tones": _tones,
    "train": _train,
    "tune": _tune,
}
