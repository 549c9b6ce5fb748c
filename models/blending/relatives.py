"""Other models as parents of a blend: brought in, checked for shape, and whether they are related.

Where a model came from is in its card: `ancestry`, a list of steps (`models.checkpoints` writes one for an imported
file, with its sha256), and recipe and seed for those trained here. Two models are relatives if their cards share an
ancestor. Most files say nothing of that, but their weights do: training further turns filters a little, and filters of
two trainings from scratch have nothing to do with one another (cosine of all of them 0.00 within 0.01).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.blending import Unmixable

if TYPE_CHECKING:
    from torch import Tensor

MAPPING = "mapping."
AKIN = 0.2  # cosine of the convolutions' weights, above which two networks have had the same beginning


@dataclass(frozen=True)
class Relative:
    """A parent of a blend: its tensors by name, float32, never written; `lineage` are marks of its ancestors."""

    name: str
    tensors: Mapping[str, Tensor]
    architecture: str = ""
    lineage: frozenset[str] = field(default_factory=frozenset)


def lineage(card: Mapping[str, Any]) -> frozenset[str]:
    """The ancestors that a model's card names: files by sha256, trainings by recipe and seed."""
    steps = card.get("ancestry", [])
    marks = {str(step["sha256"]) for step in steps if isinstance(step, dict) and step.get("sha256")}
    for one in (card, *(step for step in steps if isinstance(step, dict))):
        if one.get("recipe") and "seed" in one:
            marks.add(f"{one['recipe']} {one['seed']}")
    return frozenset(marks)


def read(name_or_path: str | Path, progress: Callable[[float], None] | None = None) -> Relative:
    """A model as a parent, by any name that `models.load` knows. Loader's thread.

    Raises models.checkpoints.Refused for a file that is no model, Unmixable for a model without weights.
    """
    import models
    from models.checkpoints import io

    name = str(name_or_path)
    if name in models.BUILT_IN:
        raise Unmixable(f"{name} has no weights that could be mixed; it can be crossfaded on the other deck")
    path, shown = models.path_of(name_or_path, progress)
    header, tensors = io.read(path)
    return Relative(Path(shown).stem, tensors, header.architecture, lineage(header.card))


def check(home: Mapping[str, Tensor], architecture: str, other: Relative) -> tuple[str, ...]:
    """Whether `other` can be mixed into the network whose tensors are `home`. Raises Unmixable with words.

    A mapping network of another shape (depth, labels) is no hindrance: it stays at home, and the words returned say so.
    """
    if other.architecture and other.architecture != architecture:
        raise Unmixable(f"{other.name} is a {other.architecture}, not a {architecture}: crossfade their pictures")
    if not home:
        raise Unmixable(f"a {architecture} has no weights that could be mixed: crossfade their pictures")
    for name, tensor in home.items():
        if name.startswith(MAPPING):
            continue
        if name not in other.tensors:
            raise Unmixable(f"{other.name} has no {name}: crossfade their pictures")
        if not fits(name, home, other):
            theirs = list(other.tensors[name].shape)
            raise Unmixable(
                f"{other.name} is of another shape ({name} is {theirs}, not {list(tensor.shape)}): crossfade their "
                "pictures"
            )
    if wrong := foreign_mapping(home, other):
        return (f"the mapping of {other.name} is of another shape ({wrong}); the mapping stays at home",)
    return ()


def foreign_mapping(home: Mapping[str, Tensor], other: Relative) -> str:
    """The first tensor in which the mapping of `other` is not of the shape of the one at home, "" if there is none."""
    wrong = [name for name in home if name.startswith(MAPPING) and not fits(name, home, other)]
    wrong += [name for name in other.tensors if name.startswith(MAPPING) and name not in home]
    return wrong[0] if wrong else ""


def fits(name: str, home: Mapping[str, Tensor], other: Relative) -> bool:
    """Whether `other` has this tensor in the same shape."""
    return name in other.tensors and other.tensors[name].shape == home[name].shape


def kinship(home: Relative, other: Relative) -> tuple[float, str]:
    """How alike their filters are (a cosine), and a warning in words if they seem to be strangers, "" otherwise."""
    alike = likeness(home.tensors, other.tensors)
    if home.lineage & other.lineage or alike >= AKIN:
        return alike, ""
    return alike, (
        f"{other.name} is no relative of {home.name} as far as their cards and weights say (likeness {alike:.2f}): "
        "the ends are themselves, the middle will be mush"
    )


def likeness(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    """The cosine between all filters of two networks, each layer counted alike; -1..1."""
    names = [name for name, t in a.items() if t.ndim == 4 and name in b and b[name].shape == t.shape]
    names = [name for name in names if not name.endswith("const")]
    cosines = []
    for name in names:
        x, y = a[name].detach().double().flatten().cpu(), b[name].detach().double().flatten().cpu()
        norm = float(x.norm() * y.norm())
        cosines.append(float(x @ y) / norm if norm > 0 else 0.0)
    return sum(cosines) / len(cosines) if cosines else 0.0
