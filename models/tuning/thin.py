"""A trajectory small enough to ship: fewer states, each in a few bits a number.

thin(Path("training/loss-hack/trajectory"), Path("first-light-foiled.trajectory"), (20, 40, 60, 100, 200, 700))
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from models.tuning.trajectory import Reader, Writer

FINE = 4.0  # see `models.tuning.trajectory.Writer`: 7 % off the difference, which no picture shows; 0.4 MB a million


def thin(source: Path, out: Path, steps: Collection[int], fine: float = FINE) -> Path:
    """Write the first state and those of `steps` to `out`. Raises Refused, OSError; ValueError names a step that is not
    there.
    """
    with Reader(source) as reader:
        if absent := sorted(set(steps) - set(reader.steps)):
            raise ValueError(f"{source} has no step {absent[0]}")
        with Writer(
            out, reader.state(0), reader.header, step=reader.steps[0], fine=fine, readings=reader.readings(0)
        ) as writer:
            for k, step in enumerate(reader.steps):
                if k and step in steps:
                    writer.add(step, reader.state(k), reader.readings(k))
    return out
