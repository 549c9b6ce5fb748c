"""What the output tests share: the whole tree, a moving test picture, a show that draws frames."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.knobs import toggle
from perform.engine.clock import FixedClock
from perform.engine.frame import Frame
from perform.engine.parameters import Parameters
from perform.engine.problems import Problems
from perform.engine.sound import SPECTRUM, WAVE, SoundPicture
from perform.output.canvas import Pixels, Size
from perform.output.chain import Chain, chain_knobs
from perform.output.fit import output_knobs
from perform.output.stage import Stage
from perform.output.wall import OffscreenWall

SHADERS = Path(__file__).resolve().parents[2] / "shaders"
SMALL: Size = (96, 54)


SOUND = SoundPicture(
    np.asarray(0.5 + 0.5 * np.sin(np.arange(SPECTRUM) ** 1.5 / 9.0), np.float32),
    np.asarray(0.5 + 0.4 * np.sin(np.arange(WAVE) / 11.0)[None, :] * np.array([[1.0], [-0.6]]), np.float32),
)


def missing(what: str) -> None:
    """A part of the system is not here: in CI that is a failure, elsewhere a reason to skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        missing(f"{program} is missing; install it with: apt install {package}")


def tree(folder: Path = SHADERS) -> Parameters:
    """All parameters of the output."""
    parameters = Parameters()
    parameters.add("", [toggle("freeze"), toggle("blackout")])
    parameters.add("output", output_knobs())
    for name, knobs in chain_knobs(folder).items():
        parameters.add(f"shader.{name}", knobs)
    parameters.set("output.grain", 0.0)
    return parameters


def picture(time: float = 0.0, side: int = 64) -> Pixels:
    """A luminous test picture that moves: soft coloured lights, fine stripes, hard edges, black. [side, side, 4]"""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    light = np.zeros((side, side, 3))
    for k in range(5):
        turn = k * 2.4 + time
        r = np.hypot(x - 0.3 * np.cos(turn), y - 0.28 * np.sin(1.3 * turn))
        color = 0.5 + 0.5 * np.cos(2 * np.pi * (k / 5 + np.array([0, 0.33, 0.67])))
        light += color * (np.exp(-((r / 0.07) ** 2)) + 0.3 * np.exp(-r * 8))[..., None]
    weave = 0.5 + 0.5 * np.sin(26 * x + 3 * np.sin(19 * y + time))
    light += 0.3 * (weave**3)[..., None] * np.array([0.4, 0.7, 1.0])
    light[side // 8 : side // 4, side // 8 : side // 3] = (1.0, 0.85, 0.6)
    light[-side // 5 :, : side // 2] *= (0.5 + 0.5 * np.sin(60 * x[-side // 5 :, : side // 2]))[..., None]
    alpha = np.full((side, side, 1), 255.0)
    return np.ascontiguousarray(np.concatenate([np.clip(light, 0, 1) * 255, alpha], axis=2).astype(np.uint8))


class Show:
    """A stage with a clock, for tests: `run` draws frames and gives the last picture."""

    def __init__(self, wall: OffscreenWall, folder: Path = SHADERS, *, watch: bool = False, fps: float = 10.0) -> None:
        self.wall = wall
        self.problems = Problems()
        self.parameters = tree(folder)
        self.chain = Chain(wall.ctx, wall.size, folder, self.problems, watch=watch)
        self.chain.listen = lambda: SOUND
        self.stage = Stage(wall, self.chain, self.problems)
        self.clock = FixedClock(fps)

    def run(self, frames: int = 1, *, moving: bool = True, side: int = 64) -> Pixels:
        for _ in range(frames):
            tick = self.clock.tick()
            frame = Frame(picture(tick.time if moving else 0.0, side), tick)
            self.stage.draw(frame, self.parameters.play(self.parameters.base * 0.0), tick)
        return self.wall.read()

    def again(self, order: list[str], values: dict[str, float | str]) -> None:
        """From the beginning: other shaders, empty buffers, a new clock."""
        self.clock = FixedClock(1.0 / self.clock.period)
        self.parameters = tree(self.chain.folder)
        self.chain.order(order)
        self.stage.rewind()
        for name, value in values.items():
            self.parameters.set(name, value)
