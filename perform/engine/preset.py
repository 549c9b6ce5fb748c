"""Presets: TOML files that say what plays. Data only, checked against a schema before anything changes.

    name = "First light"
    about = "one line for the person at the desk"
    model = "first-light"
    shaders = ["displace", "feedback", "grade"]         # in this order

    [values.walk]                                       # any parameter by its name
    speed = 0.25

    [[bends]]                                           # slots of network bending, in this order
    name = "melt"                                       # its numbers are bend.melt.amount, bend.melt.angle, ...
    layer = "b32.conv1"                                 # after which layer of the network
    transform = "rotate"
    features = "random"                                 # all, random (fraction, seed) or cluster (cluster)
    fraction = 0.5
    amount = 0.8
    knobs = {angle = 30.0}

    relatives = ["ink"]                                  # models to blend with; above the tables, with `model`
    trajectory = "first-light-foiled"                    # the training that tune.position walks along; there, too

    [[rewrites]]                                        # glitches of the weights that are kept
    op = "reconnect"
    seed = 7

    [[routes]]
    signal = "audio.low"
    to = "walk.truncation_psi"
    depth = 0.4                                         # in the parameter's own unit
    curve = "smooth"
    attack = 0.01                                       # seconds
    release = 0.3
    threshold = 0.2                                     # 0..1; below it the signal counts as 0
    hold = 0.1                                          # seconds at its height before it falls
    quantise = "beat"                                   # quarter, half, beat or bar; waits for the next one

An unknown key is an error that names the file, the key and the nearest right one. Files are found by path, then by name
in the user's own folder, then among the shipped ones. Saving writes to the user's folder and never over another file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w

from models.bending.slots import Features
from models.blending.rows import MODELS
from models.rewriting.glitch import MOST_KEPT, Glitch, glitch_of
from perform.engine import assets
from perform.engine.parameters import Parameters, nearest
from perform.engine.patch import Curve, Quantise, Route
from perform.engine.problems import UserError
from perform.engine.rig import Rig, slot

Seconds = Annotated[float, msgspec.Meta(ge=0.0, le=600.0)]


class RouteTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """One `[[routes]]` table."""

    signal: str
    to: str
    depth: Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
    curve: Curve = "linear"
    attack: Seconds = 0.0
    release: Seconds = 0.0
    threshold: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.0
    hold: Seconds = 0.0
    quantise: Quantise = ""


class BendTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """One `[[bends]]` table: a slot."""

    name: str
    layer: str
    transform: str
    amount: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 1.0
    features: Literal["all", "random", "cluster"] = "all"
    fraction: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 1.0
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**24 - 1)] = 0
    cluster: Annotated[int, msgspec.Meta(ge=0, le=63)] = 0
    knobs: dict[str, float] = {}


class Preset(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """A preset as the file has it. `values` is nested by the dots of the parameters' names."""

    name: str
    about: str = ""
    model: str = "first-light"
    shaders: tuple[str, ...] = ()
    values: dict[str, Any] = {}
    relatives: tuple[str, ...] = ()
    trajectory: str = ""
    bends: tuple[BendTable, ...] = ()
    rewrites: tuple[dict[str, Any], ...] = ()
    routes: tuple[RouteTable, ...] = ()


def user_folder() -> Path:
    """Where the user's own presets live. `PERFORM_HOME` moves it."""
    home = os.environ.get("PERFORM_HOME")
    return (Path(home) if home else Path.home() / ".perform") / "presets"


def available() -> dict[str, Path]:
    """All presets by name (the file's stem), the shipped ones first, the user's own over them."""
    found = {path.stem: path for path in sorted(assets.folder("presets").glob("*.toml"))}
    found.update({path.stem: path for path in sorted(user_folder().glob("*.toml"))})
    return found


def find(name: str) -> Path:
    """The file of a preset given by path or by name. Raises UserError with the nearest name where there is none."""
    if Path(name).suffix == ".toml" or os.sep in name:
        path = Path(name)
        if not path.is_file():
            raise UserError(f"there is no preset file {name}")
        return path
    found = available()
    if name not in found:
        raise UserError(f'there is no preset "{name}".{nearest(name, found)} There are: {", ".join(found)}.')
    return found[name]


def read(path: Path) -> Preset:
    """The preset in a file. Raises UserError that names the file, the key and the nearest right one."""
    try:
        text = path.read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), Preset, strict=False)
    except OSError as error:
        raise UserError(f"the preset {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not a text file; a preset is TOML in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path.name} is not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{path.name}: {_explained(str(error))}") from error


def _explained(message: str) -> str:
    """msgspec's words with the nearest right key added."""
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if not unknown:
        return message
    table: type[msgspec.Struct] = Preset
    place = ""
    for part, kind in (("routes", RouteTable), ("bends", BendTable)):
        if f"$.{part}" in message:
            table, place = kind, f" in [[{part}]]"
    return f"unknown key {unknown[1]!r}{place}." + nearest(unknown[1], table.__struct_fields__)


def write(path: Path, preset: Preset) -> None:
    """Write a preset as TOML, whole or not at all. Raises UserError when the disk refuses."""
    data = msgspec.to_builtins(preset)
    waiting = path.with_suffix(".toml.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting.write_text(tomli_w.dumps(data), encoding="utf-8")
        waiting.replace(path)
    except OSError as error:
        raise UserError(f"the preset {path} cannot be written: {error.strerror}; nothing was changed") from error


def free_path(stem: str) -> Path:
    """A file in the user's folder that does not exist yet: stem.toml, stem-2.toml, ..."""
    folder = user_folder()
    path, count = folder / f"{stem}.toml", 1
    while path.exists():
        count += 1
        path = folder / f"{stem}-{count}.toml"
    return path


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as (dotted name, value)."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.")
        else:
            yield name, value


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested tables."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *way, leaf = name.split(".")
        table = tree
        for part in way:
            table = table.setdefault(part, {})
        table[leaf] = value
    return tree


def checked(preset: Preset, parameters: Parameters, shaders: frozenset[str], where: str) -> dict[str, float]:
    """The numbers of a preset, every name and value of it looked at. Raises UserError that names `where` and the key.

    Nothing is changed: what passes here can be applied without fail.
    """
    numbers = {}
    for name, value in flat(preset.values):
        numbers[name] = _number(name, value, parameters, where)
    for route in preset.routes:
        if route.to not in parameters:
            hint = nearest(route.to, parameters.names())
            raise UserError(f'{where}: a route leads to "{route.to}", which is no parameter.{hint}')
    for shader in preset.shaders:
        if shader not in shaders:
            raise UserError(f'{where}: there is no shader "{shader}".{nearest(shader, shaders)}')
    if len(set(preset.shaders)) != len(preset.shaders):
        raise UserError(f"{where}: a shader stands twice in `shaders`; each can run once")
    return numbers


def _number(name: str, value: Any, parameters: Parameters, where: str) -> float:
    if not isinstance(value, int | float | str):
        raise UserError(f"{where}: {name} = {value!r} is neither a number nor a word")
    try:
        number = parameters.number(name, value)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    knob = parameters.knob(name)
    if not isinstance(value, str) and not knob.low <= value <= knob.high:
        raise UserError(f"{where}: {name} = {value} is outside {knob.low:g} to {knob.high:g} {knob.unit}".rstrip())
    return number


def rig(preset: Preset, where: str) -> Rig:
    """What the preset does to its network. Raises UserError that names `where`, the slot and the nearest right word."""
    slots = []
    for table in preset.bends:
        features = Features(table.features, table.seed, table.fraction, table.cluster)
        try:
            slots.append(slot(table.name, table.layer, table.transform, features, table.amount, table.knobs))
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    names = [one.name for one in slots]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f'{where}: two slots are called "{twice[0]}"; each needs a name of its own')
    if len(preset.relatives) >= MODELS:
        raise UserError(f"{where}: {len(preset.relatives)} relatives; a blend has at most {MODELS - 1}")
    return Rig(tuple(slots), preset.relatives, preset.trajectory)


def glitches(preset: Preset, where: str) -> tuple[Glitch, ...]:
    """What is rewritten from the start. Raises UserError that names `where` and what is wrong."""
    if len(preset.rewrites) > MOST_KEPT:
        raise UserError(f"{where}: {len(preset.rewrites)} rewrites; at most {MOST_KEPT} can be kept")
    try:
        return tuple(glitch_of(table) for table in preset.rewrites)
    except (ValueError, TypeError) as error:
        raise UserError(f"{where}: in [[rewrites]], {error}") from error


def tables(rig: Rig) -> tuple[BendTable, ...]:
    """The slots of a rig as a preset writes them."""
    return tuple(
        BendTable(
            one.name, one.layer, one.transform, one.amount, one.features.kind, one.features.fraction,
            one.features.seed, one.features.cluster, dict(one.knobs),
        )
        for one in rig.slots
    )  # fmt: skip


def routes(preset: Preset) -> tuple[Route, ...]:
    """The preset's routes, ready for a Patch."""
    return tuple(Route(**msgspec.structs.asdict(route)) for route in preset.routes)
