"""Arithmetic from a header: what it gives, what it refuses, and that nothing is ever run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perform.output.expression import Expression, ExpressionError

NAMES = {"WIDTH": 640.0, "HEIGHT": 360.0, "center.x": 0.25}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("4", 4),
        ("$WIDTH/2", 320),
        ("floor($HEIGHT / 7) + 1", 52),
        ("max($WIDTH, $HEIGHT) * 0.5", 320),
        ("min(2, 3) - -1", 3),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 2 - 3", 5),
        ("64 / 4 / 2", 8),
        ("-$center.x * 4", -1),
        ("7 % 4", 3),
        ("pow(2, 10)", 1024),
        ("sqrt(ceil(8.5)) + abs(round(-1.2))", 4),
        (".5e1", 5),
        ("1 / 0", 0),
        ("pow(10, 4000)", 0),
        ("sqrt(-1)", 0),
    ],
)
def test_it_calculates(text: str, result: float) -> None:
    assert Expression(text)(NAMES) == pytest.approx(result)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "too early"),
        ("2 +", "too early"),
        ("(2", '")" is missing'),
        ("2 2", "one too many"),
        ("__import__('os')", "cannot read"),
        ("system(1)", "not known"),
        ("WIDTH", "names begin with"),
        ("2 ** 8", "wrong place"),
        ("min(1)", "takes 2 numbers"),
        ("1; 2", "cannot read"),
        ("[1]", "cannot read"),
        ("(" * 60 + "1" + ")" * 60, "too many brackets"),
        ("1+" * 400 + "1", "longer than"),
    ],
)
def test_it_refuses_what_is_no_arithmetic(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words.replace("(", r"\(").replace(")", r"\)")):
        Expression(text)


def test_it_knows_its_names() -> None:
    assert Expression("$WIDTH + $center.x * $WIDTH").names == {"WIDTH", "center.x"}


@given(st.text(alphabet="0123456789.+-*/%() ,$WIDTHminax", max_size=40))
def test_any_text_gives_a_finite_number_or_an_error(text: str) -> None:
    try:
        expression = Expression(text)
    except ExpressionError:
        return
    assert math.isfinite(expression(dict.fromkeys(expression.names, 3.0)))
