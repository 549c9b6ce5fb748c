"""The contract of every file in shaders/: a new file is covered with no edit here.

Golden pictures are made at a fixed time. After a change that is meant to be seen, write them anew with
PERFORM_GOLDEN=write and look at them.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from output_tools import SHADERS, Show
from PIL import Image

from models.knobs import Knob
from perform.output.canvas import Pixels
from perform.output.chain import chain_knobs, shader_names
from perform.output.isf import load

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "shaders"
NAMES = shader_names(SHADERS)
KNOBS = chain_knobs(SHADERS)
FRAMES = 6


def full(name: str, knob: str) -> str:
    return f"shader.{name}.{knob}"


def lively(name: str, way: float = 0.5) -> dict[str, float | str]:
    """Every fader part of the way from its default to its far end, so that no knob is idle because of another."""
    values: dict[str, float | str] = {}
    for knob in KNOBS[name]:
        if knob.kind == "float" and knob.name != "amount":
            far = knob.high if knob.high - knob.default >= knob.default - knob.low else knob.low
            values[full(name, knob.name)] = knob.default + way * (far - knob.default)
    return values


def distance(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.gl
def test_everything_compiles(show: Show) -> None:
    assert len(NAMES) >= 8
    assert not show.problems.history
    assert show.chain.names == NAMES
    assert show.chain.ready


@pytest.mark.parametrize("name", NAMES)
def test_the_header_is_complete(name: str) -> None:
    shader = load(SHADERS / f"{name}.fs")
    assert shader.description
    assert "MIT" in shader.credit
    for knob in shader.knobs:
        assert knob.doc != knob.name, f"{name}.{knob.name} has no LABEL"


@pytest.mark.gl
@pytest.mark.parametrize("name", NAMES)
def test_it_draws_a_picture(show: Show, name: str) -> None:
    show.again([name], lively(name))
    drawn = show.run(FRAMES)
    assert drawn[..., :3].std() > 1, "the picture is flat"
    assert drawn[..., :3].mean() > 3, "the picture is black"
    assert (drawn[..., 3] == 255).all()


@pytest.mark.gl
@pytest.mark.parametrize("name", NAMES)
def test_no_amount_is_exactly_the_picture(show: Show, name: str) -> None:
    show.again([], {})
    plain = show.run(FRAMES)
    show.again([name], {**lively(name), full(name, "amount"): 0.0})
    assert (show.run(FRAMES) == plain).all()


@pytest.mark.gl
@pytest.mark.parametrize(
    ("name", "knob"),
    [(name, knob) for name in NAMES for knob in KNOBS[name]],
    ids=lambda part: getattr(part, "name", part),
)
def test_every_knob_is_seen(show: Show, name: str, knob: Knob) -> None:
    base = lively(name)
    show.again([name], base)
    before = show.run(FRAMES)
    pictures = []
    if knob.kind == "trigger":
        show.again([name], base)
        show.chain.fire([full(name, knob.name)])
        pictures.append(show.run(FRAMES))
    for value in {knob.low, knob.high} if knob.kind != "trigger" else ():
        show.again([name], {**base, full(name, knob.name): value})
        pictures.append(show.run(FRAMES))
    assert max(distance(picture, before) for picture in pictures) > 0.05


@pytest.mark.gl
@pytest.mark.parametrize("name", NAMES)
def test_two_runs_are_equal(show: Show, name: str) -> None:
    pictures = []
    for _ in range(2):
        show.again([name], lively(name))
        pictures.append(show.run(FRAMES))
    assert (pictures[0] == pictures[1]).all()


@pytest.mark.gl
@pytest.mark.parametrize("name", NAMES)
def test_the_golden_picture(show: Show, name: str) -> None:
    show.again([name], lively(name, 0.2))
    drawn = show.run(FRAMES)[..., :3]
    path = GOLDEN / f"{name}.png"
    if os.environ.get("PERFORM_GOLDEN") == "write":
        Image.fromarray(drawn).save(path, optimize=True)
    assert path.exists(), f"no golden picture of {name}: run this test with PERFORM_GOLDEN=write and look at {path}"
    golden = np.asarray(Image.open(path))
    assert distance(drawn, golden) <= 2.0
    assert path.stat().st_size < 30_000


@pytest.mark.gl
@pytest.mark.parametrize("name", ["grade"])
def test_at_its_defaults_it_leaves_the_picture_alone(show: Show, name: str) -> None:
    show.again([], {})
    plain = show.run(2)
    show.again([name], {})
    assert np.abs(show.run(2).astype(int) - plain).max() <= 1


@pytest.mark.gl
def test_a_flash_strikes_at_most_three_times_a_second(show: Show) -> None:
    """However hard it is hit: WCAG 2.3.1. At 30 frames a second, hit on every second frame."""
    show.again(["flash"], {"shader.flash.fade": 0.05, "shader.flash.power": 1.0, "shader.flash.bloom": 0.0})
    light = []
    for frame in range(90):
        show.parameters.set("shader.flash.hit", float(frame % 2))
        tick = show.clock.tick()
        values = show.parameters.play(show.parameters.base * 0.0)
        show.stage.draw(None, values, type(tick)(tick.index, frame / 30.0, 1 / 30.0))
        light.append(float(show.wall.read()[..., :3].mean()))
    rises = [b - a > 40 for a, b in itertools.pairwise(light)]
    assert 6 <= sum(rises) <= 9
