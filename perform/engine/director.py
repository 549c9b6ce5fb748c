"""What the buttons do: presets, models, home. The only part that replaces what is playing.

Everything is checked before anything is changed, so a broken preset leaves the running one as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from models.knobs import Knob, choice, text, trigger
from models.rewriting.glitch import History
from perform.engine import preset as presets
from perform.engine.clock import Clock
from perform.engine.crossfade import Crossfade
from perform.engine.loader import Arrival
from perform.engine.parameters import Parameters, Part
from perform.engine.patch import Patch
from perform.engine.peaks import Peaks
from perform.engine.problems import Problems, UserError
from perform.engine.rig import NOTHING, Rig, changed, rig_knobs
from perform.engine.signals import Signals
from perform.engine.training import Training

KEPT = (
    "show.",
    "output.",
    "listen.",
    "beat.",
    "deck.",
    "train.",
    "freeze",
    "blackout",
    "preset",
    "model",
)  # a preset moves these only by name


class Played(Protocol):
    """What the director changes in the engine."""

    parameters: Parameters
    patch: Patch
    signals: Signals
    history: History

    def store(self, slot: int) -> None: ...


def director_knobs(names: Sequence[str], models: Sequence[str]) -> tuple[Knob, ...]:
    """Which preset and which model play, as choices, and the buttons that change them: for the root of the tree."""
    return (
        choice("preset", tuple(names), names[0], "which preset plays"),
        choice("model", tuple(models), models[0], "which model plays"),
        text("model.load", "bring in a model by its name or its file, over deck.fade beats"),
        Knob("divergence", 1.0, 0.0, 1.0, "", "how far bend, blend, rewrite and decode go; 0 is the trained network"),
        trigger("show.save", "write what is playing as a new preset into your own folder"),
    )


class Models(Protocol):
    """Where models come from: `loader.Loader`."""

    peaks: Peaks

    @property
    def loaded(self) -> str: ...

    def find_peak(self) -> None: ...

    def load(self, name: str, deck: int | None = None, rig: Rig | None = None) -> None: ...

    def arrived(self) -> Arrival | None: ...


class Director:
    """Main thread. `step` is called once a frame with the buttons that fired.

    `order` sets the shaders' order, `models` brings in models, `say` shows a short line on the HUD.
    """

    def __init__(
        self,
        engine: Played,
        shaders: frozenset[str],
        *,
        clock: Clock,
        order: Callable[[Sequence[str]], None],
        models: Models,
        say: Callable[[str], None],
        problems: Problems,
        training: Training | None = None,
        seed: int = 0,
    ) -> None:
        self.playing = presets.Preset(name="")
        self.name = ""
        self._engine, self._shaders = engine, shaders
        self._clock, self._order, self._models, self._say, self._problems = clock, order, models, say, problems
        self._training = training
        self._second: tuple[str, str, Rig] | None = None  # when the first model arrives, the second onto the other deck
        self._fade, self._last = Crossfade(), 0.0
        self._numbers: dict[str, float] = {}
        self._model = ""
        self._rig = NOTHING
        self._files: dict[str, Path] = {}
        self._random = random.Random(seed)

    def play(self, path: Path) -> None:
        """Change to the preset in a file. Raises UserError, with everything as it was, where the file is not right."""
        preset, parameters = presets.read(path), self._engine.parameters
        rig, glitches = presets.rig(preset, path.name), presets.glitches(preset, path.name)
        knobs = tuple(rig_knobs(rig))
        trial = parameters.trial(knobs)
        numbers = presets.checked(preset, trial, self._shaders, path.name)
        patch = Patch(presets.routes(preset), trial)
        parameters.grow(knobs)
        self.playing, self.name, self._numbers = preset, path.stem, numbers
        self._engine.patch = patch
        self._order(preset.shaders)
        self._engine.history.recall(glitches)
        self.settle()
        self._files[path.stem] = path
        names = parameters.knob("preset").choices
        if path.stem not in names:  # a file from anywhere: from now on it can be called like the others
            names = (*names, path.stem)
            parameters.grow((choice("preset", names, names[0], parameters.knob("preset").doc),))
        parameters.set("preset", path.stem)
        self.use(preset.model, rig)

    def home(self) -> None:
        """The network as it was trained, bit for bit, in the next frame; all else as the preset says.

        `divergence` brings back what the preset does to the network.
        """
        self.settle()
        self._engine.parameters.set("divergence", 0.0)

    def settle(self) -> None:
        """Everything back to what the preset says; the walk goes on from where it is."""
        parameters = self._engine.parameters
        for name in parameters.names():
            knob = parameters.knob(name)
            if knob.kind != "text" and not name.startswith(KEPT):
                parameters.set(name, knob.default)
        for name, number in self._numbers.items():
            parameters.set(name, number)

    def step(self, fired: Sequence[str]) -> None:
        """Do what the buttons say, then follow the choices `preset` and `model`, wherever they were moved from."""
        for name in fired:
            self._press(name)
        parameters = self._engine.parameters
        self._count(parameters)
        wanted = parameters.word("preset")
        if wanted != self.name:
            self._change(wanted)
        for name, word in parameters.said():
            self._hear(name, word)
        model = parameters.word("model")
        if model != self._model and self._model in parameters.knob("model").choices:
            self.use(model)
        self._fade_models(parameters)
        if self._training is not None:
            self._train(self._training, fired, parameters)
        if (peak := self._models.peaks.found()) is not None:
            if peak.position is not None:
                parameters.set("tune.position", peak.position)
            self._say(peak.words)

    def _train(self, training: Training, fired: Sequence[str], parameters: Parameters) -> None:
        """The buttons of live training, and its newest place on stage."""
        pressed = [name.removeprefix("train.") for name in fired if name.startswith("train.")]
        if not pressed and not training.running:
            return
        values = Part(parameters.play(np.zeros(0)), "train.")
        for what in pressed:
            self._say(training.press(what, values, parameters.word("train.recipe"), self._model))
        scene = training.step(values)
        if scene is None:
            return
        (way, model), *others = scene.parts.values()
        if others:
            self._second = (model, others[0][1], replace(self._rig, trajectory=others[0][0]))
        self.use(model or self._model, replace(self._rig, trajectory=way))
        parameters.set("tune.position", 1.0)

    def _hear(self, name: str, word: str) -> None:
        match name:
            case "model.load":
                self.use(word)
            case "deck.a.load":
                self._models.load(word, 0)
            case "deck.b.load":
                self._models.load(word, 1)
            case _ if name.startswith(("bend.", "blend.", "tune.")):
                self._rerig(name, word)

    def _rerig(self, name: str, word: str) -> None:
        """Another slot, or a slot elsewhere, while it plays."""
        try:
            rig = changed(self._rig, name, word)
        except UserError as error:
            self._problems.report("bend", str(error))
            return
        self._problems.clear("bend")
        self._engine.parameters.grow(rig_knobs(rig))
        self.use(self._model, rig)

    def _fade_models(self, parameters: Parameters) -> None:
        """A model that has arrived comes onto the wall; one that has not leaves the names as they were."""
        now = self._clock.now()
        dt, self._last = now - self._last, now
        arrival = self._models.arrived()
        mix = parameters.get("deck.mix")
        if arrival is not None and arrival.deck is None:
            self._model = arrival.name
            if arrival.name in parameters.knob("model").choices:
                parameters.set("model", arrival.name)
        elif arrival is not None and arrival.onto_wall and arrival.deck is not None:
            self._fade.begin(arrival.deck, mix)
            if mix != arrival.deck:
                self._say(f"{Path(arrival.name).stem} comes in" + (f": {arrival.note}" if arrival.note else ""))
            if self._second is not None and self._second[0] == arrival.name:
                self._models.load(self._second[1], 1 - arrival.deck, self._second[2])
                self._second = None
        mix = self._fade.step(mix, parameters.get("deck.fade"), self._engine.signals.get("beat.bpm"), dt)
        parameters.set("deck.mix", mix)

    def _press(self, name: str) -> None:
        match name:
            case "home":
                self.home()
                self._say("home")
            case "show.next":
                self._turn(1)
            case "show.previous":
                self._turn(-1)
            case "show.random":
                self._shake()
            case "show.save":
                self._save()
            case _ if name.startswith("walk.store."):
                slot = name.rpartition(".")[2]
                self._engine.store(int(slot))
                self._say(f"kept as place {slot}: walk.slot.{slot} brings it back")
            case "tune.find_peak":
                self._models.find_peak()
            case "decode.repick":  # another seed is another idea, and a preset can remember it
                parameters = self._engine.parameters
                parameters.set("decode.seed", parameters.get("decode.seed") + 1.0)
            case "rewrite.keep" | "rewrite.undo" | "rewrite.home":
                self._rewrite(name.removeprefix("rewrite."))

    def _rewrite(self, what: str) -> None:
        """The buttons of rewriting; a kept glitch is a few numbers in the preset that `show.save` writes."""
        history = self._engine.history
        values = Part(self._engine.parameters.play(np.zeros(0)), "rewrite.")
        match what:
            case "keep":
                self._say(f"kept: {len(history.kept)} glitches" if history.keep(values) else "no glitch to keep")
            case "undo":
                self._say("one glitch less" if history.undo(values) else "no glitch to take back")
            case "home":
                history.home(values)
                self._say("no glitches")

    def _count(self, parameters: Parameters) -> None:
        """`show.preset` calls presets by their number, from 1."""
        number = int(parameters.get("show.preset"))
        if number:
            parameters.set("show.preset", 0.0)
            names = parameters.knob("preset").choices
            if number <= len(names):
                parameters.set("preset", names[number - 1])

    def _turn(self, by: int) -> None:
        names = self._engine.parameters.knob("preset").choices
        at = names.index(self.name) if self.name in names else 0
        self._engine.parameters.set("preset", names[(at + by) % len(names)])

    def _change(self, name: str) -> None:
        try:
            self.play(self._files.get(name) or presets.find(name))
        except UserError as error:
            self._problems.report("preset", f"{error}; {self.name or 'nothing'} plays on")
            self._engine.parameters.set("preset", self.name)
        else:
            self._problems.clear("preset")
            self._say(self.playing.name)

    def use(self, model: str, rig: Rig | None = None) -> None:
        """Play another model, by its name or its file, or the same with another rig (None: the one that plays)."""
        if model in self._engine.parameters.knob("model").choices:
            self._engine.parameters.set("model", model)
        rig = self._rig if rig is None else rig
        if model != self._model or rig != self._rig:
            self._model, self._rig = model, rig
            self._models.load(model, rig=rig)

    def _shake(self) -> None:
        """New landmarks, a new accent, and every shader's knobs a quarter of their span away at most."""
        parameters = self._engine.parameters
        for name in ("walk.seed", "walk.accent_seed"):
            parameters.set(name, float(self._random.randrange(100_000)))
        for shader in self.playing.shaders:
            for name in parameters.names():
                knob = parameters.knob(name)
                if name.startswith(f"shader.{shader}.") and knob.kind == "float":
                    reach = 0.25 * (knob.high - knob.low)
                    parameters.set(name, parameters.get(name) + self._random.uniform(-reach, reach))
        self._say("random")

    def _save(self) -> None:
        parameters = self._engine.parameters
        values = {}
        for name in parameters.names():
            knob = parameters.knob(name)
            if (
                knob.kind not in ("trigger", "text")
                and not name.startswith(KEPT)
                and parameters.get(name) != knob.default
            ):
                values[name] = parameters.word(name) if knob.kind == "choice" else parameters.get(name)
        path = presets.free_path(self.name or "mine")
        made = presets.Preset(
            name=path.stem,
            about=f"made on stage from {self.playing.name or 'nothing'}",
            model=self._model,
            shaders=self.playing.shaders,
            values=presets.nested(values),
            relatives=self._rig.relatives,
            trajectory=self._rig.trajectory,
            bends=presets.tables(self._rig),
            rewrites=tuple(one.as_data() for one in self._engine.history.kept),
            routes=self.playing.routes,
        )
        try:
            presets.write(path, made)
        except UserError as error:
            self._problems.report("preset", str(error))
        else:
            self._say(f"saved as {path.name}")
