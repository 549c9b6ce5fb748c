"""Arithmetic from a shader's header ("$WIDTH / 2"): a parser of our own, so that nothing from a file is ever run.

Numbers, `$NAMES`, + - * / %, brackets, and floor, ceil, round, abs, sqrt, min, max, pow.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

Evaluate = Callable[[Mapping[str, float]], float]

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|\$(?P<name>[A-Za-z_][\w.]*)|(?P<word>[A-Za-z_]\w*)|(?P<sign>[-+*/%(),]))"
)
FUNCTIONS: dict[str, tuple[Callable[..., float], int]] = {
    "floor": (lambda x: float(math.floor(x)), 1),
    "ceil": (lambda x: float(math.ceil(x)), 1),
    "round": (lambda x: float(round(x)), 1),
    "abs": (abs, 1),
    "sqrt": (lambda x: math.sqrt(max(x, 0.0)), 1),
    "min": (min, 2),
    "max": (max, 2),
    "pow": (math.pow, 2),
}
LONGEST = 500
DEEPEST = 50


class ExpressionError(ValueError):
    """The text is not arithmetic that we know. The message says what and where."""


class Expression:
    """A parsed expression. `names` are the `$NAMES` in it; calling it with their values gives the number."""

    def __init__(self, text: str) -> None:
        """Parse. Raises ExpressionError."""
        self.text = text
        self.names: frozenset[str] = frozenset()
        self._evaluate = _Parser(text, self).parse()

    def __call__(self, values: Mapping[str, float]) -> float:
        """The number. Dividing by zero and overflow give 0, as a picture with no size is put right by the caller."""
        try:
            result = self._evaluate(values)
        except (ZeroDivisionError, OverflowError, ValueError):
            return 0.0
        return result if math.isfinite(result) else 0.0


class _Parser:
    """Recursive descent: sum -> product -> sign -> atom."""

    def __init__(self, text: str, expression: Expression) -> None:
        if len(text) > LONGEST:
            raise ExpressionError(f"longer than {LONGEST} characters")
        self.expression = expression
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        self.depth = 0
        place = 0
        text = text.rstrip()
        while place < len(text):
            found = TOKEN.match(text, place)
            if found is None:
                raise ExpressionError(f'cannot read "{text[place:].strip()[:20]}"')
            kind = str(found.lastgroup)
            self.tokens.append((kind, found.group(kind)))
            place = found.end()

    def parse(self) -> Evaluate:
        made = self.sum()
        if self.at < len(self.tokens):
            raise ExpressionError(f'"{self.tokens[self.at][1]}" is one too many')
        return made

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) and self.tokens[self.at][0] == "sign" else ""

    def take(self, sign: str) -> None:
        if self.peek() != sign:
            raise ExpressionError(f'"{sign}" is missing')
        self.at += 1

    def sum(self) -> Evaluate:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError("too many brackets")
        left = self.product()
        while (sign := self.peek()) in ("+", "-"):
            self.at += 1
            left = _join(sign, left, self.product())
        self.depth -= 1
        return left

    def product(self) -> Evaluate:
        left = self.signed()
        while (sign := self.peek()) in ("*", "/", "%"):
            self.at += 1
            left = _join(sign, left, self.signed())
        return left

    def signed(self) -> Evaluate:
        negative = False
        while (sign := self.peek()) in ("+", "-"):
            self.at += 1
            negative ^= sign == "-"
        atom = self.atom()
        return (lambda values: -atom(values)) if negative else atom

    def atom(self) -> Evaluate:
        if self.at >= len(self.tokens):
            raise ExpressionError("it stops too early")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            number = float(text)
            return lambda _: number
        if kind == "name":
            self.expression.names |= {text}
            return lambda values: values[text]
        if kind == "word":
            return self.call(text)
        if text != "(":
            raise ExpressionError(f'"{text}" is in the wrong place')
        inner = self.sum()
        self.take(")")
        return inner

    def call(self, word: str) -> Evaluate:
        if word not in FUNCTIONS:
            raise ExpressionError(f'"{word}" is not known; names begin with $, functions are {", ".join(FUNCTIONS)}')
        function, count = FUNCTIONS[word]
        self.take("(")
        arguments = [self.sum()]
        while self.peek() == ",":
            self.at += 1
            arguments.append(self.sum())
        self.take(")")
        if len(arguments) != count:
            raise ExpressionError(f"{word} takes {count} numbers, not {len(arguments)}")
        return lambda values: function(*(argument(values) for argument in arguments))


def _join(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    if sign == "+":
        return lambda values: left(values) + right(values)
    if sign == "-":
        return lambda values: left(values) - right(values)
    if sign == "*":
        return lambda values: left(values) * right(values)
    if sign == "/":
        return lambda values: left(values) / right(values)
    return lambda values: math.fmod(left(values), right(values))
