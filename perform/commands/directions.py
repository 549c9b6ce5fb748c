"""`perform directions MODEL`: find the directions that `steer.1` .. `steer.8` play, look at them, name them.

Without a file yet, or where --method, --count or --samples ask for it, directions are found; names that were given stay
with them. A sheet beside the file shows what each does. --name 3=smile, --layers 3=4-8, --sigma 3=1.5 and --first 7,3
change the file, as any editor can.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perform.engine.problems import UserError

if TYPE_CHECKING:
    from models.generators import Generator
    from models.steering.directions import Directions

ABOUT = "find, show and name the directions that a model can be steered along"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model's name or file")
    parser.add_argument("--method", choices=("ganspace", "sefa", "both"), help="find anew by this method [both]")
    parser.add_argument("--count", type=int, metavar="N", help="how many by each method [20]")
    parser.add_argument("--samples", type=int, metavar="N", help="how many w are looked at [10000]")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="the file; by default beside the model")
    parser.add_argument("--name", action="append", default=[], metavar="3=smile", help="name the third direction")
    parser.add_argument("--layers", action="append", default=[], metavar="3=4-8", help="let it move these layers only")
    parser.add_argument("--sigma", action="append", default=[], metavar="3=1.5", help="how far its fader goes")
    parser.add_argument("--first", metavar="7,3", help="put these first: faders 1, 2 .. begin with them")
    parser.add_argument("--seed", type=int, default=0, help="the landmark on the sheet [0]")
    parser.add_argument("--psi", type=float, default=0.7, help="its truncation_psi [0.7]")
    parser.add_argument("--no-sheet", action="store_true", help="draw no sheet")
    parser.add_argument("--study", action="store_true", help="measure what the first ten do to colour, light and size")


def run(parsed: argparse.Namespace) -> None:
    import models
    from models.bending.clusters import model_hash
    from models.checkpoints import Refused
    from models.steering.files import save_directions

    try:
        network = models.load(parsed.model)
        out: Path = parsed.out or usual_place(parsed.model)
        old = _known(parsed, model_hash(network), out)
        directions = old
        if old is None or parsed.method or parsed.count is not None or parsed.samples is not None:
            directions = _found(parsed, network)
            directions = directions if old is None else directions.with_words_of(old)
        assert directions is not None
        directions = edited(directions, parsed)
        out.parent.mkdir(parents=True, exist_ok=True)
        if directions is not old or (parsed.out and not out.exists()):
            save_directions(out, directions, Path(parsed.model).stem)
            print(f"directions   {out}")
        if not parsed.no_sheet:
            _draw(parsed, network, directions, out.with_suffix(".png"))
    except Refused as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"{error.filename} cannot be written ({error.strerror}); name another place with -o") from error
    if parsed.study:
        _study(network, directions)
    print("\n".join(lines(directions)))


def usual_place(model: str) -> Path:
    """Beside a model that is a file, else in the user's own folder."""
    from models.steering.files import directions_path
    from perform.engine import lore

    return lore.usual_place("directions", directions_path, model)


def edited(directions: Directions, parsed: argparse.Namespace) -> Directions:
    """The directions with the words of --name, --layers, --sigma and --first. Raises UserError."""
    try:
        for place, text in _pairs("--name", parsed.name):
            directions = directions.changed(place, name=text)
        for place, text in _pairs("--layers", parsed.layers):
            first, last = _layers(place, text)
            directions = directions.changed(place, first=first, last=last)
        for place, text in _pairs("--sigma", parsed.sigma):
            directions = directions.changed(place, sigma=_sigma(place, text))
        if parsed.first:
            directions = directions.ordered(_places(parsed.first))
    except UserError:
        raise
    except ValueError as error:
        raise UserError(str(error)) from error
    return directions


def _pairs(option: str, given: list[str]) -> list[tuple[int, str]]:
    """`3=smile` as a number and a word. Raises UserError."""
    found = []
    for text in given:
        place, equals, word = text.partition("=")
        if not (place.isdigit() and equals and word):
            raise UserError(f"{option} {text}: write the direction's number and the word, as 3=smile")
        found.append((int(place), word.strip()))
    return found


def _layers(place: int, text: str) -> tuple[int, int]:
    """`4-8` as two numbers. Raises UserError."""
    match = re.fullmatch(r"(\d+)-(\d+)", text)
    if match is None:
        raise UserError(f"--layers {place}={text}: write the first and the last layer, as {place}=4-8")
    return int(match[1]), int(match[2])


def _sigma(place: int, text: str) -> float:
    """Raises UserError."""
    try:
        return float(text)
    except ValueError as error:
        raise UserError(f"--sigma {place}={text}: write a number, as {place}=1.5") from error


def _places(text: str) -> list[int]:
    """`7,3` as numbers. Raises UserError."""
    places = [place.strip() for place in text.split(",")]
    if not all(place.isdigit() for place in places):
        raise UserError(f"--first {text}: write numbers of directions, as 7,3")
    return [int(place) for place in places]


def _known(parsed: argparse.Namespace, model: str, out: Path) -> Directions | None:
    """What was found before: in the file asked for (Refused if it is another model's), or where such files lie."""
    import models
    from models.steering.files import known_directions, load_directions
    from perform.engine.lore import own_folder

    if out.exists():
        return load_directions(out, model)
    return known_directions(parsed.model, model, own_folder("directions"), models.shipped())[0]


def advance(bar: Any, share: float) -> None:
    """A bar of 100 to a share 0..1."""
    bar.update(100 * share - bar.n)


def _found(parsed: argparse.Namespace, network: Generator) -> Directions:
    """Directions found now, with a bar."""
    from tqdm import tqdm

    from models.steering.find import COUNT, METHODS, SAMPLES, find_directions

    methods = METHODS if parsed.method in (None, "both") else (parsed.method,)
    count = COUNT if parsed.count is None else parsed.count
    samples = SAMPLES if parsed.samples is None else parsed.samples
    with tqdm(total=100, desc="directions", leave=False, bar_format="{desc} {bar} {n:.0f} %") as bar:
        return find_directions(
            network, methods, count, samples, progress=lambda share: advance(bar, share),
        )  # fmt: skip


def _draw(parsed: argparse.Namespace, network: Generator, directions: Directions, path: Path) -> None:
    """The sheet, with a bar."""
    from tqdm import tqdm

    from models.steering.sheet import direction_sheet

    with tqdm(total=100, desc="sheet", leave=False, bar_format="{desc} {bar} {n:.0f} %") as bar:
        sheet = direction_sheet(
            network, directions, parsed.seed, parsed.psi,
            progress=lambda share: advance(bar, share),
        )  # fmt: skip
    sheet.save(path)
    print(f"sheet        {path}")


def _study(network: Generator, directions: Directions) -> None:
    """The table of what moves what, with a bar."""
    from tqdm import tqdm

    from models.steering.factors import study_directions, table

    with tqdm(total=100, desc="study", leave=False, bar_format="{desc} {bar} {n:.0f} %") as bar:
        result = study_directions(network, directions, progress=lambda share: advance(bar, share))
    print(table(result))


def lines(directions: Directions) -> list[str]:
    """One line a direction, as faders count them."""
    return [
        f"{place:3}  {entry.name:24} {entry.method} {entry.component:<3}  layers {entry.first}-{entry.last}"
        f"  sigma {entry.sigma:.3g}"
        for place, entry in enumerate(directions.entries, 1)
    ]
