"""`perform activity MODEL`: gather how often each neuron of a network speaks, which is what decoding chooses by.

The statistics are kept beside the model (of a shipped one in the user's own folder), where a show finds them; without
them a show gathers its own when decoding is first asked for. A sheet shows what each method makes at several layers.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from perform.commands.words import positive
from perform.engine.problems import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

    from models.decoding.statistics import Statistics
    from models.generators import Generator

ABOUT = "gather which neurons of a network seldom speak, for decoding, and show what decoding makes of it"
LAYERS = (0.1, 0.25, 0.5, 0.75)  # of the sheet, as places in depth


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model's name or file")
    parser.add_argument("--samples", type=int, default=512, metavar="N", help="pictures that are looked at [512]")
    parser.add_argument("--seed", type=int, default=0, help="the first of their seeds [0]")
    parser.add_argument("--psi", type=positive, default=0.7, help="their truncation_psi [0.7]")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="the file; by default where a show looks")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="where the sheet goes; by default beside the file")
    parser.add_argument("--no-sheet", action="store_true", help="draw no sheet")


def run(parsed: argparse.Namespace) -> None:
    import models
    from models.checkpoints import Refused
    from models.decoding.statistics import save_statistics

    if parsed.samples < 2:
        raise UserError(f"--samples {parsed.samples}: at least two pictures are needed")
    try:
        network = models.load(parsed.model)
        found = _gathered(parsed, network)
        out: Path = parsed.out or usual_place(parsed.model)
        out.parent.mkdir(parents=True, exist_ok=True)
        save_statistics(out, found)
        print(f"activity     {out}")
        if not parsed.no_sheet and found.layers:
            sheet: Path = parsed.sheet or out.with_suffix(".activity.png")
            drawn(network, found, parsed.psi).save(sheet)
            print(f"sheet        {sheet}")
    except Refused as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"{error.filename} cannot be written ({error.strerror}); name another place with -o") from error
    print("\n".join(lines(found)))


def usual_place(model: str) -> Path:
    """Beside a model that is a file, else in the user's own folder."""
    from models.decoding.statistics import statistics_path
    from perform.engine import lore

    return lore.usual_place("activity", statistics_path, model)


def _gathered(parsed: argparse.Namespace, network: Generator) -> Statistics:
    """Statistics gathered now, with a bar."""
    from tqdm import tqdm

    from models.decoding.statistics import gather

    with tqdm(total=100, desc="activity", leave=False, bar_format="{desc} {bar} {n:.0f} % {remaining}") as bar:
        return gather(
            network, parsed.samples, parsed.seed, parsed.psi, progress=lambda share: bar.update(100 * share - bar.n)
        )


def lines(found: Statistics) -> list[str]:
    """One line a layer: its neurons, those that never spoke, and those that seldom do, with their rates."""
    from models.decoding.choice import low_active

    said = []
    for layer, one in found.layers.items():
        quiet = one.rates[low_active(one.rates)]
        said.append(
            f"{layer:12} {len(one.rates):5} neurons, {int((~one.ever).sum()):4} never active, {len(quiet):3} low-active"
            + (f" ({float(quiet.min()):.1%} to {float(quiet.max()):.1%} of pictures)" if len(quiet) else "")
        )
    return said or ["this network has no layer that can be decoded"]


def drawn(network: Generator, found: Statistics, psi: float) -> Image:
    """A strip for each place in depth: the plain pictures, two low-active ideas, a random one, noise."""
    from PIL import Image

    from models.decoding.sheet import decode_sheet

    strips = []
    for layer in LAYERS:
        columns = [("regular", {"method": 0.0})]
        for words, method, seed in (
            ("low-active", 1.0, 0.0), ("low-active, another", 1.0, 1.0), ("random", 2.0, 0.0), ("noisy", 3.0, 0.0),
        ):  # fmt: skip
            columns.append((f"{words} at {layer}", {"method": method, "seed": seed, "layer": layer}))
        strips.append(decode_sheet(network, found, columns, (0, 1), psi))
    sheet = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet
