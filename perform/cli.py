"""The command line: play · show · render · devices · models · presets · doctor · train · bench.

Errors of the user end with one line and exit status 2; a show that did not run as asked ends with 1.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perform import __version__
from perform.engine.problems import ShowStopped, UserError

if TYPE_CHECKING:
    from perform.app import Options

BENCHES = ("engine", "generator", "latency", "osc", "startup", "show")


def program() -> None:
    """The command as it is installed: run, then leave, whatever is still at work in a thread."""
    try:
        status = main()
    except SystemExit as asked:  # a plain stop (SIGTERM), or argparse
        status = asked.code if isinstance(asked.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.daemon and thread.is_alive() for thread in threading.enumerate()):
        # A thread that still imports torch or waits in a driver would be torn out of native code by the interpreter's
        # end, and the process would die of it with another status. All files are closed by now.
        os._exit(status)
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 as asked, 1 the show broke off, 2 for the user to mend."""
    parsed = parser().parse_args(arguments)
    level = logging.INFO if parsed.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    command = globals()[f"_{parsed.command}"]
    try:
        return int(command(parsed) or 0)
    except UserError as error:
        print(f"perform: {error}", file=sys.stderr)
        return 2
    except ShowStopped as error:
        print(f"perform: the show stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The arguments of every command."""
    top = argparse.ArgumentParser(prog="perform", description="Play generative networks live.")
    top.add_argument("--version", action="version", version=f"perform {__version__}")
    top.add_argument("-v", "--verbose", action="store_true", help="say more on standard error")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    play = commands.add_parser("play", help="play a preset in a window, live")
    _playing(play)
    show = commands.add_parser("show", help="play if there is a display, else draw the show into show.mp4")
    _playing(show)

    render = commands.add_parser("render", help="draw a track into a film, frame by frame")
    render.add_argument("track", help="a sound file, or 'track' for the built-in one")
    render.add_argument("--preset", default="first-light", help="a preset's name or file")
    render.add_argument("--model", default="", help="a model's name or file, instead of the preset's")
    render.add_argument("-o", "--out", type=Path, default=Path("show.mp4"))
    render.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH")
    render.add_argument("--fps", type=_positive, default=30.0)
    render.add_argument("--seconds", type=_positive, default=0.0, help="only the first so many seconds")
    render.add_argument("--sheet", type=Path, help="also write a contact sheet PNG")
    render.add_argument("--device", default="", choices=("", "cpu", "cuda", "mps"))
    render.add_argument("--strict", action="store_true", help="end at the first problem")

    commands.add_parser("devices", help="list sound, MIDI and display devices")
    commands.add_parser("models", help="list the models that can be played")
    commands.add_parser("presets", help="list the presets")
    commands.add_parser("parameters", help="list everything that can be played, with its OSC address")
    commands.add_parser("doctor", help="what is here, what is missing, what to do")

    train = commands.add_parser("train", help="train a model by a recipe")
    train.add_argument("recipe", help="for instance first-light")
    train.add_argument("-o", "--out", type=Path, default=Path("training"))
    train.add_argument("--anew", action="store_true", help="begin again instead of going on from the last checkpoint")

    bench = commands.add_parser("bench", help="measure")
    bench.add_argument("what", choices=BENCHES)
    bench.add_argument("--json", type=Path, metavar="FILE", help="also write the figures with machine and versions")
    bench.add_argument("--seconds", type=_positive, default=10.0, help="how long to measure, where that applies")
    bench.add_argument("--preset", default="first-light")
    bench.add_argument("--model", default="")
    bench.add_argument("--device", default="", choices=("", "cpu", "cuda", "mps"))
    bench.add_argument("--window", action="store_true", help="measure the show in a window instead of offscreen")
    bench.add_argument("--size", type=_size, default=(384, 216), metavar="WxH")
    return top


def _playing(play: argparse.ArgumentParser) -> None:
    play.add_argument("preset", nargs="?", default="first-light", help="a preset's name or file")
    play.add_argument("--model", default="", help="a model's name or file, instead of the preset's")
    play.add_argument("--audio", metavar="DEVICE|FILE", help="sound input by name, a sound file, 'track' or 'none'")
    play.add_argument("--osc", metavar="HOST:PORT", default="0.0.0.0:9000", help="where to listen, or 'none'")
    play.add_argument("--midi", metavar="PORT", default="", help="only this MIDI input, or 'none'; all by default")
    play.add_argument("--window", type=_size, default=(1280, 720), metavar="WxH")
    play.add_argument("--monitor", metavar="NAME", help="fill this monitor, without borders")
    play.add_argument("--fullscreen", action="store_true")
    play.add_argument("--offscreen", action="store_true", help="draw without a window")
    play.add_argument("--seconds", type=_positive, default=0.0, help="end after so many seconds")
    play.add_argument("--fps", type=_positive, default=60.0, help="pictures a second at most")
    play.add_argument("--device", default="", choices=("", "cpu", "cuda", "mps"))
    play.add_argument("--record", type=Path, metavar="FILE.mp4", help="record from the start")
    play.add_argument("--hud", action="store_true", help="begin with the HUD shown")
    play.add_argument("--strict", action="store_true", help="end at the first problem")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 16 <= int(width) <= 16384 and 16 <= int(height) <= 16384):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 1280x720")
    return int(width), int(height)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e7:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _address(text: str) -> tuple[str, int] | None:
    if text == "none":
        return None
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UserError(f'"{text}" is no address; write it as 0.0.0.0:9000, or none')
    return host or "0.0.0.0", int(port)


def _options(parsed: argparse.Namespace) -> Options:
    from perform.app import Options

    return Options(
        preset=parsed.preset,
        model=parsed.model,
        audio=parsed.audio,
        osc=_address(parsed.osc),
        midi=parsed.midi,
        size=parsed.window,
        monitor=parsed.monitor,
        fullscreen=parsed.fullscreen,
        offscreen=parsed.offscreen,
        device=parsed.device,
        seconds=parsed.seconds,
        fps=parsed.fps,
        strict=parsed.strict,
        record=parsed.record,
        hud=parsed.hud,
    )


def _play(parsed: argparse.Namespace) -> int:
    from perform.app import play

    return play(_options(parsed))


def _show(parsed: argparse.Namespace) -> int:
    from perform.app import has_display, play

    if has_display() and not parsed.offscreen:
        return play(_options(parsed))
    print("There is no display here, so the show is drawn into show.mp4, with a contact sheet in show.png.")
    parsed.track, parsed.out, parsed.sheet = parsed.audio or "track", Path("show.mp4"), Path("show.png")
    parsed.size, parsed.fps, parsed.seconds = (960, 540), 30.0, parsed.seconds or 24.0
    return _render(parsed)


def _render(parsed: argparse.Namespace) -> int:
    from perform.app import Options
    from perform.film import render

    options = Options(
        preset=parsed.preset,
        model=parsed.model,
        size=parsed.size,
        fps=parsed.fps,
        seconds=parsed.seconds,
        device=parsed.device,
        strict=parsed.strict,
    )
    status = render(options, parsed.track, parsed.out, sheet=parsed.sheet)
    print(" and ".join(str(path) for path in (parsed.out, parsed.sheet) if path and path.exists()))
    return status


def _devices(_: argparse.Namespace) -> int:
    from perform.devices import device_lines

    print("\n".join(device_lines()))
    return 0


def _models(_: argparse.Namespace) -> int:
    import models

    for name, about in models.available().items():
        print(f"{name:16} {about}")
    return 0


def _presets(_: argparse.Namespace) -> int:
    from perform.engine import preset

    for name, path in preset.available().items():
        try:
            print(f"{name:16} {preset.read(path).about}")
        except UserError as error:
            print(f"{name:16} cannot be played: {error}")
    return 0


def _parameters(_: argparse.Namespace) -> int:
    from perform.app import tree
    from perform.engine.parameters import address

    parameters = tree()
    for name in parameters.names():
        knob = parameters.knob(name)
        span = " | ".join(knob.choices) if knob.choices else f"{knob.low:g}..{knob.high:g} {knob.unit}".rstrip()
        default = knob.choices[int(knob.default)] if knob.choices else f"{knob.default:g}"
        print(f"{address(name):36} {span:28} ({default})  {knob.doc}")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from perform.doctor import doctor, table

    findings = doctor()
    print(table(findings))
    return 1 if any(finding.state == "missing" for finding in findings) else 0


def _train(parsed: argparse.Namespace) -> int:
    training = importlib.import_module("models.training")
    print(training.train(parsed.recipe, parsed.out, resume=not parsed.anew))
    return 0


def _bench(parsed: argparse.Namespace) -> int:
    from perform.bench import report

    rows = _measure(parsed)
    print(report.table(rows))
    if parsed.json:
        report.write_json(parsed.json, parsed.what, rows)
    return 0


def _measure(parsed: argparse.Namespace) -> list[dict[str, Any]]:
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


if __name__ == "__main__":
    program()
