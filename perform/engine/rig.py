"""What is done to a network while it plays, as plain data: the slots of a preset, its relatives. Needs no torch.

A rig is fixed between two presets; all of its numbers are parameters, which the tree takes in when the rig comes:
`bend.<slot>.<knob>` for each slot. So a preset's routes reach them like any others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from models.bending.slots import Features, Kind, Slot, slot_knobs
from models.bending.transforms import knobs_by_transform
from models.bending.wide import wide_knobs
from models.blending.rows import MODELS
from models.knobs import Knob, text
from perform.engine.parameters import nearest
from perform.engine.problems import UserError

TAKEN = ("wide", "add", "remove")
KINDS = get_args(Kind)
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_WORDS = {
    "layer": "at which layer of the network the slot works",
    "transform": "what the slot does",
    "features": "on which channels: all, random or cluster",
}


@dataclass(frozen=True, slots=True)
class Rig:
    """The slots of network bending in their order, the models to blend with, and the trajectory, by name or file.

    The first of `relatives` is model 2 of the blend; "" is a place that nobody has, or no trajectory.
    """

    slots: tuple[Slot, ...] = ()
    relatives: tuple[str, ...] = field(default=())
    trajectory: str = ""


NOTHING = Rig()


def slot(name: str, layer: str, transform: str, features: Features, amount: float, knobs: dict[str, float]) -> Slot:
    """A slot, looked at. UserError names what is wrong with it and the nearest right word."""
    if not _NAME.fullmatch(name):
        raise UserError(f'a slot cannot be called "{name}": small letters, digits, - and _, a letter first')
    if name in TAKEN:
        raise UserError(f'a slot cannot be called "{name}", that is taken; choose another name')
    known = knobs_by_transform()
    if transform not in known:
        raise UserError(f'slot {name}: there is no transform "{transform}".{nearest(transform, known)}')
    own = {knob.name: knob for knob in known[transform]}
    for key, value in knobs.items():
        if key not in own:
            hint = nearest(key, own) or f" It has: {', '.join(own) or 'no knobs'}."
            raise UserError(f'slot {name}: {transform} has no knob "{key}".{hint}')
        if not own[key].low <= value <= own[key].high:
            raise UserError(f"slot {name}: {key} = {value:g} is outside {own[key].low:g} to {own[key].high:g}")
    return Slot(layer, transform, features, amount, knobs, name)


def rig_knobs(rig: Rig) -> Iterator[Knob]:
    """Every parameter of a rig with its full name; the defaults are what the rig says."""
    known = knobs_by_transform()
    for one in rig.slots:
        for knob in slot_knobs(one, known[one.transform]):
            yield knob.named(f"bend.{one.name}.{knob.name}")
        for word, doc in _WORDS.items():
            yield text(f"bend.{one.name}.{word}", doc)


def bend_knobs() -> tuple[Knob, ...]:
    """What of bending is in the tree under `bend` whatever plays."""
    return (
        text("add", 'a slot more: "transform layer", or "name transform layer"'),
        text("remove", "take the slot of this name away"),
        *(knob.named(f"wide.{knob.name}") for knob in wide_knobs()),
    )


def relative_knobs() -> tuple[Knob, ...]:
    """How models come into a blend, for the tree under `blend`; model 1 is the one on the deck."""
    return tuple(text(f"model.{k}.load", f"model {k} of the blend, by name or file") for k in range(2, MODELS + 1))


def changed(rig: Rig, name: str, word: str) -> Rig:
    """The rig after somebody said `word` to `bend.add`, `bend.remove`, `bend.<slot>.<layer|transform|features>`,
    `blend.model.<k>.load` or `tune.trajectory`.

    Raises UserError where that cannot be done.
    """
    match name.split("."):
        case ["bend", "add"]:
            return _added(rig, word.split())
        case ["bend", "remove"]:
            _find(rig.slots, word)
            return replace(rig, slots=tuple(one for one in rig.slots if one.name != word))
        case ["blend", "model", number, "load"]:
            places = [*rig.relatives, *[""] * MODELS][: MODELS - 1]
            places[int(number) - 2] = word
            while places and not places[-1]:
                places.pop()
            return replace(rig, relatives=tuple(places))
        case ["tune", "trajectory"]:
            return replace(rig, trajectory=word)
        case ["bend", which, part] if part in _WORDS:
            old = _find(rig.slots, which)
            if part == "features":
                if word not in KINDS:
                    raise UserError(f'slot {which}: features are all, random or cluster, not "{word}"')
                new = replace(old, features=replace(old.features, kind=word))  # type: ignore[arg-type]
            elif part == "layer":
                new = replace(old, layer=word)
            else:
                new = slot(which, old.layer, word, old.features, old.amount, {})
            return replace(rig, slots=tuple(new if one is old else one for one in rig.slots))
    return rig


def _added(rig: Rig, words: Sequence[str]) -> Rig:
    if len(words) not in (2, 3):
        raise UserError('bend.add takes "transform layer" or "name transform layer"')
    *named, transform, layer = words
    taken = {one.name for one in rig.slots}
    wanted = named[0] if named else transform
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}{count}"
    return replace(rig, slots=(*rig.slots, slot(name, layer, transform, Features(), 1.0, {})))


def _find(slots: Sequence[Slot], name: str) -> Slot:
    for one in slots:
        if one.name == name:
            return one
    names = [one.name for one in slots]
    raise UserError(f'there is no slot "{name}".{nearest(name, names)} There are: {", ".join(names) or "none"}.')
