"""What a network is told beside w: where its picture lies, and which of its classes it shows.

The knobs are here, without torch; `render.py` makes tensors of them. Networks that cannot be moved (all but StyleGAN3)
and networks without classes pass over them.
"""

from __future__ import annotations

import numpy as np

from models.knobs import Knob
from models.latents import Array
from models.steering.temperature import temper, temperature_knob
from perform.engine.parameters import Values

POSE = ("pose.rotate", "pose.x", "pose.y", "pose.scale", "pose.mirror", "pose.shear")
MOST_CLASSES = 1000


def pose_knobs() -> tuple[Knob, ...]:
    """Where the picture of an alias-free network lies (StyleGAN3), for the tree under `pose`."""
    return (
        Knob("rotate", 0.0, -360.0, 360.0, "degrees", "turn the picture inside the network"),
        Knob("x", 0.0, -2.0, 2.0, "widths", "move it to the right inside the network"),
        Knob("y", 0.0, -2.0, 2.0, "widths", "move it down inside the network"),
        Knob("scale", 1.0, 0.1, 8.0, "", "2 is twice as large"),
        Knob("mirror", 0.0, 0.0, 1.0, "", "1 is mirrored, half-way it is folded flat"),
        Knob("shear", 0.0, -2.0, 2.0, "", "lean it over"),
        Knob("anchor", 0.0, 0.0, 1.0, "", "1: the walk no longer turns and moves the picture by itself"),
    )


def label_knobs() -> tuple[Knob, ...]:
    """Which class a conditional network shows, for the tree under `label`."""
    last = MOST_CLASSES - 1
    return (
        Knob("a", 0.0, 0.0, last, "", "the class; one that the network lacks counts from 0 again", "int"),
        Knob("b", 0.0, 0.0, last, "", "the class that is mixed in", "int"),
        Knob("mix", 0.0, 0.0, 1.0, "", "0 is class a, 1 is class b"),
        temperature_knob(),
    )


def label(values: Values, classes: int) -> Array:
    """The label [classes]: one class, or a mixture of two."""
    mix = values["label.mix"]
    vector = np.zeros(classes)
    vector[int(values["label.a"]) % classes] += 1.0 - mix
    vector[int(values["label.b"]) % classes] += mix
    return temper(vector, values["label.temperature"])
