"""A trajectory on stage: the place on it, a walk for each of its states, and its file read ahead. Imports torch.

Training moves the mapping network, too. A walk is laid through w once and then followed, so each state has a walk of
its own, as each parent of a blend has (`models.blending.mapping`): the w of a place between two states is theirs mixed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from models.blending.mapping import mixture
from models.checkpoints import Refused
from models.tuning import path_of
from models.tuning.reel import Foreign, Reel
from models.tuning.tune import Tune
from perform.engine.lore import own_folder
from perform.engine.parameters import Values
from perform.engine.walk import Array, Walker

if TYPE_CHECKING:
    from models.generators import Generator
    from models.resident import Resident
    from models.tuning.reel import State


class Way:
    """The trajectory of one network. `map_z(z, maps)` takes z to w through `maps`.

    `open` belongs to the loader's thread, `read_ahead` to the reader's, all else to the generator's.
    """

    def __init__(self, generator: Generator, resident: Resident, map_z: Callable[..., Array], *, patient: bool) -> None:
        self._generator, self._resident, self._map = generator, resident, map_z
        self.tune = Tune(resident, patient)
        self._broken: tuple[str, ...] = ()
        self._walkers: dict[State, Walker] = {}
        self._seen: Values | None = None

    def open(self, name: str) -> tuple[Reel | None, tuple[str, ...]]:
        """The trajectory of a name or file, or words why there is none."""
        if not name:
            return None, ()
        try:
            reel = Reel(path_of(name, own_folder("trajectories")), self._generator, self._resident)
        except (Refused, Foreign, OSError) as error:
            return None, (f"tune: {error}",)
        return reel, ()

    def play(self, reel: Reel | None) -> None:
        """Another trajectory from this frame on."""
        self.tune.play(reel)
        self._walkers, self._broken = {}, ()

    @property
    def words(self) -> tuple[str, ...]:
        """What cannot be played of it, and why."""
        reel = self.tune.reel
        return (*self._broken, *(f"tune: {word}" for word in (reel.words if reel is not None else ())))

    def w(self, plain: Callable[[], Array], blended: bool, values: Values, position: float) -> Array:
        """The latent of this frame `[L, D]`; `plain` gives it as it is without the trajectory. On a blend, what
        training changed is added.
        """
        reel, now = self.tune.reel, self.tune.now
        self._seen = values
        if reel is None or now is None or not reel.maps_differ:
            return plain()
        a, b, portion = now
        w = mixture((1.0 - portion, portion), lambda k: self._walker((a, b)[k]).w(values, position))
        if not blended:
            return w
        return plain() + w - self._walker(reel.at_home).w(values, position)

    def _walker(self, state: State) -> Walker:
        found = self._walkers.get(state)
        if found is None:
            found = self._walkers[state] = self._walk_of(state)
        return found

    def _walk_of(self, state: State) -> Walker:
        maps, generator = state.maps, self._generator
        way = partial(self._map, maps=partial(maps.map, 0))
        return Walker(way, maps.w_avgs[0], generator.z_dim, generator.num_ws)

    def forget(self) -> None:
        """The label has changed: all ways from z to w are made anew."""
        self._walkers = {}

    def read_ahead(self) -> bool:
        """Bring one more state into memory, with its walk laid; whether there was something to do. Reader's thread."""
        reel, walkers, values = self.tune.reel, self._walkers, self._seen
        if reel is None:
            return False
        try:
            busy = reel.work()
        except Refused as error:
            self._broken = (f"tune: {error}",)
            return False
        self._broken = ()
        states = reel.states
        if values is not None and reel.maps_differ:
            for state in states:
                if state not in walkers:
                    walker = self._walk_of(state)
                    walker.w(values, 0.0)
                    walkers[state] = walker  # whoever forgot meanwhile has another dictionary
                    return True
        for state in list(walkers):  # the generator's thread may be adding one
            if state not in states:
                walkers.pop(state, None)
        return busy
