"""Models come in from the side: loading never happens on the main thread or on the generator's.

`load` returns at once; a thread imports torch, reads the file (a foreign one is converted by a child process), warms
the network up with one frame and puts it on the deck that nobody sees. `arrived` then tells the main thread, which
moves the fader. What the first picture can do without (directions, where nobody steers) is found out after that. Asked
again while it works, it takes the newest name next. A failure leaves the running model playing and says why.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from perform.engine.ahead import Ahead
from perform.engine.clock import Clock, sleep
from perform.engine.crossfade import DECKS
from perform.engine.frame import Request, Slot
from perform.engine.low import stand_back
from perform.engine.peaks import Peaks
from perform.engine.problems import Problems, UserError
from perform.engine.rig import NOTHING, Rig
from perform.engine.worker import Maker

if TYPE_CHECKING:
    from perform.engine.decks import Decks
    from perform.engine.parameters import Parameters
    from perform.engine.patch import Patch
    from perform.engine.render import Deck

log = logging.getLogger("perform")

SETTLE = 5.0  # seconds that a model plays before a compiler begins to work beside it
PATIENCE = 1.0  # seconds before the performer is told that both decks are in use
LOOK_AFTER = 1.0  # seconds between two looks whether what plays lacks something
LOOK = 0.05  # seconds between two looks whether a deck is free


@dataclass(frozen=True, slots=True)
class Wish:
    """A model that is asked for: on a deck (0 or 1), or on the one that nobody sees (None) and then onto the wall.

    `rig` is what is done to it there.
    """

    name: str
    deck: int | None = None
    rig: Rig = NOTHING


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a wish. `deck` None: nothing, `name` plays on. `note` is a word to the performer, or nothing."""

    name: str
    deck: int | None
    onto_wall: bool = True
    note: str = ""


class Loader:
    """Loads models for one worker onto one device ("cpu", "cuda", "mps", or "" for the best there is).

    Some seconds after a model has come in it is compiled, in a thread and a child of their own, while it plays; the
    compiled form then takes over between two frames (`quickening` says that this is under way).

    `loading` is the name of what is on its way and `share` 0..1 how much of its conversion is done.

    `sample` is a request to warm up with, `mix` reads the fader between the decks, `steered` says whether anything
    moves along directions: then a model comes when it has them. With `wait=True` (fixed clock) `load` returns when the
    model plays, with all that there is to know.
    """

    def __init__(
        self, worker: Maker, clock: Clock, problems: Problems, device: str, sample: Request, *,
        mix: Callable[[], float], wait: bool, steered: Callable[[], bool] = lambda: True,
    ) -> None:  # fmt: skip
        self.device = device
        self.loading, self.share = "", 0.0
        self._worker, self._clock, self._problems, self._sample = worker, clock, problems, sample
        self._mix, self._wait, self._steered, self._rig = mix, wait, steered, NOTHING
        self._rest: Callable[[], None] | None = None  # what is left to find out about the newest model
        self._decks: Decks | None = None
        self._wishes: Slot[Wish] = Slot()
        self._arrivals: Slot[Arrival] = Slot()
        self._wake = threading.Event()
        self._running = True
        self.quickening = False
        self._fresh: Slot[Deck] = Slot()
        self._came = threading.Event()
        if not wait:
            for work, name in ((self._work, "loader"), (self._improve, "compiler")):
                threading.Thread(target=work, name=name, daemon=True).start()
        self.peaks = Peaks(wait=wait)
        self._ahead = Ahead(self._playing, problems, wait=wait)

    @property
    def names(self) -> tuple[str, str]:
        """What is on deck A and deck B, "" where nothing is."""
        return self._decks.names if self._decks else ("", "")

    @property
    def manner(self) -> str:
        """How the model on the wall is computed: "eager bfloat16", "compiled bfloat16"."""
        return self._decks.manner(self._mix()) if self._decks else ""

    @property
    def muted(self) -> tuple[str, ...]:
        """What of the preset the model on the wall cannot play, a line each."""
        return self._decks.muted(self._mix()) if self._decks else ()

    @property
    def loaded(self) -> str:
        """What is on the wall, or "" before the first model."""
        a, b = self.names
        return (b or a) if self._mix() > 0.5 else (a or b)

    def load(self, name: str, deck: int | None = None, rig: Rig | None = None) -> None:
        """Bring in the model called `name` (or the file) as soon as it is ready: see `Wish`. Main thread.

        Without a `rig` it gets the one that was given last. A model that plays already is given another rig.
        """
        if rig is not None and deck is None:
            self._rig = rig
        wish = Wish(name, deck, self._rig if rig is None else rig)
        if self._wait:
            self._load(wish)
        else:
            self._wishes.put(wish)
            self._wake.set()

    @property
    def tuned(self) -> str:
        """The trajectory on the wall and the place on it, "" where there is none."""
        reel = self._decks.reel(self._mix()) if self._decks else None
        return reel.describe() if reel is not None else ""

    def find_peak(self) -> None:
        """Look for the peak of the trajectory on the wall; `peaks.found` tells of it. Main thread."""
        self.peaks.ask(self._decks.reel(self._mix()) if self._decks else None)

    def _playing(self) -> list[Deck]:
        return self._decks.playing() if self._decks is not None else []

    def arrived(self) -> Arrival | None:
        """What became of the last wish, once. Main thread."""
        return self._arrivals.take()

    def close(self) -> None:
        """Take no more names; a load in progress is left to end with the program. What was kept is written."""
        for deck in self._playing():
            with contextlib.suppress(OSError):
                deck.save()
        self._running = False
        self._ahead.close()
        self._wake.set()
        self._came.set()

    def _improve(self) -> None:
        """The thread that finds out what is asked for, and makes faster what plays."""
        stand_back()
        hopeless: WeakSet[Deck] = WeakSet()
        while self._running:
            self._came.wait(LOOK_AFTER)
            self._came.clear()
            if self._fresh.take() is not None and self._came.wait(SETTLE):  # another one has come, or it is the end
                continue
            self._improve_all(hopeless)  # a round of its own, which holds no deck while this waits

    def _improve_all(self, hopeless: WeakSet[Deck]) -> None:
        decks = self._playing()
        for deck in decks:
            if deck not in hopeless and self._running and not self._came.is_set():
                self.quickening = not deck.quick
                try:
                    deck.save()
                    if not deck.learn() and not deck.quick:
                        deck.quicken()
                    deck.rest()
                except Exception as error:  # noqa: BLE001 - compilers fail in every way; it plays on as it is
                    hopeless.add(deck)
                    log.warning("%s", error)
        self.quickening = any(not deck.quick for deck in decks if deck not in hopeless)

    def _work(self) -> None:
        while self._running:
            self._wake.wait()
            self._wake.clear()
            wish = self._wishes.take()
            if wish is not None and self._running:
                self._load(wish)
                self.loading = ""
                stand_back()  # the first model is waited for; the next ones come in beside a picture
                self._find_rest()

    def _find_rest(self) -> None:
        """What the newest model could come without."""
        rest, self._rest = self._rest, None
        if rest is not None:
            rest()

    def _load(self, wish: Wish) -> None:
        """From the wish to its arrival."""
        onto_wall = wish.deck is None
        if onto_wall and self._decks is not None and wish.name in self.names:
            there = self.names.index(wish.name)
            self._decks.equip(there, wish.rig)
            self._arrivals.put(Arrival(wish.name, there))
            self._hurry(self._decks.deck(there))
            return
        place = self._free(wish)
        if place is None:
            return
        self.loading, self.share = wish.name, 0.0
        if self._decks is not None:
            self._decks.put(place, None)
            gc.collect()  # its memory goes before the new one comes, never three models at once; a millisecond
        deck = self._made(wish.name, wish.rig)
        if deck is None:
            self._arrivals.put(Arrival(self.loaded, None))
            return
        first = self._decks is None
        decks = self._decks = self._decks or self._first_decks()
        decks.put(place, deck)
        self.device = str(deck.device)
        if first:
            gc.freeze()  # torch's hundred thousand objects stay: looking through them again would cost frames
            self._worker.install(decks)
        self._arrivals.put(Arrival(deck.name, place, onto_wall, decks.sizes()))
        self._hurry(deck)
        if deck.name == wish.name:
            self._problems.clear("model")
        log.info("model %s is on deck %s, on %s", deck.name, DECKS[place], deck.device)

    def _hurry(self, deck: Deck | None) -> None:
        """Have it compiled, if there is something to compile."""
        if deck is not None and not self._wait and not deck.quick:
            self.quickening = True
            self._fresh.put(deck)
            self._came.set()

    def _free(self, wish: Wish) -> int | None:
        """The deck to load into; None if it cannot be, or a newer wish has come. Waits for a fade to end."""
        if not any(self.names):
            return wish.deck or 0
        waited, told = 0.0, False
        while self._running:
            mix = self._mix()
            unseen = 1 if mix <= 0.0 else 0 if mix >= 1.0 else None
            if unseen is not None and not self.names[1 - unseen]:
                unseen = 1 - unseen  # the fader is at an empty deck, so the other one is seen
            if wish.deck is not None and wish.deck != unseen and unseen is not None:
                text = f"deck {DECKS[wish.deck]} is on the wall; move deck.mix to the other one, or use model.load"
                self._problems.report("model", text)
                return None
            if unseen is not None:
                return unseen
            if self._wake.is_set():
                return None
            sleep(LOOK)
            waited += LOOK
            if waited > PATIENCE and not told and self._mix() == mix:  # nothing moves: no fade is under way
                told = True
                text = f"both decks are on the wall; move deck.mix to one side, and {Path(wish.name).name} comes in"
                self._problems.report("model", text)
        return None

    def _made(self, name: str, rig: Rig) -> Deck | None:
        """The deck for a model, warm; or None, reported. Where nothing plays yet, the one without weights does."""
        try:
            whole = self._wait or self._steered()
            deck, self._rest = made(
                name, self.device, fast=not self._wait, rig=rig, progress=self._progress, whole=whole
            )
            deck.picture(self._sample)
        except UserError as error:  # the device is not there
            self._problems.report("device", f"{error}; the best of these is used")
            self.device = ""
            return self._made(name, rig)
        except Exception as error:  # noqa: BLE001 - a file from anywhere; the running model must go on playing
            instead = None if any(self.names) or name == "cppn" else self._made("cppn", rig)
            plays = self.loaded or (instead.name if instead else "nothing")
            why = str(error).rstrip(".")
            text = f'the model "{Path(name).name}" could not be loaded: {why}; "{plays}" plays'
            self._problems.report("model", text)
            return instead
        return deck

    def _progress(self, share: float) -> None:
        self.share = share

    def _first_decks(self) -> Decks:
        from perform.engine.decks import Decks

        return Decks(self._clock, self._problems)


def steers(parameters: Parameters, patch: Patch) -> bool:
    """Whether a fader along a direction is away from its middle, or something drives one."""
    driven = {route.to for route in patch.routes}
    faders = [name for name in parameters.names() if name.startswith("steer.") and name.endswith(".amount")]
    return any(name in driven or parameters.get(name) != 0.0 for name in faders)


def deck_for(
    name: str, device: str, *, fast: bool, rig: Rig | None = None, progress: Callable[[float], None] | None = None
) -> Deck:
    """A deck that plays the model `name` on `device`. Imports torch: seconds the first time.

    `fast` trades the last digits of the picture for speed on a processor; without it the picture is the float32 one.
    `progress` is called with 0..1 while a foreign file is converted.

    Raises models.checkpoints.Refused (a ValueError) for a file that is no model, UserError for a device that is absent.
    """
    return made(name, device, fast=fast, rig=rig, progress=progress, whole=True)[0]


def made(
    name: str, device: str, *, fast: bool, rig: Rig | None, progress: Callable[[float], None] | None, whole: bool
) -> tuple[Deck, Callable[[], None] | None]:
    """See `deck_for`. Without `whole` also what is left to be done once it plays, a second's work, or None."""
    from models.llvm import keep_apart

    keep_apart()  # before torch, which may import Triton, while the main thread draws with Mesa
    import models
    from models.generators import fused
    from models.resident import twin
    from perform.engine.lore import at_hand, found_directions, known, lacks
    from perform.engine.render import Deck, leave_room, pick_device

    leave_room()
    generator = models.load(name, device=pick_device(device), progress=progress)
    fused.ready(generator.w_avg.device)  # builds kernels: not when the first picture asks for them
    if whole or generator.w_avg.device.type != "cpu":  # a card does it in a blink, and writes its weights in place
        return Deck(generator, name, fast=fast, rig=rig, lore=known(generator, name)), None
    lore = at_hand(generator, name)
    at_home = twin(generator) if lacks(lore, generator) else None
    deck = Deck(generator, name, fast=fast, rig=rig, lore=lore)

    def rest() -> None:
        assert at_home is not None
        try:
            deck.know(directions=found_directions(at_home))
        except (ValueError, RuntimeError) as error:  # weights that are no numbers: it plays on, and cannot be steered
            log.warning("no directions of %s: %s", name, error)

    return deck, rest if at_home is not None else None
