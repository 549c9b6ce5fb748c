"""Configurations and cluster files of the paper's own program (github.com/terrybroad/network-bending), read into ours.

Its layers are numbered 1 ... 16 along the convolutions after the first; its transforms are ours with other spelling.
What it says and does not do is said: a transform at layer 0 was never applied there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.bending.clusters import groups_from
from models.bending.plain_yaml import parse
from models.bending.slots import Features, Slot
from models.checkpoints import Refused

MOST_BYTES = 20_000_000  # its example of a cluster file has 0.2 MB

# Its names (and its README's misspelling), and the knobs that its parameters are.
TRANSFORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ablate": ("ablate", ()),
    "invert": ("invert", ()),
    "scalar-multiply": ("scalar_multiply", ("factor",)),
    "binary-thresh": ("binary_thresh", ("threshold",)),
    "binary-tresh": ("binary_thresh", ("threshold",)),
    "flip-h": ("flip_h", ()),
    "flip-v": ("flip_v", ()),
    "rotate": ("rotate", ("angle",)),
    "scale": ("scale", ("factor",)),
    "translate": ("translate", ("right", "down")),
    "erode": ("erode", ("radius",)),
    "dilate": ("dilate", ("radius",)),
}


@dataclass(frozen=True)
class Imported:
    """What a configuration gives: slots in order, and what could not be taken over, in words."""

    slots: tuple[Slot, ...]
    notes: tuple[str, ...]


def layer_name(number: int) -> str:
    """Our name of the author's layer: 1 is b8.conv0, 2 b8.conv1, ... 16 b1024.conv1; 0 is the layer at 4x4."""
    return f"b{4 << ((number + 1) // 2)}.conv{(number - 1) % 2}"


def read_config(path: Path) -> Imported:
    """The slots of a YAML configuration. Raises Refused, which names the file, the place and the remedy.

    Random features are drawn there anew in every run; here the slot's place in the file is the seed, so that what was
    found once stays.
    """
    top = _read(path)
    entries = top.get("transforms") if isinstance(top, dict) else None
    if not isinstance(entries, list):
        raise Refused(f"{path}: no list `transforms:`. Is it a configuration of network-bending?")
    slots: list[Slot] = []
    notes: list[str] = []
    for place, entry in enumerate(entries):
        try:
            made = _slot(entry, place)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise Refused(f"{path}: transform {place + 1}: {_words(error)}. Correct it, or take it out.") from error
        if isinstance(made, Slot):
            slots.append(made)
        else:
            notes.append(made)
    return Imported(tuple(slots), tuple(notes))


def read_clusters(path: Path) -> dict[str, tuple[int, ...]]:
    """The author's cluster file: by layer, the group of each channel in order. Raises Refused."""
    top = _read(path)
    try:
        return {layer_name(int(number)): groups_from(entries) for number, entries in top.items()}
    except (AttributeError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise Refused(f"{path}: not a cluster file of network-bending ({_words(error)}).") from error


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused(
                f"{path}: {path.stat().st_size / 1e6:.0f} MB. No such file is that large; is it the right one?"
            )
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(
            f"{path}: cannot be read ({error.strerror}). Check the name and the rights of the file."
        ) from error
    except ValueError as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"{path}: {error}. Only plain YAML is read; correct that line.") from error


def _words(error: Exception) -> str:
    return f"no {error.args[0]}" if isinstance(error, KeyError) else str(error)


def _slot(entry: Mapping[str, Any], place: int) -> Slot | str:
    """One entry as a slot, or why there is none."""
    said = f"transform {place + 1} ({entry['transform']})"
    if entry["transform"] == "resize":
        return f"{said}: it changes the size of the map; see models.bending.enlarge"
    if entry["transform"] not in TRANSFORMS:
        raise ValueError(f"there is no {entry['transform']}; there are {', '.join(TRANSFORMS)}")
    number = int(entry["layer"])
    if not 0 <= number <= 30:
        raise ValueError(f"there is no layer {number}")
    if number == 0:
        return f"{said}: at layer 0, where the author's program never applies it"
    transform, names = TRANSFORMS[entry["transform"]]
    given = [float(value) for value in entry.get("params") or []]
    if len(given) != len(names):
        raise ValueError(f"{entry['transform']} takes {len(names)} numbers, not {len(given)}")
    return Slot(layer_name(number), transform, _features(entry, place), knobs=dict(zip(names, given, strict=True)))


def _features(entry: Mapping[str, Any], place: int) -> Features:
    kind: Any = entry.get("features", "all")
    given: Any = entry.get("feature-param")
    if kind == "random":
        fraction = float(given)
        if not 0 <= fraction <= 1:
            raise ValueError(f"random features of {fraction}; a share lies in 0..1")
        return Features("random", seed=place, fraction=fraction)
    if kind == "cluster":
        return Features("cluster", cluster=int(given))
    return Features(kind)
