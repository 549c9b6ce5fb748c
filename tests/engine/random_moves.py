"""Random moves over all instruments, a network playing: `python -m tests.engine.random_moves 1000000`.

Every number of the tree that reaches the network is thrown about, in and out of its span, with glitches kept and taken
back, places stored and rigs changed; each picture must be whole, and home must be exact at the end.
"""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from models.bending.slots import Features, Slot
from models.bending.transforms import knobs_by_transform
from models.checkpoints import io
from models.generators import build
from models.rewriting.glitch import History
from models.tuning.trajectory import Writer
from perform.app import tree
from perform.engine.clock import Tick
from perform.engine.frame import Request
from perform.engine.lore import known
from perform.engine.parameters import Parameters, Part
from perform.engine.patch import Patch
from perform.engine.render import Deck
from perform.engine.rig import Rig, rig_knobs
from perform.engine.signals import Signals

SMALL = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16, "mapping_layers": 2}
PLAYED = ("bend.", "blend.", "tune.", "rewrite.", "decode.", "steer.", "walk.", "pose.", "label.", "divergence")
A_FRAME = 100  # moves between two pictures


@dataclass
class Moves:
    """One run of it."""

    folder: Path
    seed: int = 0

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        for name in ("one", "two", "three"):
            io.save(self.folder / f"{name}.safetensors", build("stylegan2", SMALL), {})
        self.rng = np.random.default_rng(self.seed)
        self.model = str(self.folder / "one.safetensors")
        self.generator = io.load(Path(self.model))
        self.write_way()
        self.before = {name: t.clone() for name, t in self.generator.state_dict().items()}
        self.parameters, self.history = tree(), History()
        self.frames, self.stores, self.time = 0, 0, 0.0
        self.deck = Deck(self.generator, self.model, lore=known(self.generator, self.model))
        self.plain = self.deck.picture(self.request(0.3)).clone()
        self.rerig()

    def write_way(self) -> None:
        """A training of the network."""
        first = {name: t.clone() for name, t in self.generator.state_dict().items()}
        header = {"architecture": self.generator.architecture, "config": self.generator.config}
        with Writer(self.folder / "one.trajectory", first, header) as writer:
            for step in range(1, 6):
                writer.add(step, {name: t + 0.1 * step * torch.randn(t.shape) for name, t in first.items()})

    def request(self, position: float) -> Request:
        values = Patch((), self.parameters).play(Signals(), self.parameters, 0.04)
        glitches = self.history.sounding(Part(values, "rewrite."))
        stores = ((self.stores, 1 + self.stores % 16),) if self.stores else ()
        return Request(Tick(0, self.time, 0.04), values, position, self.frames, glitches, stores)

    def rerig(self) -> None:
        """Other slots, other relatives."""
        rng, layers = self.rng, self.generator.layers
        slots = []
        for transform in rng.permutation(sorted(knobs_by_transform())).tolist()[: int(rng.integers(0, 7))]:
            kind = ("all", "random", "cluster")[rng.integers(3)]
            layer = layers[rng.integers(len(layers))]
            slots.append(Slot(layer, transform, Features(kind, int(rng.integers(99)), 0.5), 1.0, {}, transform))
        relatives = tuple(str(self.folder / f"{name}.safetensors") for name in ("two", "three"))
        way = str(self.folder / "one.trajectory") if rng.integers(3) else ""
        rig = Rig(tuple(slots), relatives[: int(rng.integers(0, 3))], way)
        self.parameters.grow(rig_knobs(rig))
        self.deck.equip(rig)

    def move(self) -> None:
        """One number, anywhere in its span or outside."""
        name = self.names[self.rng.integers(len(self.names))]
        knob = self.parameters.knob(name)
        reach = knob.high - knob.low
        kind = self.rng.integers(8)
        value = knob.low + reach * self.rng.uniform(-0.2, 1.2)
        value = (knob.default, knob.low, knob.high)[kind] if kind < 3 else value
        self.parameters.set(name, float(value))

    def button(self) -> None:
        """A kept or taken back glitch, a stored place, another rig."""
        values = Part(self.parameters.play(np.zeros(0)), "rewrite.")
        match self.rng.integers(24):
            case 0:
                self.history.keep(values)
            case 1:
                self.history.undo(values)
            case 2:
                self.history.home(values)
            case 3:
                self.stores += 1
            case 4:
                self.rerig()

    @property
    def names(self) -> list[str]:
        """What is moved."""
        if not hasattr(self, "_names") or self._names[0] != len(self.parameters):
            parameters: Parameters = self.parameters
            kinds = ("float", "int", "bool", "choice")
            found = [n for n in parameters.names() if n.startswith(PLAYED) and parameters.knob(n).kind in kinds]
            self._names = (len(parameters), found)
        return self._names[1]

    def run(self, count: int, progress: bool = False) -> None:
        """`count` moves with a picture after each hundred. AssertionError where one is not whole."""
        for frame in tqdm(range(math.ceil(count / A_FRAME)), disable=not progress, unit="picture"):
            for _ in range(A_FRAME):
                self.move()
            self.button()
            self.frames, self.time = self.frames + 1, self.time + 0.04
            picture = self.deck.picture(self.request(frame * 0.1))
            assert torch.isfinite(picture).all(), f"picture {frame} is not whole"

    def home(self) -> None:
        """All at rest, and the network is what it was, bit for bit."""
        for name in self.parameters.names():
            if self.parameters.knob(name).kind not in ("text", "trigger"):
                self.parameters.set(name, self.parameters.knob(name).default)
        self.parameters.set("divergence", 0.0)
        assert torch.equal(self.deck.picture(self.request(0.3)), self.plain)
        for name, tensor in self.generator.state_dict().items():
            assert torch.equal(tensor, self.before[name]), name


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        moves = Moves(Path(place))
        moves.run(int(sys.argv[1]), progress=True)
        moves.home()
        sys.stdout.write(f"{sys.argv[1]} moves, {moves.frames} pictures, all whole; home exact\n")
