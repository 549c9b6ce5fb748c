"""A bank of places: 16 slots that hold the w of a frame, and bring it back exactly.

A slot holds w as it went to the network (float32, all layers), so the picture comes back the same whatever the walk,
the truncation and the faders do then; with it the numbers beside w that make the picture (noise strength, pose,
label), whichever the caller names. Recalled with an amount for each slot: one at 1 is that place, bit for bit; several
mix, and what their sum lacks to 1 is the walk. A mixture keeps the strength of its parts (their distance from the
mean), so it does not pale half-way.

METHODS.md, row W2. Numpy; torch-free. Legend: L layers (num_ws), D width of w.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from models.checkpoints import Refused
from models.knobs import Knob, trigger
from models.latents import Array

SLOTS = 16
FORMAT = 1
KEY = "perform.slots"
SUFFIX = ".slots.safetensors"
LONGEST_NAME = 40
MOST_BYTES = 64_000_000
_NAMES = tuple(f"slot.{slot}" for slot in range(1, SLOTS + 1))


def slot_knobs() -> tuple[Knob, ...]:
    """How far each slot is recalled, and a button for each that stores: for the tree under `walk`."""
    slots = range(1, SLOTS + 1)
    return (
        *(
            Knob(f"slot.{n}", 0.0, 0.0, 1.0, "", f"recall place {n}: at 1 its picture, between a mixture")
            for n in slots
        ),
        *(trigger(f"store.{n}", f"keep what is on the wall as place {n}") for n in slots),
    )


@dataclass(frozen=True, eq=False)
class Place:
    """One slot: w `[L, D]` (float32's numbers), and by name what else the picture was made of."""

    w: Array
    numbers: Mapping[str, float] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, eq=False)
class Bank:
    """The places of one network, by slot from 1; `model` is its hash."""

    places: Mapping[int, Place] = field(default_factory=dict)
    model: str = ""

    def stored(self, slot: int, w: Array, numbers: Mapping[str, float] | None = None, name: str = "") -> Bank:
        """The bank with a place kept. ValueError for a slot that there is not, or what is no number."""
        if not 1 <= slot <= SLOTS:
            raise ValueError(f"there is no slot {slot}; they are 1 to {SLOTS}")
        rounded = np.asarray(w, np.float32).astype(np.float64)
        if not (np.isfinite(rounded).all() and all(math.isfinite(number) for number in (numbers or {}).values())):
            raise ValueError(f"slot {slot}: not all of its numbers are finite")
        return replace(self, places={**self.places, slot: Place(rounded, dict(numbers or {}), name[:LONGEST_NAME])})

    def without(self, slot: int) -> Bank:
        """The bank with a slot empty."""
        return replace(self, places={n: place for n, place in self.places.items() if n != slot})


class Recall:
    """Brings places back. Made by the loader's thread for ONE network; `apply` is the generator's, after `Steer`.

    `bank` may be set anew between two frames. `muted` is one line for each slot that is asked for and cannot be.
    """

    def __init__(self, bank: Bank, w_avg: Array, num_ws: int) -> None:
        self._w_avg, self._shape = w_avg, (num_ws, len(w_avg))
        self.bank = bank
        self.muted: tuple[str, ...] = ()

    def store(self, slot: int, w: Array, numbers: Mapping[str, float]) -> None:
        """Keep the w `[L, D]` of a frame, as it went to the network. Generator's thread; some microseconds."""
        self.bank = self.bank.stored(slot, w, numbers)

    def apply(self, w: Array, values: Mapping[str, float]) -> Array:
        """w `[L, D]` drawn to the places that are asked for; w itself where there are none, a place's own w where one
        is at 1. `values` has `slot.1` .. by name; they are shared out where their sum passes 1.
        """
        asked = [(slot, amount) for slot in range(1, SLOTS + 1) if (amount := _amount(values, slot)) > 0.0]
        if not asked:
            self.muted = ()
            return w
        there = [(self.bank.places[slot].w, amount) for slot, amount in asked if self._plays(slot)]
        if len(there) != len(asked):
            self.muted = tuple(self._told(slot) for slot, _ in asked if not self._plays(slot))
        elif self.muted:
            self.muted = ()
        if not there:
            return w
        if len(there) == 1 and there[0][1] == 1.0:
            return there[0][0]
        return mixed(w, there, self._w_avg)

    def numbers(self, values: Mapping[str, float]) -> Mapping[str, float]:
        """What beside w the picture of a slot was made of, while that slot alone is at 1; else nothing."""
        asked = [(slot, amount) for slot in range(1, SLOTS + 1) if (amount := _amount(values, slot)) > 0.0]
        if len(asked) == 1 and asked[0][1] == 1.0 and self._plays(asked[0][0]):
            return self.bank.places[asked[0][0]].numbers
        return {}

    def _plays(self, slot: int) -> bool:
        place = self.bank.places.get(slot)
        return place is not None and place.w.shape == self._shape

    def _told(self, slot: int) -> str:
        if slot not in self.bank.places:
            return f"walk.slot.{slot}: nothing is stored there; walk.store.{slot} keeps what is on the wall"
        return f"walk.slot.{slot}: its place is of another model"


def mixed(w: Array, places: list[tuple[Array, float]], center: Array) -> Array:
    """w `[L, D]` and places by their amounts, around `center` `[D]`, at their mean distance from it in each layer."""
    total = sum(amount for _, amount in places)
    scale = 1.0 / max(total, 1.0)
    rest = max(0.0, 1.0 - total)
    parts = [(place - center, amount * scale) for place, amount in places]
    if rest > 0.0:
        parts.append((w - center, rest))
    out = sum(share * part for part, share in parts)
    length = sum(share * _lengths(part) for part, share in parts)
    found = _lengths(np.asarray(out))
    # Where parts cancel there is no direction to be strong in.
    gain = np.where(found > 1e-6 * length, length / np.maximum(found, 1e-12), 1.0)
    return np.asarray(center + gain[:, None] * out)


def _lengths(rows: Array) -> Array:
    """[L, D] -> [L]."""
    return np.asarray(np.sqrt(np.einsum("ld,ld->l", rows, rows)))


def _amount(values: Mapping[str, float], slot: int) -> float:
    try:
        value = values[_NAMES[slot - 1]]
    except KeyError:
        return 0.0
    return min(max(value, 0.0), 1.0) if not math.isnan(value) else 0.0


def bank_path(model: Path) -> Path:
    """Where the places of a model file lie: beside it, `NAME.slots.safetensors`."""
    return model.with_name(model.stem + SUFFIX)


def save_bank(path: Path, bank: Bank) -> None:
    """Write beside, then rename over `path`. OSError as by any write."""
    about = {str(slot): {"name": place.name, "numbers": dict(place.numbers)} for slot, place in bank.places.items()}
    top = {"format": FORMAT, "model": bank.model, "places": about}
    beside = path.with_name(path.name + ".part")
    tensors = {str(slot): np.ascontiguousarray(place.w, np.float32) for slot, place in bank.places.items()}
    save_file(tensors, beside, metadata={KEY: json.dumps(top)})
    beside.chmod(0o644)
    beside.replace(path)


def load_bank(path: Path, model: str = "") -> Bank:
    """The places in a file. `model`: the hash of the network that they are for, "" for any. Raises Refused."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused(f"{path}: too large for a bank of {SLOTS} places. Name another file.")
        with safe_open(path, framework="numpy") as file:
            top = json.loads((file.metadata() or {})[KEY])
            if int(top["format"]) > FORMAT:
                raise Refused(f"{path}: written by a newer perform (format {top['format']}). Update perform.")
            bank = Bank({}, str(top["model"]))
            for slot, said in dict(top["places"]).items():
                numbers = {str(name): float(number) for name, number in dict(said["numbers"]).items()}
                w = file.get_tensor(slot)
                if w.ndim != 2:
                    raise Refused(f"{path}: slot {slot} is no w [layers, width]. Store the place again.")
                bank = bank.stored(int(slot), w, numbers, str(said["name"]))
    except OSError as error:
        raise Refused(f"{path}: cannot be read ({error.strerror}). Check the name and the rights.") from error
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"{path}: no bank of places, or damaged. Store the places again.") from error
    if model and bank.model != model:
        raise Refused(f"{path}: these places are of another model. Name another file for this one's.")
    return bank
