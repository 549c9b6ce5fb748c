"""The way that a network went while it was trained further, kept densely and played as one fader. Needs no torch."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from models.knobs import Knob, text, trigger

SUFFIX = ".trajectory"
POSITION = Knob("position", 0.0, 0.0, 1.0, "", "where on the trajectory: 0 its first state, 1 its last")


def tune_knobs() -> tuple[Knob, ...]:
    """All knobs of the instrument, for the tree under `tune`."""
    return (
        POSITION,
        text("trajectory", "play the training of this network: a name, a file, or the folder of a training"),
        trigger("find_peak", "go to the most diverged position that keeps half of the diversity of home"),
    )


def shipped() -> dict[str, Path]:
    """The trajectories inside this package, by name."""
    with as_file(files("models") / "weights") as folder:
        return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def path_of(name: str, own: Path) -> Path:
    """The file of a trajectory by its name in the folder of the user's `own`, the name of a shipped one, its path, or
    the folder of a training. A file that is not there is what `trajectory.Reader` complains of.
    """
    known = shipped() | {path.stem: path for path in sorted(own.glob(f"*{SUFFIX}"))}
    if name in known:
        return known[name]
    path = Path(name)
    if path.is_dir():
        return next(iter(sorted(path.glob(f"*{SUFFIX}"))), path / "trajectory")
    return path
