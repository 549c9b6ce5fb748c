from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import pytest

from models.knobs import Choice, Knob, Span, knobs_of
from perform.engine.parameters import Parameters, address, dotted
from perform.engine.problems import UserError


def melt(
    x: float,
    *,
    radius: Annotated[float, Span(0, 32, "px", "how far colours run")] = 4.0,
    taps: Annotated[int, Span(1, 9)] = 3,
    hard: Annotated[bool, Span()] = False,
    edge: Annotated[str, Choice(("wrap", "mirror"))] = "mirror",
    hit: Annotated[float, Span(trigger=True)] = 0.0,
) -> float:
    return x


def test_a_function_declares_its_knobs_in_its_signature() -> None:
    radius, taps, hard, edge, hit = knobs_of(melt)
    assert (radius.name, radius.default, radius.high, radius.unit, radius.kind) == ("radius", 4.0, 32, "px", "float")
    assert [k.kind for k in (taps, hard, edge, hit)] == ["int", "bool", "choice", "trigger"]
    assert edge.choices == ("wrap", "mirror")
    assert edge.default == 1.0


def test_a_knob_outside_its_own_span_is_refused() -> None:
    with pytest.raises(ValueError, match="radius"):
        Knob("radius", 40.0, 0, 32)


def test_a_name_and_its_osc_address_are_the_same_thing(parameters: Parameters) -> None:
    for name in parameters.names():
        assert dotted(address(name)) == name
    assert address("walk.truncation_psi") == "/walk/truncation_psi"


def test_values_are_clamped_and_whole_where_the_kind_is_not_float(parameters: Parameters) -> None:
    parameters.set("walk.truncation_psi", 99)
    assert parameters.get("walk.truncation_psi") == 2.0
    parameters.set("walk.seed", 3.6)
    assert parameters.get("walk.seed") == 4.0
    parameters.set("shader.echo.mode", "over")
    assert parameters.word("shader.echo.mode") == "over"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_changes_nothing_and_is_named(parameters: Parameters, bad: float) -> None:
    with pytest.raises(UserError, match=r"walk\.speed"):
        parameters.set("walk.speed", bad)
    assert parameters.get("walk.speed") == 0.25


def test_an_unknown_name_or_word_is_answered_with_the_nearest(parameters: Parameters) -> None:
    with pytest.raises(UserError, match=r'Did you mean "walk\.truncation_psi"'):
        parameters.set("walk.trunction_psi", 0.5)
    with pytest.raises(UserError, match='Did you mean "screen"'):
        parameters.set("shader.echo.mode", "scren")


def test_a_button_fires_once_and_holds_nothing(parameters: Parameters) -> None:
    parameters.set("home", 1.0)
    parameters.set("next", 0.0)
    assert parameters.fired() == ["home"]
    assert parameters.fired() == []
    assert parameters.get("home") == 0.0


def test_played_values_are_base_plus_offsets_inside_the_span(parameters: Parameters) -> None:
    offsets = np.zeros(len(parameters))
    offsets[parameters.place("walk.truncation_psi")] = 0.25
    offsets[parameters.place("walk.seed")] = 2.4
    offsets[parameters.place("shader.echo.amount")] = 7.0
    values = parameters.play(offsets)
    assert values["walk.truncation_psi"] == pytest.approx(0.95)
    assert values["walk.seed"] == 2.0
    assert values["shader.echo.amount"] == 1.0
    assert values.word("walk.sync") == "seconds"
    assert not values.flag("freeze")
    assert parameters.get("walk.truncation_psi") == 0.7, "playing does not move the base"


def test_values_of_a_frame_do_not_change_afterwards(parameters: Parameters) -> None:
    values = parameters.play(np.zeros(len(parameters)))
    parameters.set("walk.speed", 2.0)
    assert values["walk.speed"] == 0.25
