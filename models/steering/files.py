"""The file that holds a network's directions, `NAME.directions.toml`, and where it is looked for.

Its upper part is for hands: one line a direction, in the order in which faders count them. Names, layers, sigma and the
order may be changed, lines may be taken out or doubled. The vectors stand below (float32, base64) and are left alone.

Legend: D width of w.
"""

from __future__ import annotations

import base64
import binascii
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from models.checkpoints import Refused
from models.latents import Array
from models.steering.directions import Direction, Directions, fault_of

FORMAT = 1
SUFFIX = ".directions.toml"
MOST = 512  # directions in a file
MOST_BYTES = 32_000_000


def known_directions(
    name: str, model: str, folder: Path, shipped: Mapping[str, Path]
) -> tuple[Directions | None, tuple[str, ...]]:
    """What is known of the network `model` (its hash) that was asked for by `name` (a name or a path).

    Looked for in the user's `folder`, then beside the file, `shipped` being the files of names. The first file that is
    for this network wins. With it, one line for each file that was refused. Off the render and generator threads.
    """
    refused: list[str] = []
    for path in places(name, folder, shipped):
        if path.is_file():
            try:
                return load_directions(path, model), tuple(refused)
            except Refused as error:
                refused.append(str(error))
    return None, tuple(refused)


def places(name: str, folder: Path, shipped: Mapping[str, Path]) -> tuple[Path, Path]:
    """Where the directions of a model may lie, in the order in which they are looked for: see `known_directions`."""
    model = shipped.get(name, Path(name))
    return folder / (model.stem + SUFFIX), directions_path(model)


def directions_path(model: Path) -> Path:
    """Where the directions of a model file lie: beside it, `NAME.directions.toml`."""
    return model.with_name(model.stem + SUFFIX)


def save_directions(path: Path, directions: Directions, title: str = "") -> None:
    """Write beside, then rename over `path`. OSError as by any write."""
    rows = [
        {
            "name": entry.name, "method": entry.method, "component": entry.component,
            "layers": [entry.first, entry.last], "sigma": round(entry.sigma, 6),
        }
        for entry in directions.entries
    ]  # fmt: skip
    vectors: dict[str, dict[str, str]] = {}
    for entry in directions.entries:
        packed = base64.b64encode(entry.vector.astype("<f4").tobytes()).decode()
        vectors.setdefault(entry.method, {})[str(entry.component)] = packed
    top = {"format": FORMAT, "model": directions.model, "about": dict(directions.about)}
    text = "\n".join(
        [
            f"# Directions{f' of {title}' if title else ''}. Faders count the lines below from 1. Names, layers",
            "# [from, to], sigma (how far a fader goes) and order are yours; leave `model` and `[vectors]` alone.",
            "",
            f"direction = [\n{''.join(_line(row) for row in rows)}]",
            "",
            tomli_w.dumps(top),
            tomli_w.dumps({"vectors": vectors}),
        ]
    )
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _line(row: Mapping[str, Any]) -> str:
    """One direction as one line, an inline table."""
    words = ", ".join(
        f"{key} = {value}" if key == "layers" else tomli_w.dumps({key: value}).strip() for key, value in row.items()
    )
    return f"    {{ {words} }},\n"


def load_directions(path: Path, model: str = "") -> Directions:
    """The directions in a file. `model`: the hash of the network that they are for, "" for any.

    Raises Refused, which names the file, what is wrong and what to do. Imports no torch; off the render and generator
    threads, since it reads a file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused(f"{path}: too large for a file of directions. Find them again: {_again(path)}")
        top = tomllib.loads(path.read_text(encoding="utf-8"))
        if int(top["format"]) > FORMAT:
            raise Refused(f"{path}: written by a newer perform (format {top['format']}). Update perform.")
        vectors = {method: {k: _unpack(t) for k, t in of.items()} for method, of in dict(top["vectors"]).items()}
        found = Directions(_entries(path, top["direction"], vectors), str(top["model"]), dict(top["about"]))
    except OSError as error:
        raise Refused(f"{path}: cannot be read ({error.strerror}). Check the name and the rights.") from error
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{path}: {error}. Mend it there, or find the directions again: {_again(path)}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"{path}: no file of directions, or damaged. Find them again: {_again(path)}") from error
    if model and found.model != model:
        raise Refused(
            f"{path}: these directions were found in another model. Find this one's under"
            f" another name: perform directions MODEL -o FILE"
        )
    return found


def _again(path: Path) -> str:
    return f"perform directions MODEL -o {path.name}"


def _unpack(text: str) -> Array:
    """A vector of unit length. ValueError if it is none."""
    try:
        vector = np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float64)
    except binascii.Error as error:
        raise ValueError("no vector") from error
    length = float(np.linalg.norm(vector))
    if not (len(vector) and np.isfinite(length) and length > 0):
        raise ValueError("no vector")
    return np.asarray(vector / length)


def _entries(
    path: Path, rows: Sequence[Mapping[str, Any]], vectors: Mapping[str, Mapping[str, Array]]
) -> tuple[Direction, ...]:
    """The lines of the file. Refused names the one that a hand got wrong."""
    if len(rows) > MOST:
        raise Refused(f"{path}: {len(rows)} directions; at most {MOST} can be played. Take lines out.")
    entries = []
    for place, row in enumerate(rows, 1):
        try:
            method, component = str(row["method"]), int(row["component"])
            first, last = (int(layer) for layer in row["layers"])
            vector = vectors[method][str(component)]
            entry = Direction(str(row["name"]), method, component, vector, float(row["sigma"]), first, last)
            fault = fault_of(entry)
        except KeyError as error:
            fault = f"{error.args[0]!r} is missing (a method and component need their vector below)"
        except (ValueError, TypeError, OverflowError):
            fault = 'a line reads { name = "x", method = "ganspace", component = 1, layers = [0, 13], sigma = 1.0 }'
        if fault:
            raise Refused(f"{path}: direction {place}: {fault}. Mend it there.")
        entries.append(entry)
    if len({len(entry.vector) for entry in entries}) > 1:
        raise ValueError("vectors of several widths")
    return tuple(entries)
