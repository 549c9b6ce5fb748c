"""What one model does for a frame: values -> w -> picture, all on the model's device.

Imports torch, so it is imported only where a model is loaded, never on the way to the first picture.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable

import numpy as np
import torch

from models.generators import Generator, has_fast_bf16
from perform.engine.frame import Request
from perform.engine.problems import UserError
from perform.engine.walk import Array, Walker

log = logging.getLogger("perform")

Synthesize = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Deck:
    """Plays one model. Generator thread only.

    Moving numbers go to the device as one vector: w `[L, D]` and the noise strength behind it. `fast` is for a live
    show on a processor: see `in_one_call`.
    """

    def __init__(self, generator: Generator, name: str, *, fast: bool = False) -> None:
        self.name = name
        self._generator = generator
        self.device = self._device = generator.w_avg.device
        self._walker = Walker(self._map, self._mean(), generator.z_dim, generator.num_ws)
        shape = (generator.num_ws, generator.w_dim)
        self._staging = torch.zeros(shape[0] * shape[1] + 1, pin_memory=self._device.type == "cuda")
        self._moving = self._staging.to(self._device) if self._device.type != "cpu" else self._staging
        self._w = self._moving[:-1].view(1, *shape)
        self._noise_strength = self._moving[-1]
        self._synthesize = plain(generator)
        if fast and self._device.type == "cpu":
            self._synthesize = in_one_call(generator, self._w, self._noise_strength)

    @torch.inference_mode()
    def picture(self, request: Request) -> torch.Tensor:
        """The picture `[1, 3, H, W]` of about -1..1 that answers `request`."""
        staging = self._staging.numpy()
        staging[:-1] = self._walker.w(request.values, request.position).ravel()
        staging[-1] = request.values["walk.noise_strength"]
        if self._moving is not self._staging:
            self._moving.copy_(self._staging, non_blocking=True)
        return self._synthesize(self._w, self._noise_strength)

    @torch.inference_mode()
    def _map(self, z: Array) -> Array:
        ready = torch.from_numpy(z).to(self._device, torch.float32)
        w = self._generator.map(ready, truncation_psi=1.0)
        return np.asarray(w[:, 0].double().cpu().numpy())

    def _mean(self) -> Array:
        return np.asarray(self._generator.w_avg.detach().double().cpu().numpy())


def to_rgba(image: torch.Tensor, out: torch.Tensor) -> None:
    """A picture `[1, 3, H, W]` of about -1..1 into `out` `[H, W, 4]` uint8: (x * 127.5 + 128) clamped and cut off."""
    scaled = torch.add(128.0, image[0].permute(1, 2, 0), alpha=127.5).clamp_(0, 255)
    out[..., :3] = scaled.to(torch.uint8)


def plain(generator: Generator) -> Synthesize:
    """The network as it is: w `[1, L, D]` and the noise's strength (0-d) to a picture `[1, 3, H, W]`."""
    return lambda w, strength: generator.synthesize(w, noise_mode="const", noise_strength=strength)


def in_one_call(generator: Generator, w: torch.Tensor, strength: torch.Tensor) -> Synthesize:
    """The network as one call that needs the interpreter's lock once instead of at each of its three hundred steps.

    Beside a thread that paints in software, those are three hundred waits: on two cores a frame went from 24 ms to 17.
    bfloat16 is taken where the processor multiplies it natively (a picture 0.006 rms away). Tracing takes a second, in
    the loader's thread; a network that cannot be traced plays as it is.
    """
    if has_fast_bf16():
        generator.compute_dtype = torch.bfloat16
    eager = plain(generator)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # shapes are constants here, on purpose
            example = (w.clone(), strength.clone())
            traced: Synthesize = torch.jit.freeze(torch.jit.trace(_Network(eager).eval(), example))  # type: ignore[no-untyped-call]
    except (RuntimeError, AttributeError, SystemError, Warning) as error:  # a warning that another thread made an error
        log.info("%s cannot be traced (%s) and plays as it is", generator.architecture, error)
        return eager
    return traced


class _Network(torch.nn.Module):
    """What `torch.jit.trace` wants: a module around a function."""

    def __init__(self, synthesize: Synthesize) -> None:
        super().__init__()
        self._synthesize = synthesize

    def forward(self, w: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        return self._synthesize(w, strength)


def leave_room() -> None:
    """Keep one core for the picture, the ears and the hands.

    A network that takes every core waits at each of its barriers for a thread that something else has pushed aside:
    on two cores, beside software GL, that made a 12 ms frame into one of 360 ms.
    """
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))


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
