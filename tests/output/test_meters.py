"""The meter page of the HUD."""

from __future__ import annotations

import numpy as np
import pytest
from test_hud import SIZE, Easel, like, untouched

from perform.output.hud import AMBER, BARS, CYAN, Bar, Hud
from perform.output.meters import Meter, lay_meters
from perform.output.quads import LEVELS, Quads
from perform.output.wall import OffscreenWall


def page(*meters: Meter) -> Hud:
    hud = Hud()
    hud.visible = hud.meters_visible = True
    hud.show((), [Bar("a", 0.5)] * 40)
    hud.show_meters(meters)
    return hud


@pytest.fixture
def easel(wall: OffscreenWall) -> Easel:
    return Easel(wall)


@pytest.mark.gl
def test_each_signal_is_a_bar_as_long_as_its_value_and_follows_every_frame(easel: Easel) -> None:
    def length(value: float, pulse: bool = False) -> int:
        hud = page(Meter("audio.low", value, "", pulse))
        pixels = easel.draw(hud)[26:]  # below the heading
        return int(like(pixels, AMBER if pulse else CYAN).sum(axis=1).max())

    full = length(1.0)
    assert full > 40
    assert length(0.5) == pytest.approx(full / 2, abs=3)
    assert length(0.5, pulse=True) == pytest.approx(full / 2, abs=3)
    assert length(float("nan")) < 8


@pytest.mark.gl
def test_what_a_signal_drives_is_written_beside_it_and_hidden_it_costs_nothing(easel: Easel) -> None:
    alone, busy = (easel.draw(page(Meter("audio.low", 0.0, words))) for words in ("", "walk.speed +0.40"))
    assert (np.abs(busy - alone).max(axis=-1) > 60).sum() > 50
    hud = page(Meter("audio.low", 1.0))
    hud.visible = hud.meters_visible = False
    easel.draw(hud)
    assert untouched(easel.draw(hud))


@pytest.mark.gl
@pytest.mark.parametrize("size", [(96, 54), (640, 360), (1280, 720), (720, 1280), (3840, 2160)])
def test_any_number_of_signals_fits_any_wall(wall: OffscreenWall, size: tuple[int, int]) -> None:
    hud = page(*[Meter(f"some.signal.{n}", n / 300, "x.y +1" if n % 3 == 0 else "") for n in range(300)])
    assert Easel(wall, size).draw(hud).any()


def test_where_there_is_no_room_those_that_drive_something_stay() -> None:
    from perform.output.font import build

    _, faces = build((10, 13, 20))
    quads = Quads()
    meters = [Meter(f"s{n}", 0.5, "walk.speed +0.1" if n == 90 else "") for n in range(100)]
    rows, columns = lay_meters(quads, faces, SIZE, meters, BARS)
    assert rows * columns < 100
    levels = -2.0 - quads.rows[: quads.count, 12]
    shown = sorted(int(level) for level in levels if level >= 0)
    assert BARS + 90 in shown, "its bar still follows its own number"
    assert len(shown) == rows * columns
    assert max(shown) < LEVELS
