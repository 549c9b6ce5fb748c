"""What is known of a network beside its weights: groups of channels, directions, statistics of its neurons.

Looked for in the user's own folder, then beside the model's file. Imports torch; for the loader's thread and the
commands, never for the show's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import models
from models.bending.clusters import Clusters, clusters_path, load_clusters, model_hash
from models.checkpoints import Refused
from models.decoding.statistics import Statistics, gather, load_statistics, save_statistics, statistics_path
from models.steering.bank import Bank, bank_path, load_bank, save_bank
from models.steering.files import known_directions
from models.steering.find import find_directions, lacks_directions
from perform.engine.preset import user_folder

if TYPE_CHECKING:
    from models.generators import Generator
    from models.steering.directions import Directions

T = TypeVar("T")


@dataclass(frozen=True)
class Lore:
    """What is known of one network, and its bank of places. `words` are lines about what cannot be used."""

    clusters: Clusters | None = None
    directions: Directions | None = None
    statistics: Statistics | None = None
    bank: Bank = field(default_factory=Bank)
    words: tuple[str, ...] = ()


def own_folder(kind: str) -> Path:
    """Where the user's own files of a kind ("clusters", "directions", "activity", "slots") lie."""
    return user_folder().parent / kind


def usual_place(kind: str, beside: Callable[[Path], Path], model: str) -> Path:
    """Where a command keeps what it found out: beside a model that is a file, else in the user's own folder."""
    place = beside(Path(model))
    return place if Path(model).is_file() else own_folder(kind) / place.name


def known(generator: Generator, name: str) -> Lore:
    """All that there is in files, and directions, which are found at once where there are none.

    `generator` as it came, before anything is done to its weights. Tenths of a second for small networks, some seconds
    for the largest.
    """
    lore = at_hand(generator, name)
    return replace(lore, directions=found_directions(generator)) if lacks(lore, generator) else lore


def at_hand(generator: Generator, name: str) -> Lore:
    """What is in files alone: one pass over the weights, for their hash."""
    words: list[str] = []
    clusters = _look(name, "clusters", clusters_path, lambda path: load_clusters(path, generator), words)
    statistics = _look(name, "activity", statistics_path, lambda path: load_statistics(path, generator), words)
    model = model_hash(generator)
    bank = _look(name, "slots", bank_path, lambda path: load_bank(path, model), words) or Bank({}, model)
    directions: Directions | None = None
    refused: tuple[str, ...] = ()
    if not lacks_directions(generator):
        directions, refused = known_directions(name, model, own_folder("directions"), models.shipped())
    return Lore(clusters, directions, statistics, bank, (*words, *refused))


def lacks(lore: Lore, generator: Generator) -> bool:
    """Whether there are directions to be found."""
    return lore.directions is None and not lacks_directions(generator)


def found_directions(generator: Generator) -> Directions:
    """What a network is steered along that came without directions: a second for the largest, on one core."""
    return find_directions(generator, ["ganspace"])


def keep(bank: Bank, name: str) -> None:
    """Write the places of a model into the user's folder. OSError where the disk refuses."""
    path = own_folder("slots") / bank_path(Path(name)).name
    path.parent.mkdir(parents=True, exist_ok=True)
    save_bank(path, bank)


def with_statistics(lore: Lore, name: str, progress: Callable[[float], None] | None = None) -> Lore:
    """The same with statistics, gathered from a copy of the network of its own and kept in the user's folder.

    Seconds to a minute. Raises models.checkpoints.Refused if the model is not there any more.
    """
    found = gather(models.load(name), progress=progress)
    words = lore.words
    path = own_folder("activity") / statistics_path(Path(name)).name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_statistics(path, found)
    except OSError as error:
        words = (*words, f"{path} cannot be written ({error.strerror}); they are gathered anew next time")
    return replace(lore, statistics=found, words=words)


def _look(
    name: str, kind: str, beside: Callable[[Path], Path], load: Callable[[Path], T], words: list[str]
) -> T | None:
    """The first of the files of a model that can be used; lines about the others go to `words`."""
    model = models.shipped().get(name, Path(name))
    for path in (own_folder(kind) / beside(model).name, beside(model)):
        if path.is_file():
            try:
                return load(path)
            except Refused as error:
                words.append(str(error))
    return None
