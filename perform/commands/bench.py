"""`perform bench`: the figures that the README claims, measured here."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from perform.commands.words import DEVICES, positive, size

ABOUT = "measure"

BENCHES = ("engine", "generator", "latency", "osc", "startup", "show")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=BENCHES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures with machine and versions")
    parser.add_argument("--seconds", type=positive, default=10.0, help="how long to measure, where that applies")
    parser.add_argument("--preset", default="first-light")
    parser.add_argument("--model", default="")
    parser.add_argument("--device", default="", choices=DEVICES)
    parser.add_argument("--window", action="store_true", help="measure the show in a window instead of offscreen")
    parser.add_argument("--size", type=size, default=(384, 216), metavar="WxH")


def run(parsed: argparse.Namespace) -> None:
    from perform.bench import report

    rows = measure(parsed)
    print(report.table(rows))
    if parsed.json:
        report.write_json(parsed.json, parsed.what, rows)


def measure(parsed: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of the table that was asked for."""
    from perform.app import Options, tree

    live = Options(
        preset=parsed.preset, model=parsed.model, audio="track", osc=("127.0.0.1", 0), midi="none", size=parsed.size,
        offscreen=not parsed.window, device=parsed.device,
    )  # fmt: skip
    match parsed.what:
        case "engine":
            from perform.bench.engine import bench_engine

            return bench_engine(tree())
        case "generator":
            from models.bench import bench_generator
            from perform.engine.clock import machine_time

            return bench_generator(machine_time, parsed.model or "first-light")
        case "osc":
            from perform.control.bench import bench_osc

            return [bench_osc(seconds=parsed.seconds)]
        case "latency":
            from perform.audio.bench import bench_sound_latency
            from perform.bench.show import bench_show

            # once with next to nothing to paint, once at the size asked for: the difference is what painting costs here
            bare = replace(live, size=(64, 36))
            shows = [row for options in (bare, live) for row in bench_show(options, parsed.seconds)]
            return [*shows, bench_sound_latency()]
        case "startup":
            from perform.bench.show import bench_startup

            return bench_startup()
    from perform.bench.show import bench_show

    return bench_show(live, parsed.seconds)
