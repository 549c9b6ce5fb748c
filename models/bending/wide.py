"""What of wide pictures (`enlarge`) can be played. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from models.knobs import Knob, toggle

LAYERS = ("b4.conv1", "b8.conv1", "b16.conv1", "b32.conv1")
MOST = 4  # latents side by side
STEPS = 8.0  # stretches move in eighths, so that sizes are few


@cache
def wide_knobs() -> tuple[Knob, ...]:
    """For the tree under `bend.wide`."""
    return (
        Knob("stretch_x", 1.0, 0.25, 4.0, "", "how much wider the network draws, natively; in eighths"),
        Knob("stretch_y", 1.0, 0.25, 4.0, "", "how much higher it draws; in eighths"),
        Knob("tile_x", 1.0, 1.0, 8.0, "", "how often what it draws stands side by side", "int"),
        Knob("tile_y", 1.0, 1.0, 8.0, "", "how often above one another", "int"),
        toggle("wrap_x", doc="the left side joins the right one without a seam"),
        toggle("wrap_y", doc="the upper side joins the lower one"),
        Knob("layer", 1.0, 0.0, len(LAYERS) - 1, "", "where: 0 at 4 x 4, 1 at 8 x 8, 2 at 16, 3 at 32", "int"),
        Knob("latents", 1.0, 1.0, MOST, "", "how many places of the walk share the width", "int"),
        Knob("spread", 0.5, -4.0, 4.0, "landmarks", "how far apart these places are on the walk"),
        Knob("seam", 0.5, 0.05, 1.0, "", "how softly one gives way to the next"),
    )


def plan(values: Mapping[str, float]) -> Mapping[str, float | int | bool | str]:
    """The arguments of `enlarge.Enlarge` for these values, empty where the picture is as wide as ever."""
    knobs = {knob.name: knob.fit(float(values.get(knob.name, knob.default))) for knob in wide_knobs()}
    stretch_x, stretch_y = (round(knobs[name] * STEPS) / STEPS for name in ("stretch_x", "stretch_y"))
    tiles = (int(knobs["tile_x"]), int(knobs["tile_y"]))
    wraps = (knobs["wrap_x"] >= 0.5, knobs["wrap_y"] >= 0.5)
    if (stretch_x, stretch_y, tiles, wraps, knobs["latents"]) == (1.0, 1.0, (1, 1), (False, False), 1.0):
        return {}
    return {
        "layer": LAYERS[int(knobs["layer"])], "stretch_x": stretch_x, "stretch_y": stretch_y, "tile_x": tiles[0],
        "tile_y": tiles[1], "wrap_x": wraps[0], "wrap_y": wraps[1], "seam": knobs["seam"],
    }  # fmt: skip
