"""`perform clusters MODEL`: find the groups of channels that draw the same thing, for bends with features "cluster".

They are kept beside the model (of a shipped one in the user's own folder), where a show finds them; a sheet shows what
a picture loses without each group. The quick form takes seconds; `--form author` trains the paper's small classifiers,
which takes minutes, or, with `--paper`, its own numbers and hours.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from perform.commands.words import positive
from perform.engine.problems import UserError

if TYPE_CHECKING:
    from models.bending.clusters import Clusters
    from models.generators import Generator

ABOUT = "find the groups of channels of a network that draw the same thing, and show them"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model's name or file")
    parser.add_argument("--form", default="quick", choices=("quick", "author"), help="how they are found [quick]")
    parser.add_argument("--paper", action="store_true", help="with --form author: the paper's own numbers; hours")
    parser.add_argument("--layers", nargs="+", metavar="LAYER", help="only these [all that can be bent]")
    parser.add_argument("--images", type=int, default=384, metavar="N", help="pictures the quick form looks at [384]")
    parser.add_argument("--seed", type=int, default=0, help="the first of their seeds [0]")
    parser.add_argument("--psi", type=positive, default=0.5, help="their truncation_psi [0.5]")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="the file; by default where a show looks")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="where the sheet goes; by default beside the file")
    parser.add_argument("--no-sheet", action="store_true", help="draw no sheet")
    parser.add_argument("--transform", default="ablate", metavar="NAME", help="what the sheet does to a group [ablate]")
    parser.add_argument("--agreement", action="store_true", help="find them from other seeds, too, and compare")


def run(parsed: argparse.Namespace) -> None:
    import models
    from models.bending.clusters import save_clusters
    from models.bending.grouping import agreement
    from models.checkpoints import Refused

    if parsed.images < 1:
        raise UserError(f"--images {parsed.images}: at least one picture is needed")
    try:
        network = models.load(parsed.model)
        _check(parsed, network)
        found = _found(parsed, network, parsed.seed, "clusters")
        out: Path = parsed.out or usual_place(parsed.model)
        out.parent.mkdir(parents=True, exist_ok=True)
        save_clusters(out, found)
        print(f"clusters     {out}")
        if not parsed.no_sheet:
            _draw(parsed, network, found, parsed.sheet or out.with_suffix(".png"))
    except Refused as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"{error.filename} cannot be written ({error.strerror}); name another place with -o") from error
    other = _found(parsed, network, parsed.seed + 100_000, "again") if parsed.agreement else None
    for line in lines(found):
        layer = line.split()[0]
        print(line + (f"  agreement {agreement(found.layers[layer], other.layers[layer]):.2f}" if other else ""))


def usual_place(model: str) -> Path:
    """Beside a model that is a file, else in the user's own folder."""
    from models.bending.clusters import clusters_path
    from perform.engine import lore

    return lore.usual_place("clusters", clusters_path, model)


def lines(found: Clusters) -> list[str]:
    """One line a layer: how many channels each group has, and how well the classifier told them apart."""
    told = (found.about or {}).get("told_rightly", {})
    return [
        f"{layer:12} {' '.join(f'{len(found.channels(layer, group)):4}' for group in range(found.count(layer)))}"
        + (f"  told rightly {told[layer]:.0%}" if layer in told else "")
        for layer in found.layers
    ]


def _check(parsed: argparse.Namespace, network: Generator) -> None:
    """Raises UserError for layers or a transform that there are not."""
    from models.bending.clusters import bendable
    from models.bending.transforms import transforms

    able = bendable(network)
    if foreign := [layer for layer in parsed.layers or () if layer not in able]:
        raise UserError(f"--layers: {parsed.model} has no layer {foreign[0]} to be bent; it has {', '.join(able)}")
    if parsed.transform not in transforms():
        raise UserError(f"there is no transform {parsed.transform}; there are {', '.join(transforms())}")


def _found(parsed: argparse.Namespace, network: Generator, seed: int, words: str) -> Clusters:
    """Clusters found now, with a bar."""
    from tqdm import tqdm

    from models.bending.classifier import PAPER, QUICK
    from models.bending.clusters import find_clusters

    form: Literal["quick", "author"] = parsed.form
    with tqdm(total=100, desc=words, leave=False, bar_format="{desc} {bar} {n:.0f} % {remaining}") as bar:
        return find_clusters(
            network, parsed.images, seed, parsed.psi, parsed.layers, lambda share: _advance(bar, share), form,
            PAPER if parsed.paper else QUICK,
        )  # fmt: skip


def _advance(bar: object, share: float) -> None:
    """A bar of 100 to a share 0..1."""
    bar.update(100 * share - bar.n)  # type: ignore[attr-defined]


def _draw(parsed: argparse.Namespace, network: Generator, found: Clusters, path: Path) -> None:
    """One strip a layer: the plain pictures, and the same with each group bent."""
    from PIL import Image
    from tqdm import tqdm

    from models.bending.sheet import cluster_sheet
    from models.bending.slots import Slot

    strips = [
        cluster_sheet(network, found, layer, Slot(layer, parsed.transform), seeds=(0, 1))
        for layer in tqdm(found.layers, desc="sheet", leave=False, bar_format="{desc} {bar} {n}/{total}")
    ]
    if not strips:
        return
    sheet = Image.new("RGB", (max(strip.width for strip in strips), sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    sheet.save(path)
    print(f"sheet        {path}")
