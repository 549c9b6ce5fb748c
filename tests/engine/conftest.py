"""A small tree of parameters and a renderer that needs no network: shared by the engine's tests."""

from __future__ import annotations

import numpy as np
import pytest

from models.knobs import Knob, choice, toggle, trigger
from perform.engine.crossfade import deck_knobs
from perform.engine.frame import Frame, Request
from perform.engine.parameters import Parameters
from perform.engine.pose import label_knobs, pose_knobs
from perform.engine.walk import walk_knobs


@pytest.fixture
def parameters() -> Parameters:
    tree = Parameters()
    tree.add("", (toggle("freeze"), toggle("blackout"), trigger("home"), trigger("next")))
    tree.add("deck", deck_knobs())
    tree.add("walk", walk_knobs())
    tree.add("pose", pose_knobs())
    tree.add("label", label_knobs())
    tree.add("shader.echo", (Knob("amount", 0.5), choice("mode", ("add", "screen", "over"), "screen")))
    return tree


class FlatRenderer:
    """Paints the whole picture in the walk's position, so that a frame shows which request made it."""

    name = "flat"
    device = "cpu"

    def render(self, request: Request) -> Frame:
        pixels = np.full((4, 4, 4), int(request.position * 8) % 256, dtype=np.uint8)
        return Frame(pixels, request.tick, serial=request.serial)


@pytest.fixture
def flat_renderer() -> FlatRenderer:
    return FlatRenderer()
