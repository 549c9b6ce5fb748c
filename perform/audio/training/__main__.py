"""The recipe: `python -m perform.audio.training {prepare,learn,pack,held} FOLDER`.

`prepare` renders the material (an hour of one core, to be stopped at will), `learn` learns the four networks (an hour
and a half, 5 GB of memory), `pack` writes their weights into the program, `held` renders the annotated set that judges
them.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

SHARDS = 160


def main() -> None:
    """One step of the recipe."""
    parser = argparse.ArgumentParser(prog="python -m perform.audio.training", description=__doc__)
    parser.add_argument("step", choices=("prepare", "learn", "pack", "held"))
    parser.add_argument("folder", type=Path)
    parsed = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    folder: Path = parsed.folder
    match parsed.step:
        case "prepare":
            from perform.audio.training.prepare import shards

            shards(folder / "shards", SHARDS)
        case "learn":
            from perform.audio.training.activations import learn_activation
            from perform.audio.training.barlines import learn_bars
            from perform.audio.training.hits import learn_drums
            from perform.audio.training.tempi import learn_tempi

            learn_drums(folder / "shards", folder / "drums.npz")
            learn_tempi(folder / "shards", folder / "tempi.npz")
            learn_bars(folder / "shards", folder / "bars.npz")
            learn_activation(folder / "shards", folder / "activation.npz")
        case "pack":
            from perform.audio.beat.weights import WEIGHTS
            from perform.audio.training.pack import pack

            pack([folder / f"{name}.npz" for name in ("tempi", "bars", "drums", "activation")], WEIGHTS)
        case "held":
            from perform.audio.training.held import write_held

            logging.getLogger("perform.training").warning("%d pieces", write_held(folder))


if __name__ == "__main__":
    main()
