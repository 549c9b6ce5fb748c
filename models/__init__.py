"""Networks, and what can be done to them. Knows nothing of sound, hands or screens; imports torch only when a network
is asked for.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.generators import Generator

BUILT_IN = {"cppn": "colour fields from a random coordinate network; needs no weights file"}


def shipped() -> dict[str, Path]:
    """The weights files inside this package that can be played, by name (NAME.critic.safetensors judges one)."""
    with as_file(files("models") / "weights") as folder:
        found = sorted(folder.glob("*.safetensors"))
        return {path.stem: path for path in found if not path.stem.endswith(".critic")}


def imported() -> dict[str, Path]:
    """The converted checkpoints in the user's cache, by the name of the file that each was made from (no suffix): names
    that `load` knows too, after the shipped ones. A few small reads; imports no torch.
    """
    from models.checkpoints import importing

    return importing.kept()


def available() -> dict[str, str]:
    """Every name that `load` knows on any machine, with one line of description. Costs a few small reads; imports no
    torch.
    """
    from models.checkpoints import Refused
    from models.checkpoints.io import read_header

    lines = {}
    for name, path in shipped().items():
        try:
            lines[name] = str(read_header(path).card.get("description", ""))
        except Refused as error:
            lines[name] = f"damaged: {error}"
    return lines | BUILT_IN


def load(name_or_path: str | Path, device: str = "cpu", progress: Callable[[float], None] | None = None) -> Generator:
    """A network by the name of a shipped one (see `available`), by the path of any supported checkpoint, or by the name
    of one that was loaded from a path before (see `imported`).

        g = load("any-supported-file")
        w = g.map(z, c=None, truncation_psi=0.7, truncation_cutoff=None)   # [N, z_dim] -> [N, num_ws, w_dim]
        image = g.synthesize(w, noise_mode="const")                        # [N, 3, H, W] float32, about -1..1
        image = g.synthesize(w, transform=m)                               # StyleGAN3: [3, 3], where the picture lies

    A foreign checkpoint (NVIDIA's PyTorch and TensorFlow pickles, rosinality's .pt) is converted the first time, by a
    child process that runs nothing of it (`models.checkpoints.importing`), and mapped from the cache afterwards;
    `progress` is called with 0..1 meanwhile, from this thread. Takes up to seconds and touches the disk: not on the
    main, render or generator thread. Raises models.checkpoints.Refused (a ValueError) whose message names what was
    asked for, what is wrong and what to do.
    """
    from models.checkpoints import io
    from models.generators import build

    name = str(name_or_path)
    if name in BUILT_IN:
        return build(name, {}).to(device)
    return io.load(*path_of(name_or_path, progress)).to(device)


def path_of(name_or_path: str | Path, progress: Callable[[float], None] | None = None) -> tuple[Path, str]:
    """The file of ours behind any name that `load` knows and that has one, and what to call it. As `load`, it may
    convert, and raises Refused.
    """
    from difflib import get_close_matches
    from pathlib import Path

    from models.checkpoints import Refused, importing

    name = str(name_or_path)
    known = shipped()
    path = known.get(name, Path(name_or_path))
    if name not in known and not path.exists():
        if (kept := imported()).get(name):
            return kept[name], name
        near = get_close_matches(name, [*known, *BUILT_IN, *kept], n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise Refused(f"{name}: neither a shipped model ({', '.join([*known, *BUILT_IN])}) nor a file.{hint}")
    return importing.ready(path, progress), path.name
