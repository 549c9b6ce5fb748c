"""The shaders of the show, one after another, each on the picture of the one before. Main thread.

The folder is the registry: every `*.fs` in it is known, and its knobs are in the tree as `shader.<file>.<knob>`. All of
them are compiled in the first frames, one a frame, those that play first; so a preset change never waits for a
compiler. A saved file is compiled again while the show runs; when it does not compile, the last good one plays on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import moderngl

from models.knobs import Knob
from perform.engine.clock import Tick
from perform.engine.parameters import Parameters, Values, nearest
from perform.engine.problems import Problems, UserError
from perform.engine.sound import SoundPicture
from perform.output.canvas import Size, Target, target
from perform.output.isf import AMOUNT, load
from perform.output.shader import Effect, played
from perform.output.sound import SoundTextures
from perform.output.watch import FolderWatch

SUFFIX = ".fs"
PART = "shader"


def shader_names(folder: Path) -> tuple[str, ...]:
    """The shaders in a folder, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder.glob(f"*{SUFFIX}")))


def chain_knobs(folder: Path) -> dict[str, tuple[Knob, ...]]:
    """The knobs of each shader of a folder, by its name. Needs no GL.

    A file whose header cannot be read has none: the chain names it when it starts, and the rest plays.
    """
    knobs = {}
    for name in shader_names(folder):
        try:
            knobs[name] = load(folder / f"{name}{SUFFIX}").knobs
        except UserError:
            knobs[name] = (AMOUNT,)
    return knobs


class Chain:
    """The shaders of `folder` on pictures of `size`."""

    def __init__(
        self, ctx: moderngl.Context, size: Size, folder: Path, problems: Problems, *, watch: bool = True
    ) -> None:
        self.ctx, self.folder, self.problems = ctx, folder, problems
        self.size = size
        self._pair: list[Target] = []
        self._effects: dict[str, Effect] = {}
        self._order: tuple[str, ...] = ()
        self._known = dict.fromkeys(shader_names(folder))
        self._waiting: list[str] = list(self._known)
        self._errors: dict[str, str] = {}
        self._fired: set[str] = set()
        self._watch = FolderWatch(folder, SUFFIX) if watch else None
        self._sound = SoundTextures(ctx)
        self.listen: Callable[[], SoundPicture | None] = lambda: None  # what to show of the sound, asked once a frame

    @property
    def names(self) -> tuple[str, ...]:
        """All shaders that can be named in `order`."""
        return tuple(self._known)

    @property
    def playing(self) -> tuple[str, ...]:
        """The shaders that run, in their order."""
        return self._order

    @property
    def ready(self) -> bool:
        """Whether everything is compiled."""
        return not self._waiting

    def order(self, names: Sequence[str]) -> None:
        """Which shaders run, in which order; from the next frame on. Raises UserError for unknown and double names."""
        for name in names:
            if name not in self._known:
                raise UserError(f'there is no shader "{name}".{nearest(name, self._known)}')
        if len(set(names)) != len(names):
            raise UserError("a shader stands twice in the chain; each can run once")
        for name, effect in self._effects.items():
            if name not in names:
                effect.sleep()
        self._order = tuple(names)
        self._waiting.sort(key=lambda name: name not in self._order)

    def fire(self, names: Iterable[str]) -> None:
        """Buttons that were pressed, by their full names; the ones that are not ours are ignored."""
        self._fired.update(name for name in names if name.startswith(f"{PART}."))

    def rewind(self) -> None:
        """Everything as at the start of a show: empty buffers, phases at zero. For renders and tests."""
        for effect in self._effects.values():
            effect.sleep()
            effect.phases = dict.fromkeys(effect.phases, 0.0)
        self._fired.clear()

    def resize(self, size: Size) -> None:
        """Pictures of another size from now on. Persistent buffers keep their picture."""
        if size != self.size:
            self.size = size
            self._release_pair()

    def compile_all(self) -> None:
        """Compile everything now: for renders and tests, where the first frame must be whole."""
        while self._waiting:
            self._compile(self._waiting.pop(0))

    def draw(self, source: Target, values: Values, tick: Tick) -> Target:
        """The picture after all shaders. It is `source` itself where none has anything to do. Once a frame."""
        self._upkeep()
        self._sound.show(self.listen())
        if not self._pair:
            self._pair = [target(self.ctx, self.size), target(self.ctx, self.size)]
        picture = source
        for name in self._order:
            effect = self._effects.get(name)
            if effect is None:
                continue
            amount_name = f"{PART}.{name}.amount"
            amount = played(values, amount_name, AMOUNT.default)
            if amount <= 0.0:
                effect.sleep()
                continue
            out = self._pair[1] if picture is self._pair[0] else self._pair[0]
            effect.draw(picture.texture, out, values, tick, amount, self._fired)
            picture = out
        self._fired.clear()
        return picture

    def _upkeep(self) -> None:
        """At most one compilation a frame."""
        for path in self._watch.changed() if self._watch else ():
            self._known.setdefault(path.stem)
            if path.stem not in self._waiting:
                self._waiting.insert(0, path.stem)
        if self._waiting:
            self._compile(self._waiting.pop(0))

    def _compile(self, name: str) -> None:
        old = self._effects.get(name)
        try:
            effect = Effect(self.ctx, load(self.folder / f"{name}{SUFFIX}"), self._sound.textures)
        except UserError as error:
            self._errors[name] = f"{error}; " + ("the last good one plays on" if old else "it is left out")
            self._report()
            return
        self._warm(effect)
        if old is not None:
            effect.phases.update({key: phase for key, phase in old.phases.items() if key in effect.phases})
            old.release()
        self._effects[name] = effect
        if self._errors.pop(name, None) is not None:
            self._report()

    def _warm(self, effect: Effect) -> None:
        """Draw a tiny picture once: drivers do half of their compiling at the first draw."""
        tree = Parameters()
        tree.add(f"{PART}.{effect.shader.name}", effect.shader.knobs)
        small = target(self.ctx, (8, 8)), target(self.ctx, (8, 8))
        effect.warm(small[0].texture, small[1], tree.play(tree.base * 0.0))
        for picture in small:
            picture.release()

    def _report(self) -> None:
        if self._errors:
            self.problems.report(PART, " | ".join(self._errors.values()))
        else:
            self.problems.clear(PART, "all shaders are well again")

    def _release_pair(self) -> None:
        for picture in self._pair:
            picture.release()
        self._pair = []

    def close(self) -> None:
        """End the watching and give everything back."""
        if self._watch is not None:
            self._watch.close()
        self._release_pair()
        for effect in self._effects.values():
            effect.release()
        self._effects.clear()
        self._sound.release()
