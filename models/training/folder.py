"""Any folder of pictures -> a bank of squares of one size, in a file that is mapped into memory.

What a performer drops in: photographs and drawings of any size and kind, among other files, some broken. Each is read
in a way that cannot end the training: turned as its camera held it (EXIF), the first of several frames, palettes, CMYK,
grey and 16 bits to RGB, transparency on black, the middle square, averaged down. What cannot be read is passed over and
listed. Sub-folders are labels where every picture lies in one.

The bank is kept beside the run by a hash of names, sizes, dates and this file's `VERSION`, so it is made once.
"""

from __future__ import annotations

import json
import logging
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from models.checkpoints import Refused
from models.training.data import to_signed
from models.training.method import Batch

log = logging.getLogger(__name__)

VERSION = 1
FEW = 8  # fewer pictures than this are looked at in many crops
CROPS = 64
LEAST_SIDE = 4  # pixels
SUFFIXES = frozenset(
    {
        ".apng", ".avif", ".bmp", ".dib", ".gif", ".ico", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pcx",
        ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".tga", ".tif", ".tiff", ".webp",
    }
)  # fmt: skip
# What Pillow's readers raise on files that are damaged, cut short, far too large or no pictures at all.
BROKEN = (
    OSError, ValueError, SyntaxError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError, EOFError,
    AssertionError, NotImplementedError, struct.error, zlib.error, UnidentifiedImageError, Image.DecompressionBombError,
)  # fmt: skip


@dataclass(frozen=True)
class Bank:
    """`pictures` [N, 3, size, size] uint8, mapped from the disk; `labels` [N] int64 into `classes`, or None.

    `skipped`: what could not be read, "name: why". `digest` tells one bank from another.
    """

    pictures: NDArray[np.uint8]
    labels: Tensor | None
    classes: tuple[str, ...]
    skipped: tuple[str, ...]
    digest: str

    def batch(self, count: int, mirror: bool, rng: torch.Generator) -> Batch:
        """`count` random pictures, each mirrored by chance if `mirror`; on the processor."""
        index = torch.randint(len(self.pictures), [count], generator=rng, device=rng.device).cpu()
        turned = torch.rand([count], generator=rng, device=rng.device).cpu() < (0.5 if mirror else 0.0)
        x = torch.from_numpy(self.pictures[index.numpy()])
        x = torch.where(turned[:, None, None, None], x.flip(3), x)
        return Batch(to_signed(x), None if self.labels is None else self.labels[index])


def pictures_of(
    folder: Path, size: int, keep: Path, labels: bool = False, tick: Callable[[int, int], object] | None = None
) -> Bank:
    """The bank of a folder, made or found in `keep`. `labels`: the recipe needs them. `tick(done, of)` is called after
    each picture.

    Seconds to minutes and much reading: in the training process. Raises Refused for a folder that is not there, holds
    no picture that can be read, or has no labels where they are needed.
    """
    files = found_in(folder)
    if not files:
        raise Refused(
            f"{folder}: no pictures are in it. Put some there (.png, .jpg, .webp, .tif, ...) or name another."
        )
    if labels and len({_label(path, folder) for path in files} - {""}) < 2:
        raise Refused(
            f"{folder}: this recipe needs labels. Put the pictures of each style into a sub-folder of its own (two or "
            f"more), named after the style."
        )
    digest = _digest(folder, files, size)
    path = keep / f"pictures-{size}-{digest[:12]}.bank"
    if not (path.exists() and path.with_suffix(".json").exists()):
        _make(folder, files, size, path, tick or (lambda _done, _of: None))
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return _bank(folder, path, about, digest, labels)


def found_in(folder: Path) -> list[Path]:
    """Every file below that is named as pictures are, sorted, hidden ones left out. Raises Refused."""
    if folder.is_file():
        raise Refused(f"{folder}: is a file. Name the folder that the pictures lie in.")
    if not folder.is_dir():
        raise Refused(f"{folder}: there is no such folder. Check the name (with its folder, as in ./pictures).")
    every = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in every if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def read_picture(path: Path) -> Image.Image:
    """The first frame of a file as RGB, upright. Raises one of BROKEN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large pictures and odd metadata are not our business here
        with Image.open(path) as opened:
            opened.draft("RGB", (1024, 1024))  # a JPEG is scaled down while it is decoded
            opened.load()
            turned = ImageOps.exif_transpose(opened)
            return _rgb(turned)


def _rgb(picture: Image.Image) -> Image.Image:
    """Any mode to RGB: 16 bits and floats by their own range, transparency on black."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture, np.float32)
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        largest = float(values.max(initial=0.0))
        full = 1.0 if picture.mode == "F" and largest <= 1.0 else 255.0 if largest <= 255.0 else 65535.0
        if picture.mode.startswith("I;16"):
            full = 65535.0
        grey = (values / full * 255.0).clip(0, 255).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        full_colour = picture.convert("RGBA")
        ground = Image.new("RGBA", full_colour.size, (0, 0, 0, 255))
        return Image.alpha_composite(ground, full_colour).convert("RGB")
    return picture.convert("RGB")


def square(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """The middle square, [3, size, size] uint8. ValueError for a picture of almost no pixels."""
    side = min(picture.size)
    if side < LEAST_SIDE:
        raise ValueError(f"only {picture.width}x{picture.height} pixels")
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return _scaled(picture, (left, top, left + side, top + side), size)


def crops(picture: Image.Image, size: int, count: int, seed: int) -> list[NDArray[np.uint8]]:
    """`count` squares out of a picture: a half to all of its shorter side, anywhere, mirrored by chance."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(count):
        side = min(picture.size) * rng.uniform(0.5, 1.0)
        left, top = rng.uniform(0, picture.width - side), rng.uniform(0, picture.height - side)
        one = _scaled(picture, (left, top, left + side, top + side), size)
        made.append(one[:, :, ::-1] if rng.random() < 0.5 else one)
    return made


def _scaled(picture: Image.Image, box: tuple[float, float, float, float], size: int) -> NDArray[np.uint8]:
    cut = picture.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))
    small = cut.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(small, np.uint8).transpose(2, 0, 1)


def _label(path: Path, folder: Path) -> str:
    """The sub-folder that a picture lies in; "" for one that lies in the folder itself."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else ""


def _digest(folder: Path, files: list[Path], size: int) -> str:
    told = [[str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return sha256(json.dumps([VERSION, size, told]).encode()).hexdigest()


def _make(folder: Path, files: list[Path], size: int, path: Path, tick: Callable[[int, int], object]) -> None:
    """Write the bank and what it says of itself beside, then rename: it is there whole or not at all.

    Plain writes: of a file that grows under a memory map, a full disk takes the whole program down.
    """
    beside = path.with_suffix(".part")
    try:
        read, skipped, each = _write(folder, files, size, beside, tick)
        if each == 1 and 0 < len(read) < FEW:  # so many could not be read that few are left
            read, _, each = _write(folder, read, size, beside, tick)
        told = [str(file.relative_to(folder)) for file in read]
        about = {"each": each, "files": told, "skipped": skipped}
        path.with_suffix(".json").write_text(json.dumps(about), encoding="utf-8")
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _write(
    folder: Path, files: list[Path], size: int, path: Path, tick: Callable[[int, int], object]
) -> tuple[list[Path], list[str], int]:
    """Write what can be read: those files, what was wrong with the others, and how many squares each gave."""
    each = 1 if len(files) >= FEW else -(-CROPS // len(files))
    read, skipped = [], []
    with path.open("wb") as room:
        for done, file in enumerate(files, 1):
            try:
                picture = read_picture(file)
                squares = [square(picture, size), *crops(picture, size, each - 1, done)]
            except BROKEN as error:
                said = " ".join(str(error).replace(str(file), "it").split()) or type(error).__name__
                skipped.append(f"{file.relative_to(folder)}: {said[:160]}")
            else:
                room.writelines(np.ascontiguousarray(one).tobytes() for one in squares)
                read.append(file)
            tick(done, len(files))
    return read, skipped, each


def _bank(folder: Path, path: Path, about: dict[str, Any], digest: str, labels: bool) -> Bank:
    """The bank as kept, with what is to be said of it."""
    files, skipped = [Path(name) for name in about["files"]], tuple(about["skipped"])
    for line in skipped[:5]:
        log.warning("passed over %s", line)
    if len(skipped) > 5:
        log.warning("passed over %d more files that cannot be read", len(skipped) - 5)
    if not files:
        raise Refused(
            f"{folder}: none of the {len(skipped)} files that are named as pictures can be read ({skipped[0]}). "
            f"Export them again from where they came."
        )
    if len(files) < FEW:
        log.warning(
            "%s: %s. %d crops of %s are trained on; the network will know little else. Some hundred pictures are a "
            "good start.", folder, "one picture only" if len(files) == 1 else f"{len(files)} pictures only",
            len(files) * about["each"], "it" if len(files) == 1 else "them",
        )  # fmt: skip
    names = [path.parts[0] if len(path.parts) > 1 else "" for path in files]
    classes = tuple(sorted(set(names))) if all(names) else ()
    if labels and len(classes) < 2:
        raise Refused(
            f"{folder}: labels are missing: every picture must lie in the sub-folder of its style, and two styles or "
            f"more must have pictures that can be read."
        )
    index = [classes.index(name) for name in names for _ in range(about["each"])] if classes else None
    size = int(path.stem.split("-")[1])
    pictures = np.memmap(path, np.uint8, "r", shape=(len(files) * about["each"], 3, size, size))
    found = None if index is None else torch.tensor(index, dtype=torch.int64)
    return Bank(pictures, found, classes, skipped, digest)
