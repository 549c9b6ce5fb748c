"""Two models and the fader between them: what the generator's thread plays. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812  its name everywhere

from perform.engine.clock import Clock
from perform.engine.crossfade import DECKS
from perform.engine.frame import Frame, Request
from perform.engine.problems import Problems
from perform.engine.render import Deck, to_rgba
from perform.engine.rig import Rig

if TYPE_CHECKING:
    from models.tuning.reel import Reel

IN_FLIGHT = 2  # frames that an accelerator may be working at: one that it makes, one that waits, so it never idles
BUFFERS = 4  # one being written, one in the slot, two that the main thread may still be uploading or holding


class Decks:
    """Deck A, deck B, or both mixed: a `worker.Renderer`. The pictures live in a ring `[H, W, 4]` that is made once.

    `render` belongs to the generator's thread; `put` to the loader's: what it puts in plays from the next frame on.
    """

    def __init__(self, clock: Clock, problems: Problems) -> None:
        self._clock, self._problems = clock, problems
        self._decks: list[Deck | None] = [None, None]
        self._pictures: list[torch.Tensor] = []
        self._turn = 0
        self._ready: list[torch.cuda.Event] = []

    def put(self, place: int, deck: Deck | None) -> None:
        """Another model on deck `place` (0 is A, 1 is B), or none. Loader's thread."""
        self._decks[place] = deck

    def deck(self, place: int) -> Deck | None:
        """What plays there."""
        return self._decks[place]

    def playing(self) -> list[Deck]:
        """What is on the decks."""
        return [deck for deck in self._decks if deck is not None]

    def equip(self, place: int, rig: Rig) -> None:
        """Another rig for the model on deck `place`. Loader's thread."""
        deck = self._decks[place]
        if deck is not None:
            deck.equip(rig)

    @property
    def names(self) -> tuple[str, str]:
        """What is on the decks, "" where nothing is."""
        a, b = (deck.name if deck else "" for deck in self._decks)
        return a, b

    def sizes(self) -> str:
        """Words for two models of two sizes, "" otherwise."""
        a, b = (deck and deck.resolution for deck in self._decks)
        return f"{a} beside {b} pixels, mixed at the larger" if a and b and a != b else ""

    def manner(self, mix: float) -> str:
        """How the model that is seen most is computed, in two words."""
        deck = self._seen(mix)
        return deck.manner if deck else ""

    def muted(self, mix: float) -> tuple[str, ...]:
        """What of its rig the model that is seen most cannot play."""
        deck = self._seen(mix)
        return deck.muted if deck else ()

    def reel(self, mix: float) -> Reel | None:
        """The trajectory of the model that is seen most."""
        deck = self._seen(mix)
        return deck.reel if deck else None

    def _seen(self, mix: float) -> Deck | None:
        """What is seen most; beside an empty deck the other one is, wherever the fader stands."""
        return self._decks[mix > 0.5] or next(iter(self.playing()), None)

    @property
    def name(self) -> str:
        """Both names in one."""
        return " + ".join(name for name in self.names if name) or "nothing"

    @property
    def device(self) -> object:
        """Where the pictures are made."""
        return next((deck.device for deck in self._decks if deck), "cpu")

    @torch.inference_mode()
    def render(self, request: Request) -> Frame:
        """Make the frame that answers `request`. Between the ends of the fader both networks run."""
        began = self._clock.now()
        if len(self._ready) >= IN_FLIGHT:
            # Launching takes no time, so without this frames would queue up on the card and hands would be late by all
            # of them. It waits for the frame before the last on this thread alone.
            self._ready.pop(0).synchronize()
        mix = request.values["deck.mix"]
        image = self._mixed(request, mix)
        rgba = self._buffer(image.shape[2], image.shape[3], image.device)
        to_rgba(image, rgba)
        pixels = rgba.numpy() if rgba.device.type == "cpu" else rgba
        ready = None
        if rgba.device.type == "cuda":
            ready = torch.cuda.current_stream(rgba.device).record_event(torch.cuda.Event(blocking=True))  # type: ignore[no-untyped-call]
            self._ready.append(ready)
        return Frame(pixels, request.tick, str(rgba.device), self._clock.now() - began, request.serial, ready)

    def _mixed(self, request: Request, mix: float) -> torch.Tensor:
        """The picture `[1, 3, H, W]` of the decks at this place of the fader. RuntimeError if no deck can play."""
        places = [place for place, share in enumerate((1.0 - mix, mix)) if share > 0.0 and self._decks[place]]
        places = places or [place for place in (0, 1) if self._decks[place]]
        images = []
        for place in places:
            image = self._picture(request, place, alone=len(places) == 1)
            if image is not None:
                images.append(image)
        if not images:
            raise RuntimeError("no model is loaded")
        if len(images) == 1:
            return images[0]
        a, b = images
        if a.shape[2:] != b.shape[2:]:  # the larger size stays, so that nothing loses its sharpness halfway
            size = max(a.shape[2:], b.shape[2:])
            a, b = (x if x.shape[2:] == size else F.interpolate(x, list(size), mode="bilinear") for x in (a, b))
        return torch.lerp(a, b, mix)

    def _picture(self, request: Request, place: int, alone: bool) -> torch.Tensor | None:
        """One deck's picture; None, and the deck is taken off, where it fails while the other one can play."""
        deck = self._decks[place]
        if deck is None:
            return None
        try:
            return deck.picture(request)
        except Exception as error:
            if alone:
                raise
            self._decks[place] = None
            text = f"deck {DECKS[place]} ({deck.name}) failed ({error}) and is off; the other deck plays on"
            self._problems.report("generator", text)
            return None

    def _buffer(self, height: int, width: int, device: torch.device) -> torch.Tensor:
        if not self._pictures or self._pictures[0].shape[:2] != (height, width) or self._pictures[0].device != device:
            empty = torch.full((BUFFERS, height, width, 4), 255, dtype=torch.uint8, device=device)
            self._pictures = list(empty.unbind(0))
        self._turn = (self._turn + 1) % BUFFERS
        return self._pictures[self._turn]
