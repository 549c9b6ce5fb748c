"""The values that a file can make here: plain ones, and these sealed records. None of them is the thing it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.checkpoints import Refused

CUT = "it is cut short (a download that did not finish?). Copy it again from where it came."
DAMAGED = "it is damaged ({}). Copy it again from where it came."


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the file names. Only ever two strings."""

    module: str
    name: str

    def __str__(self) -> str:
        return printable(f"{self.module}.{self.name}")


@dataclass(frozen=True, slots=True)
class Opaque:
    """What a name outside the table would have made. Takes anything, does nothing."""

    name: Name


class Inert:
    """A record that the file may fill once through BUILD; its own class says with what."""

    __slots__ = ()

    def build(self, state: object) -> None:
        """Take the state that the file gives, or raise Refused."""
        raise Refused(DAMAGED.format("a state where none belongs"))


MOST_WORDS = 500  # of a message; a person reads it in the dark


def printable(text: str, most: int = 120) -> str:
    """Text out of a file for a person: not too long, and without characters that would play tricks on a terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:most])
    return shown if len(text) <= most else shown + "..."


def damaged(what: str) -> Refused:
    """The refusal for a file that no program wrote like this."""
    return Refused(DAMAGED.format(what))


def expect(values: tuple[Any, ...], *kinds: type | tuple[type, ...]) -> tuple[Any, ...]:
    """The first len(kinds) of `values`, each of its kind; Refused if they are fewer or others."""
    if len(values) < len(kinds) or not all(isinstance(v, k) for v, k in zip(values, kinds, strict=False)):
        raise damaged("arguments that do not fit")
    return values[: len(kinds)]


def key(value: object) -> object:
    """A key of a dict or set: plain scalars only."""
    if value is None or type(value) in (str, int, bool, float, bytes):
        return value
    if isinstance(value, Name | Opaque):  # both hold short strings only
        return value
    raise damaged("a key that is no plain value")
