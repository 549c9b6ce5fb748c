"""What one model does for a frame: values -> w -> picture, all on the model's device.

Imports torch, so it is imported only where a model is loaded, never on the way to the first picture.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import torch

from models.bending.enlarge import Enlarge, synthesize_wide
from models.forms.cuda import Capture, OnCard
from models.forms.moving import BESIDE_W, Moving, size
from models.forms.shelf import Shelf
from models.generators import Generator, Tap, has_fast_bf16
from models.generators.alias_free.transform import picture_transform
from models.tuning.reel import Reel
from perform.engine.captured import Captures, Topology, wanted
from perform.engine.frame import Request
from perform.engine.instruments import Instruments, Taps
from perform.engine.lore import Lore, keep, with_statistics
from perform.engine.parameters import Part
from perform.engine.pose import POSE, label
from perform.engine.problems import UserError
from perform.engine.rig import NOTHING, Rig
from perform.engine.walk import Array, Walker

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
BESIDE = ("walk.noise_strength", "pose.anchor", *POSE)  # what makes a picture besides w
STAGINGS = 3  # sets of moving numbers: one being written, two that an accelerator may still be reading


Synthesize = Callable[[Moving, Taps], torch.Tensor]


class Deck:
    """Plays one model. `picture` belongs to the generator's thread; it is made, and made faster, by the loader's.

    `fast` is for a live show: bfloat16 where the device multiplies it natively (a picture 0.006 rms away), and the
    compiled or captured form where there is one; without it every picture is the eager float32 one. `manner` says which
    plays. `rig` is what is done to the network; `equip` changes it while it plays. `capture` stands for a card's.
    """

    def __init__(
        self, generator: Generator, name: str, *, fast: bool = False, rig: Rig | None = None, lore: Lore | None = None,
        capture: Capture | None = None,
    ) -> None:  # fmt: skip
        self.name, self.resolution = name, generator.img_resolution
        self._generator = generator
        self.device = self._device = generator.w_avg.device
        self._walker = Walker(self._map, self._mean(), generator.z_dim, generator.num_ws)
        self._label = np.zeros(generator.c_dim)
        self._pose: tuple[float, ...] = ()
        self._transform = np.eye(3, dtype=np.float32).ravel()
        on_card = self._device.type == "cuda"
        count = size(generator)
        self._stagings = [torch.zeros(count, pin_memory=on_card) for _ in range(STAGINGS if on_card else 1)]
        self._turn = 0
        self._vector = self._stagings[0] if self._device.type == "cpu" else self._stagings[0].to(self._device)
        self._moving = Moving.of(self._vector, generator.num_ws)
        self._synthesize = plain(generator)
        self._dtype, self.manner = "float32", "eager float32"
        self._shelf: Shelf | None = None
        self._captures: Captures | None = None
        self._stored: int | None = None
        self._unsaved = False
        self._patient = not fast  # a film waits for what it asks for
        self._time = 0.0
        self._following = threading.Lock()
        self._instruments = Instruments(generator, name, self._map, rig or NOTHING, lore, patient=self._patient)
        self._brings_code = hasattr(generator, "prepare")
        if hasattr(generator, "prepare"):
            generator.prepare()
        if fast:
            self._dtype = "bfloat16" if on_card or has_fast_bf16() else "float32"
            self._begin_fast(generator, OnCard(self._device) if capture is None and on_card else capture)

    @property
    def muted(self) -> tuple[str, ...]:
        """What of the rig this network cannot play, a line each."""
        return self._instruments.muted

    @property
    def reel(self) -> Reel | None:
        """The trajectory that plays, if there is one."""
        return self._instruments.way.tune.reel

    @property
    def quick(self) -> bool:
        """Whether there is nothing left to compile for what plays."""
        return not (self._missing() if self._captures is None else self._captures.missing(self._wanted()))

    def _wanted(self) -> list[Topology]:
        return wanted(self._instruments.topology)

    def _missing(self) -> list[tuple[str, ...]]:
        made = self._instruments
        return [] if self._shelf is None else self._shelf.missing(made.cuts, made.wanders)

    def learn(self) -> bool:
        """Find out what is asked for and not known yet; whether there was something. Blocks for seconds.

        Raises models.checkpoints.Refused if the model's file has gone.
        """
        if not self._instruments.lacks_statistics:
            return False
        found = with_statistics(self._instruments.lore, self.name)
        self.know(statistics=found.statistics, words=found.words)
        return True

    def rest(self) -> None:
        """Give memory back that no frame needs. Compiler's thread; nothing to do most times."""
        if self._shelf is not None:
            self._shelf.rest()

    def know(self, **found: Any) -> None:
        """Take in what was found out since it came: fields of `Lore`. Loader's or compiler's thread."""
        self._instruments.know(replace(self._instruments.lore, **found))

    def read_ahead(self) -> bool:
        """Bring more of a trajectory into memory; whether there was something to do. The reader's thread."""
        way = self._instruments.way
        busy = way.read_ahead()
        if not busy and way.tune.pack():
            self._follow()
        return busy

    def _follow(self) -> None:
        """Let the forms follow what mixes the weights now. Loader's and reader's thread."""
        if self._shelf is not None:
            with self._following:
                self._shelf.follow(self._instruments.mixture)

    def equip(self, rig: Rig) -> None:
        """Another rig, from the next frame on. Loader's thread."""
        if rig != self._instruments.rig:
            self._instruments.equip(rig)
            self._follow()
            self._capture()
        self._recall()

    def _begin_fast(self, generator: Generator, capture: Capture | None) -> None:
        """As fast as it can be had at once. A card's graphs are captured here, before the network plays."""
        generator.compute_dtype = getattr(torch, self._dtype)
        self.manner = f"eager {self._dtype}"
        if capture is not None:
            self._captures = Captures(generator, self._dtype, capture, self._finish)
            self._capture()
        elif not self._brings_code and self._device.type == "cpu":
            self._shelf = Shelf(generator, self._dtype)
            self._follow()
            self._recall()

    def _capture(self) -> None:
        """Capture all that the rig may ask for. Meanwhile, and where it cannot be, the network plays uncaptured."""
        while self._captures is not None and not self.quick:
            self._captures.fetch(self._wanted())

    def _finish(self) -> None:
        """Wait on this thread for what the card has been given."""
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()

    def _recall(self) -> None:
        """Take the forms that were compiled before."""
        if self._shelf is not None:
            for cuts in self._missing():
                self._shelf.recall(cuts)
            if self._shelf.best(()) is not None:
                self._play(self._shelf)

    def quicken(self) -> None:
        """Compile or capture one more form of the network, the most useful one, and play it so from the next frame on.

        Blocks, a compiler for a minute the first time. Raises models.forms.Unavailable with the reason and the remedy;
        then it plays on as it is.
        """
        if self._captures is not None:
            self._captures.fetch(self._wanted())
        if self._shelf is not None and (missing := self._missing()):
            self._shelf.fetch(missing[0])
            self._play(self._shelf)

    def _play(self, shelf: Shelf) -> None:
        """The network as a form: one call, which leaves the interpreter to the other threads.

        Where no form has a place for the taps of a frame yet, the network plays as it is.
        """
        eager, manners = plain(self._generator), (f"eager {self._dtype}", f"compiled {self._dtype}")

        def synthesize(now: Moving, taps: Taps) -> torch.Tensor:
            form = shelf.best(taps)
            self.manner = manners[form is not None]
            if form is None:
                return eager(now, taps)
            return form(now.w, noise_strength=now.noise_strength, taps=taps, transform=now.transform)

        self._synthesize, self.manner = synthesize, manners[1]

    @torch.inference_mode()
    def picture(self, request: Request) -> torch.Tensor:
        """The picture `[1, 3, H, W]` of about -1..1 that answers `request`."""
        values = request.values
        if len(self._label):
            wanted = label(values, len(self._label))
            if not np.array_equal(wanted, self._label):
                self._label = wanted
                self._walker.forget()
                self._instruments.forget()
        made = self._instruments
        made.weights(values, request.glitches)
        self._turn += 1
        staging = self._stagings[self._turn % len(self._stagings)]
        numbers = staging.numpy()
        w = made.w(self._walker, values, request.position)
        kept = made.recall.numbers(Part(values, "walk."))
        beside = {name: kept.get(name, values[name]) for name in BESIDE}
        self._store(request.stores, w, beside)
        numbers[:-BESIDE_W] = w.ravel()
        numbers[-11], numbers[-10] = beside["walk.noise_strength"], beside["pose.anchor"]
        pose = tuple(beside[name] for name in POSE)
        if pose != self._pose:
            self._pose = pose
            rotate, x, y, scale, mirror, shear = pose
            self._transform = picture_transform(rotate, x, y, scale, mirror, shear).numpy().ravel()
        numbers[-9:] = self._transform
        now = request.tick.time
        dt, self._time = now - self._time, now
        wide = made.wide(values)
        if self._captures is not None and wide is None:
            needed = made.needed(values)
            if (ready := self._captures.best(needed)) is not None:
                made.tell(ready, needed, values, dt)
                self.manner = f"captured {self._dtype}"
                return ready.picture(staging)
            self.manner = f"eager {self._dtype}"
        if staging is not self._vector:
            self._vector.copy_(staging, non_blocking=True)
        taps = made.taps(values, dt)
        if self._patient and self.learn():
            taps = made.taps(values, dt)
        return self._synthesize(self._moving, taps) if wide is None else self._wider(wide, taps, w, request)

    def _wider(self, wide: Enlarge, taps: Taps, w: Array, request: Request) -> torch.Tensor:
        """The picture `[1, 3, H, W]` wider than the network was trained for, uncompiled; several places share it."""
        values = request.values
        ahead = [k * values["bend.wide.spread"] for k in range(1, int(values["bend.wide.latents"]))]
        places = [w, *(self._instruments.w(self._walker, values, request.position + far) for far in ahead)]
        latents = torch.from_numpy(np.stack(places)).to(self._device, torch.float32)
        self.manner = "eager, wide"
        return synthesize_wide(
            self._generator, latents, wide, tap=tapped(taps), noise_strength=self._moving.noise_strength
        )

    def _store(self, wishes: tuple[tuple[int, int], ...], w: Array, beside: dict[str, float]) -> None:
        """Keep the place of this frame, for the wishes that are new."""
        newest = wishes[-1][0] if wishes else 0
        done = newest if self._stored is None else self._stored  # what was wished before this deck came is not meant
        for number, slot in wishes:
            if number > done:
                self._instruments.recall.store(slot, w, beside)
                self._unsaved = True
        self._stored = newest

    def save(self) -> None:
        """Write down the places that were kept since the last time. OSError where the disk refuses."""
        if self._unsaved:
            self._unsaved = False
            keep(self._instruments.recall.bank, self.name)

    @torch.inference_mode()
    def _map(self, z: Array, maps: Callable[[Array, Array | None], Array] | None = None) -> Array:
        """z `[K, D]` with the label to w `[K, D]`, through `maps` where one is given."""
        if maps is not None:
            return maps(z, np.repeat(self._label[None], len(z), 0) if len(self._label) else None)
        ready = torch.from_numpy(z).to(self._device, torch.float32)
        c = None
        if len(self._label):
            c = torch.from_numpy(self._label).to(self._device, torch.float32).expand(len(z), -1)
        w = self._generator.map(ready, c, truncation_psi=1.0)
        return np.asarray(w[:, 0].double().cpu().numpy())

    def _mean(self) -> Array:
        return np.asarray(self._generator.w_avg.detach().double().cpu().numpy())


def to_rgba(image: torch.Tensor, out: torch.Tensor) -> None:
    """A picture `[1, 3, H, W]` of about -1..1 into `out` `[H, W, 4]` uint8: (x * 127.5 + 128) clamped and cut off."""
    scaled = torch.add(128.0, image[0].permute(1, 2, 0), alpha=127.5).clamp_(0, 255)
    out[..., :3] = scaled.to(torch.uint8)


def tapped(taps: Taps) -> Tap:
    """Taps by layer as a network takes them."""
    return lambda layer, x: taps[layer](x) if layer in taps else x


def plain(generator: Generator) -> Synthesize:
    """The network as it is, from the moving numbers to a picture `[1, 3, H, W]`."""
    call: Callable[..., torch.Tensor] = generator.synthesize
    moves = "anchor" in signature(call).parameters

    def synthesize(now: Moving, taps: Taps) -> torch.Tensor:
        given: dict[str, object] = {"anchor": now.anchor} if moves else {}
        if taps:
            given["tap"] = tapped(taps)
        return call(now.w, noise_strength=now.noise_strength, transform=now.transform, **given)

    return synthesize


def leave_room() -> None:
    """Keep one core for the picture, the ears and the hands.

    A network that takes every core waits at each of its barriers for a thread that something else has pushed aside:
    on two cores, beside software GL, that made a 12 ms frame into one of 360 ms.
    """
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    keep_memory()


def keep_memory() -> None:
    """Let glibc keep what a frame frees, for the next one: by default it hands large blocks back to the system each
    time, and every frame pays for their pages again (12.2 ms against 9.9 for the shipped network, uncompiled).
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            keep = ctypes.CDLL(None).mallopt
            keep(_TRIM_THRESHOLD, 1 << 30)
            keep(_MMAP_THRESHOLD, 32 << 20)


def pick_device(name: str) -> str:
    """The device to use: `name` ("cpu", "cuda", "mps"), or for "" the best there is. Raises UserError if absent."""
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if not name:
        return next(kind for kind, is_there in there.items() if is_there)
    kind = name.partition(":")[0]
    if not there.get(kind, False):
        usable = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise UserError(f'the device "{name}" is not there; this machine has: {usable}')
    return name
