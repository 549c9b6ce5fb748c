"""The HUD on a real GL context: what is drawn where, what is not, and that it leaves the context as it was."""

from __future__ import annotations

import math

import moderngl
import numpy as np
import pytest

from perform.engine.clock import Tick
from perform.output.font import DRAWN, LETTERS, build, plain
from perform.output.hud import AMBER, CYAN, EVERY, Bar, Hud, Line, em
from perform.output.wall import OffscreenWall

SIZE = (640, 360)
GREY = (60, 60, 60)
LINES = (Line("Show"), Line("frame time", "16.7 ms", (16.0, 17.0, 30.0) * 20, 20.0), Line("tempo", "124.0 bpm"))
BARS = (Bar("audio.low", 0.5), Bar("beat.pulse", 1.0, pulse=True))


class Easel:
    """A grey picture to draw over, and what it shows then."""

    def __init__(self, wall: OffscreenWall, size: tuple[int, int] = SIZE) -> None:
        self.ctx, self.size = wall.ctx, size
        self.frame = self.ctx.simple_framebuffer(size, 4)
        self.index = 0

    def draw(self, hud: Hud, time: float | None = None, dt: float = 1.0) -> np.ndarray:
        self.frame.use()
        self.frame.clear(*(part / 255 for part in GREY), 1.0)
        hud.draw(self.ctx, self.size, Tick(self.index, float(self.index) if time is None else time, dt))
        self.index += 1
        raw = np.frombuffer(self.frame.read(components=4), np.uint8)
        return raw.reshape(self.size[1], self.size[0], 4)[::-1, :, :3].astype(int)


@pytest.fixture
def easel(wall: OffscreenWall) -> Easel:
    return Easel(wall)


def untouched(pixels: np.ndarray) -> bool:
    return bool((np.abs(pixels - GREY) <= 1).all())


def like(pixels: np.ndarray, colour: tuple[float, ...], within: int = 40) -> np.ndarray:
    return np.abs(pixels - np.array(colour[:3]) * 255).max(axis=-1) < within


def visible(keys: tuple[tuple[str, str], ...] = ()) -> Hud:
    hud = Hud(keys)
    hud.visible = True
    hud.show(LINES, BARS)
    return hud


def test_hidden_it_draws_nothing(easel: Easel) -> None:
    hud = Hud()
    hud.show(LINES, BARS, ["sound: gone"])
    assert untouched(easel.draw(hud))


def test_figures_are_at_the_left_bars_at_the_right_and_the_middle_is_free(easel: Easel) -> None:
    pixels = easel.draw(visible())
    left, middle, right = pixels[:200, :290], pixels[:200, 300:440], pixels[:200, 450:]
    assert not untouched(left)
    assert untouched(middle)
    assert not untouched(right)
    assert untouched(pixels[220:])
    assert (left.min(axis=-1) > 200).sum() > 40, "bright letters"
    assert like(left, CYAN, 70).sum() > 20, "a heading and a sparkline"
    assert like(left, AMBER).sum() > 20, "columns over the limit stand out"


def test_the_length_of_a_bar_is_its_value(easel: Easel) -> None:
    def length(value: float) -> int:
        hud = Hud()
        hud.visible = True
        hud.show((), [Bar("a", value)])
        return int(like(easel.draw(hud), CYAN).any(axis=0).sum())

    full = length(1.0)
    assert full > 60
    assert length(0.5) == pytest.approx(full / 2, abs=1.5)
    assert length(0.0) == length(-3.0) == length(math.nan) == 0
    assert length(7.0) == length(math.inf) == full


def test_bars_follow_every_frame_while_the_text_waits(easel: Easel) -> None:
    hud = visible()
    first = easel.draw(hud, 1.0)
    hud.show((*LINES[:2], Line("tempo", "99.0 bpm")), (Bar("audio.low", 1.0), BARS[1]))
    second = easel.draw(hud, 1.0 + EVERY / 4)
    assert (first[:, :300] == second[:, :300]).all(), "the text is laid out ten times a second"
    assert like(second[:, 440:], CYAN).sum() > 1.5 * like(first[:, 440:], CYAN).sum()
    third = easel.draw(hud, 1.0 + EVERY * 1.5)
    assert (third[:, :300] != first[:, :300]).any()


def test_problems_are_told_at_the_lower_edge_in_lines_that_fit(easel: Easel) -> None:
    hud = visible()
    hud.show(LINES, BARS, ["sound: the input has gone away and " + "is looked for " * 20, "osc: port 9000 is taken"])
    pixels = easel.draw(hud)
    assert like(pixels[220:], AMBER).sum() > 200
    assert untouched(pixels[:, -8:]), "nothing runs out of the picture"
    hud.show(LINES, BARS, [])
    assert untouched(easel.draw(hud)[220:])


def test_help_shows_the_keys_over_everything(easel: Easel) -> None:
    hud = Hud((("H", "figures"), ("← →", "presets")))
    hud.help_visible = True
    pixels = easel.draw(hud)
    assert not untouched(pixels[100:260, 200:440])
    assert untouched(pixels[:60])
    hud.help_visible = False
    assert untouched(easel.draw(hud))


def test_a_toast_comes_and_goes_by_itself(easel: Easel) -> None:
    hud = Hud()
    hud.toast("preset: Tide", 1.0)
    assert not untouched(easel.draw(hud, dt=0.5)[280:])
    hud.toast("preset: Ash", 1.0)
    other = easel.draw(hud, dt=0.5)
    assert not untouched(other)
    easel.draw(hud, dt=0.6)
    assert untouched(easel.draw(hud, dt=1.0))


def test_it_fades(easel: Easel) -> None:
    hud = visible()
    faint, full = easel.draw(hud, dt=0.03), easel.draw(hud)
    assert 0 < np.abs(faint - GREY).max() < np.abs(full - GREY).max()


@pytest.mark.parametrize("size", [(96, 54), (320, 180), (480, 640), (1280, 720)])
def test_every_size_of_window_and_its_changes(wall: OffscreenWall, size: tuple[int, int]) -> None:
    hud = visible((("H", "figures"),))
    hud.help_visible = True
    hud.toast("preset: Tide")
    easel = Easel(wall, size)
    assert not untouched(easel.draw(hud))
    again = Easel(wall, (200, 100))
    assert not untouched(again.draw(hud))
    hud.release()


def test_letters_grow_with_the_window() -> None:
    assert em((640, 360)) < em((1280, 720)) < em((1920, 1080)) < em((3840, 2160)) <= 48
    assert em((400, 2000)) < em((1280, 720))


def test_the_context_is_left_as_the_pictures_need_it(easel: Easel) -> None:
    easel.draw(visible())
    program = easel.ctx.program(
        vertex_shader="#version 330 core\nvoid main() {"
        " gl_Position = vec4((gl_VertexID & 1) * 4 - 1, (gl_VertexID >> 1) * 4 - 1, 0, 1); }",
        fragment_shader="#version 330 core\nout vec4 c; void main() { c = vec4(1, 0, 0, 0); }",
    )
    easel.ctx.vertex_array(program, []).render(moderngl.TRIANGLES, vertices=3)
    raw = np.frombuffer(easel.frame.read(components=4), np.uint8)
    assert raw.reshape(-1, 4)[0].tolist() == [255, 0, 0, 0], "no blending is left on"


def test_much_too_much_is_cut_and_not_an_error(easel: Easel) -> None:
    hud = visible()
    hud.show([Line("x" * 300, "y" * 300)] * 100, [Bar("z" * 200, 0.5)] * 100, ["w" * 4000] * 5)
    assert not untouched(easel.draw(hud))


def test_all_letters_are_there_and_the_rest_is_folded() -> None:
    sheet, (face,) = build((20,))
    for letter in (*LETTERS.strip(), *DRAWN):
        (x, y), (width, height) = face.layout(letter)[0][0, 4:6].astype(int), face.layout(letter)[0][0, 6:8].astype(int)
        assert sheet[y : y + height, x : x + width].max() > 100, letter
    digits = {face.width(digit) for digit in "0123456789"}
    assert len(digits) == 1, "numbers that change must not dance"
    assert plain("Café Ångström → ½") == "Cafe Angstrom → 1⁄2"
    assert face.layout("漢字")[1] == 2 * face.width("?")
    assert face.layout("")[1] == 0.0


def test_wrapping_and_cutting() -> None:
    _, (face,) = build((20,))
    lines = face.wrap("one two three four five six seven eight nine ten", 120)
    assert " ".join(lines) == "one two three four five six seven eight nine ten"
    assert all(face.width(line) <= 120 for line in lines)
    assert face.fit("short", 200) == "short"
    assert face.width(face.fit("a rather long thing to say", 100)) <= 100
