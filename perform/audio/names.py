"""Which input is meant, and which of its channels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from perform.engine.problems import UserError


def match(wanted: str, names: Sequence[str]) -> int | None:
    """Which of `names` is meant by `wanted`: the same, the same but for case, else the first that contains it."""
    low = wanted.casefold()
    for fits in (
        lambda name: name == wanted,
        lambda name: name.casefold() == low,
        lambda name: low in name.casefold(),
    ):
        for place, name in enumerate(names):
            if fits(name):
                return place
    return None


def parse_channels(text: str) -> tuple[str, str]:
    """ "NAME:3,4" as the name and which channels, "" for the usual ones. "NAME:mix" is the mean of all.

    Names may have colons and numbers in them ("hw:0,0"), so ask this only for a name that is not there as it is.
    """
    found = re.fullmatch(r"(.*\S)\s*:\s*(mix|[1-9]\d*(?:\s*,\s*[1-9]\d*)*)", text, re.DOTALL)
    return (found[1], found[2].replace(" ", "")) if found else (text, "")


def highest_channel(channels: str) -> int:
    """How many channels an input must have for these."""
    return 0 if channels in ("", "mix") else max(int(number) for number in channels.split(","))


def picker(channels: str) -> Callable[[Any], Any]:
    """What takes the wanted channels out of a block [n, c]: one or two of them as they are, more as their mean [n, 1].

    Slices of the block where that is possible: the callback should not copy twice.
    """
    if channels == "mix":
        return lambda block: block.mean(axis=1, keepdims=True)
    picks = [int(number) - 1 for number in channels.split(",")] if channels else []
    if not picks:
        return lambda block: block[:, :2]
    if len(set(picks)) == 1:
        return lambda block: block[:, picks[0] : picks[0] + 1]
    if len(picks) == 2:
        return lambda block: block[:, picks]
    return lambda block: block[:, picks].mean(axis=1, keepdims=True)


def check_channels(name: str, channels: str, there: int) -> None:
    """Raises UserError where an input has fewer channels than are asked for."""
    wanted = highest_channel(channels)
    if wanted > there:
        raise UserError(f'the input "{name}" has {there} channel{"s" * (there != 1)}; there is no channel {wanted}')
