"""`perform bench generator`: the network alone, or against the official code with the same weights."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from perform.engine.clock import machine_time
from perform.engine.problems import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from models.generators import Generator
    from perform.bench.report import Row


def widths(text: str) -> list[tuple[int, int]]:
    """`2048/64,4096/128`: channel_base and channel_max of each network. Raises argparse.ArgumentTypeError."""
    try:
        pairs = [tuple(int(number) for number in one.split("/")) for one in text.split(",")]
        return [(base, most) for base, most in pairs if base > 0 and most > 0]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no widths; write 2048/64,4096/128") from None


def resolutions(text: str) -> list[int]:
    """`256,512`. Raises argparse.ArgumentTypeError."""
    try:
        return [int(one) for one in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no resolutions; write 256,512") from None


def arguments(parser: argparse.ArgumentParser) -> None:
    """What only this bench takes."""
    group = parser.add_argument_group("generator against the official code (--model FILE, or random weights by size)")
    group.add_argument(
        "--against",
        type=Path,
        metavar="PATH",
        help="a checkout of stylegan2-ada-pytorch or stylegan3 (bend: of network-bending)",
    )
    group.add_argument("--family", default="stylegan2", choices=("stylegan2", "stylegan3-t", "stylegan3-r"))
    group.add_argument("--widths", type=widths, default="2048/64,4096/128", metavar="BASE/MAX,...")
    group.add_argument("--resolution", type=resolutions, default="256", metavar="N,...")
    group.add_argument("--threads", type=int, help="processor threads for both (all cores by default)")


def bench(parsed: argparse.Namespace, tell: Callable[[str], None]) -> list[Row]:
    """The rows of what was asked for. Raises UserError for a model, a size or a checkout that cannot be."""
    import models
    from models.bench import bench_against, bench_generator, random_networks

    try:
        if parsed.against is None:
            name = parsed.model or "first-light"
            return bench_generator(machine_time, name, threads=parsed.threads, tell=tell)
        device = parsed.device or "cpu"
        networks: Iterable[tuple[str, Generator]]
        if parsed.model:
            networks = [(Path(parsed.model).stem, models.load(parsed.model, device))]
        else:
            networks = random_networks(parsed.family, parsed.widths, parsed.resolution, device)
        return bench_against(machine_time, parsed.against, networks, parsed.seconds, parsed.threads, tell=tell)
    except (ValueError, ImportError) as error:
        raise UserError(str(error)) from error
