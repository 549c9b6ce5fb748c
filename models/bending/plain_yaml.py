"""The part of YAML that lists of settings use: nested lists and mappings by indentation, `[a, b]`, `{a: 1}`, words,
numbers, comments. Nothing in it can run anything; what it does not know (anchors, tags, blocks of text) is refused.

Written for the configurations and cluster files of other programs (https://yaml.org/spec/1.2.2/), so that reading
them needs no library.
"""

from __future__ import annotations

import re
from typing import Any

DEEPEST = 20
Value = Any  # None, bool, int, float, str, list or dict of these

_TOKEN = re.compile(
    r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[\[\]{},]|:(?=[\s\[{]|$)|[^\[\]{},:\s](?:[^\[\]{},:#]|:(?!\s|$))*)"""
)
_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*'|[^\s\[\]{}#:"',][^#:\[\]{}]*?)\s*:(?:\s+(.*)|$)""")


def parse(text: str) -> Value:
    """The value that the text describes. ValueError names the line that cannot be read."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = _uncommented(line).rstrip()
        if bare.strip() in ("", "---", "..."):
            continue
        if "\t" in bare[: len(bare) - len(bare.lstrip())]:
            raise ValueError(f"line {number}: indented with a tab")
        lines.append((number, len(bare) - len(bare.lstrip()), bare.strip()))
    if not lines:
        return None
    value, rest = _block(lines, 0, lines[0][1], 0)
    if rest < len(lines):
        raise ValueError(f"line {lines[rest][0]}: indented otherwise than what stands before it")
    return value


def _uncommented(line: str) -> str:
    quote = ""
    for place, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place]
    return line


Lines = list[tuple[int, int, str]]


def _block(lines: Lines, at: int, indent: int, depth: int) -> tuple[Value, int]:
    """The value that begins at line `at`, and the line after it."""
    if depth > DEEPEST:
        raise ValueError(f"line {lines[at][0]}: nested deeper than {DEEPEST}")
    if _is_item(lines[at][2]):
        return _list(lines, at, indent, depth)
    if _KEY.fullmatch(lines[at][2]):
        return _mapping(lines, at, indent, depth)
    return _flow(lines[at]), at + 1


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith("- ")


def _list(lines: Lines, at: int, indent: int, depth: int) -> tuple[list[Value], int]:
    found: list[Value] = []
    while at < len(lines) and lines[at][1] == indent and _is_item(lines[at][2]):
        number, _, text = lines[at]
        inner = text[1:].lstrip()
        if inner:  # the item's first line stands behind the dash
            lines[at] = (number, indent + len(text) - len(inner), inner)
            value, at = _block(lines, at, lines[at][1], depth + 1)
        else:
            value, at = _under(lines, at, indent, depth)
        found.append(value)
    return found, at


def _mapping(lines: Lines, at: int, indent: int, depth: int) -> tuple[dict[Value, Value], int]:
    found: dict[Value, Value] = {}
    while at < len(lines) and lines[at][1] == indent and not _is_item(lines[at][2]):
        number, _, text = lines[at]
        match = _KEY.fullmatch(text)
        if match is None:
            raise ValueError(f"line {number}: {text[:40]!r} is no `key: value`")
        key = _scalar(match[1], number)
        if match[2]:
            found[key], at = _flow((number, indent, match[2])), at + 1
        else:
            found[key], at = _under(lines, at, indent, depth)
    return found, at


def _under(lines: Lines, at: int, indent: int, depth: int) -> tuple[Value, int]:
    """The value below a key or a dash: deeper lines, or a list at the key's own depth; None if there is none."""
    below = at + 1
    if below < len(lines):
        deeper = lines[below][1] > indent
        beside = lines[below][1] == indent and _is_item(lines[below][2]) and not _is_item(lines[at][2])
        if deeper or beside:
            return _block(lines, below, lines[below][1], depth + 1)
    return None, below


def _flow(line: tuple[int, int, str]) -> Value:
    """A value on one line."""
    number, _, text = line
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"line {number}: cannot read {text[place : place + 20]!r}")
        tokens.append(match[1].strip())
        place = match.end()
    value, rest = _one(tokens, 0, number, 0)
    if rest < len(tokens):
        raise ValueError(f"line {number}: {tokens[rest]!r} behind the value")
    return value


def _one(tokens: list[str], at: int, number: int, depth: int) -> tuple[Value, int]:
    if at >= len(tokens) or depth > DEEPEST:
        raise ValueError(f"line {number}: a bracket is not closed")
    token = tokens[at]
    if token not in ("[", "{"):
        return _scalar(token, number), at + 1
    close = "]" if token == "[" else "}"
    items: list[tuple[Value, Value]] = []
    at += 1
    while at < len(tokens) and tokens[at] != close:
        first, at = _one(tokens, at, number, depth + 1)
        second = None
        if close == "}" and at < len(tokens) and tokens[at] == ":":
            second, at = _one(tokens, at + 1, number, depth + 1)
        items.append((first, second))
        if at < len(tokens) and tokens[at] == ",":
            at += 1
        elif at < len(tokens) and tokens[at] != close:
            raise ValueError(f"line {number}: a comma is missing before {tokens[at]!r}")
    if at >= len(tokens):
        raise ValueError(f"line {number}: a bracket is not closed")
    return ([first for first, _ in items] if close == "]" else dict(items)), at + 1


def _scalar(token: str, number: int) -> Value:
    if token[:1] in "\"'":
        return token[1:-1].replace("''", "'") if token[0] == "'" else re.sub(r"\\(.)", r"\1", token[1:-1])
    if token[:1] in "&*!|>%@`]}{[,:":
        raise ValueError(f"line {number}: {token!r} is beyond plain YAML")
    plain: dict[str, Value] = {"": None, "~": None, "null": None, "true": True, "false": False}
    if token.lower() in plain:
        return plain[token.lower()]
    for kind in (int, float):
        try:
            return kind(token)
        except ValueError:
            continue
    return token
