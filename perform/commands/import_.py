"""`perform import`: what a checkpoint of another program is, and a safetensors file of it that plays."""

from __future__ import annotations

import argparse
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from perform.engine.problems import UserError

if TYPE_CHECKING:
    from models.checkpoints.io import Header

ABOUT = "read a checkpoint of StyleGAN2, StyleGAN2-ADA or StyleGAN3 and keep it as safetensors"

# The network code that official repositories put into their files, by the beginning of its sha256.
STOCK = {
    "53b4e1ec4571": "stylegan2-ada-pytorch",
    "06082fb3e892": "stylegan3",
    "b6f14e8fa2a9": "stylegan3 (its StyleGAN2)",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a .pkl or .pt; its name does not matter")
    parser.add_argument("-o", "--out", type=Path, metavar="NAME.safetensors", help="also put the result here")


def run(parsed: argparse.Namespace) -> None:
    from models.cache import cache_folder
    from models.checkpoints import Refused, io

    source: Path = parsed.file
    if not source.exists():
        raise UserError(f"there is no file {source}")
    try:
        made = _with_bar(source)
        header = io.read_header(made)
    except Refused as error:
        raise UserError(str(error)) from error
    print("\n".join(lines(header)))
    if parsed.out is not None:
        made = _put(made, parsed.out)
    elif made != source:
        print(f"kept in      {cache_folder('models')}")
    print(f"play it      perform play --model {shlex.quote(str(made if parsed.out else source))}")


def lines(header: Header) -> list[str]:
    """What an imported model is, one fact a line."""
    card, config = header.card, header.config
    source = card.get("source", {})
    said = {
        "network": str(card.get("description", header.architecture)),
        "latent": f"z of {config['z_dim']}, w of {config['w_dim']}" if "w_dim" in config else "",
        "labels": str(config["c_dim"]) if config.get("c_dim") else "",
        "parameters": f"{card['parameters']:,}" if isinstance(card.get("parameters"), int) else "",
        "file": str(source.get("format", "")),
        "sha256": str(source.get("sha256", "")),
        "made by": _maker(str(source.get("network_code_sha256", ""))),
    }
    notes = [f"{'note':12} {note}" for note in card.get("notes", [])]
    return [f"{name:12} {text}" for name, text in said.items() if text] + notes


def _maker(code: str) -> str:
    """Whose network code is in the file. A hint: line endings and versions change the sum."""
    if not code:
        return ""
    return (
        f"the network code of {STOCK[code]}" if code in STOCK else f"network code {code}, a fork's or another version"
    )


def _with_bar(source: Path) -> Path:
    """The conversion, with a bar while it is made."""
    from tqdm import tqdm

    from models.checkpoints import importing

    with tqdm(total=100, desc=source.name, unit="%", leave=False, bar_format="{desc} {bar} {n:.0f} %") as bar:

        def progress(fraction: float) -> None:
            bar.update(100 * fraction - bar.n)

        return importing.ready(source, progress)


def _put(made: Path, out: Path) -> Path:
    """A copy where the user wants it, whole or not at all."""
    if out.is_dir():
        out = out / made.name
    beside = out.with_name(out.name + ".part")
    try:
        shutil.copyfile(made, beside)
        beside.replace(out)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UserError(f"{out} cannot be written ({error.strerror}); name another place with -o") from error
    print(f"written to   {out}")
    return out
