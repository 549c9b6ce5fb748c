"""Models come in from the side: loading never happens on the main thread or on the generator's.

`load` returns at once; a thread imports torch, reads the file, warms the network up with one frame and installs it
between two frames of the worker. Asked again while it works, it takes the newest name next. A failure leaves the
running model playing and says why.
"""

from __future__ import annotations

import gc
import logging
import threading

from perform.engine.clock import Clock
from perform.engine.frame import Request, Slot
from perform.engine.problems import Problems, UserError
from perform.engine.worker import Maker, Renderer

log = logging.getLogger("perform")


class Loader:
    """Loads models for one worker onto one device ("cpu", "cuda", "mps", or "" for the best there is).

    `sample` is a request to warm up with. With `wait=True` (fixed clock) `load` returns when the model plays.
    """

    def __init__(
        self, worker: Maker, clock: Clock, problems: Problems, device: str, sample: Request, *, wait: bool
    ) -> None:
        self.loaded = ""
        self.device = device
        self._worker, self._clock, self._problems, self._sample = worker, clock, problems, sample
        self._wait = wait
        self._names: Slot[str] = Slot()
        self._wake = threading.Event()
        self._running = True
        if not wait:
            self._thread = threading.Thread(target=self._work, name="loader", daemon=True)
            self._thread.start()

    def load(self, name: str) -> None:
        """Play the model called `name` (or the file) as soon as it is ready. Main thread."""
        if self._wait:
            self._load(name)
        else:
            self._names.put(name)
            self._wake.set()

    def close(self) -> None:
        """Take no more names; a load in progress is left to end with the program."""
        self._running = False
        self._wake.set()

    def _work(self) -> None:
        while self._running:
            self._wake.wait()
            self._wake.clear()
            name = self._names.take()
            if name is not None and self._running:
                self._load(name)

    def _load(self, name: str) -> None:
        if name == self.loaded:
            return
        try:
            renderer = renderer_for(name, self.device, self._clock, fast=not self._wait)
            renderer.render(self._sample)
        except UserError as error:  # the device is not there
            self._problems.report("device", f"{error}; the best of these is used")
            self.device = ""
            self._load(name)
            return
        except Exception as error:  # noqa: BLE001 - a file from anywhere; the running model must go on playing
            if not self.loaded and name != "cppn":
                self._load("cppn")  # something must play: the generator without weights always can
            self._problems.report("model", f'the model "{name}" could not be loaded: {error}; "{self.loaded}" plays')
            return
        self.loaded = name
        self.device = str(renderer.device)
        gc.freeze()  # torch's hundred thousand objects stay: looking through them again would cost frames
        self._worker.install(renderer)
        self._problems.clear("model")
        log.info("model %s plays on %s", name, renderer.device)


def renderer_for(name: str, device: str, clock: Clock, *, fast: bool) -> Renderer:
    """A renderer that plays the model `name` on `device`. Imports torch: seconds the first time.

    `fast` trades the last digits of the picture for speed on a processor; without it the picture is the float32 one.

    Raises models.checkpoints.Refused (a ValueError) for a file that is no model, UserError for a device that is absent.
    """
    import models
    from perform.engine.render import GeneratorRenderer, leave_room, pick_device

    leave_room()
    return GeneratorRenderer(models.load(name, device=pick_device(device)), clock, name, fast=fast)
