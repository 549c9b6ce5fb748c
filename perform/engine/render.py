"""What one model does for a frame: values -> w -> picture, all on the model's device.

Imports torch, so it is imported only where a model is loaded, never on the way to the first picture.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch

from models.generators import Generator, has_fast_bf16
from models.generators.alias_free.transform import picture_transform
from perform.engine.frame import Request
from perform.engine.pose import POSE, label
from perform.engine.problems import UserError
from perform.engine.walk import Array, Walker

log = logging.getLogger("perform")

STAGINGS = 3  # sets of moving numbers: one being written, two that an accelerator may still be reading


@dataclass(frozen=True, slots=True)
class Moving:
    """All numbers that may move each frame, on the device: views of one vector, so that one small copy carries them.

    `w` is `[1, L, D]`, `noise_strength` and `anchor` are 0-d, `transform` is `[3, 3]`.
    """

    w: torch.Tensor
    noise_strength: torch.Tensor
    anchor: torch.Tensor
    transform: torch.Tensor

    @classmethod
    def of(cls, vector: torch.Tensor, num_ws: int) -> Moving:
        """The views of a vector `[L * D + 11]`."""
        w = vector[:-11].view(1, num_ws, -1)
        return cls(w, vector[-11], vector[-10], vector[-9:].view(3, 3))


Synthesize = Callable[[Moving], torch.Tensor]


class Deck:
    """Plays one model. Generator thread only. `fast` is for a live show on a processor: see `in_one_call`."""

    def __init__(self, generator: Generator, name: str, *, fast: bool = False) -> None:
        self.name, self.resolution = name, generator.img_resolution
        self._generator = generator
        self.device = self._device = generator.w_avg.device
        self._walker = Walker(self._map, self._mean(), generator.z_dim, generator.num_ws)
        self._label = np.zeros(generator.c_dim)
        self._pose: tuple[float, ...] = ()
        self._transform = np.eye(3, dtype=np.float32).ravel()
        size = generator.num_ws * generator.w_dim + 11
        on_card = self._device.type == "cuda"
        self._stagings = [torch.zeros(size, pin_memory=on_card) for _ in range(STAGINGS if on_card else 1)]
        self._vector = self._stagings[0] if self._device.type == "cpu" else self._stagings[0].to(self._device)
        self._moving = Moving.of(self._vector, generator.num_ws)
        self._synthesize = plain(generator)
        if fast and self._device.type == "cpu":
            self._synthesize = in_one_call(generator, self._moving)

    @torch.inference_mode()
    def picture(self, request: Request) -> torch.Tensor:
        """The picture `[1, 3, H, W]` of about -1..1 that answers `request`."""
        values = request.values
        if len(self._label):
            wanted = label(values, len(self._label))
            if not np.array_equal(wanted, self._label):
                self._label = wanted
                self._walker.forget()
        staging = self._stagings[request.serial % len(self._stagings)]
        numbers = staging.numpy()
        numbers[:-11] = self._walker.w(values, request.position).ravel()
        numbers[-11], numbers[-10] = values["walk.noise_strength"], values["pose.anchor"]
        pose = tuple(values[name] for name in POSE)
        if pose != self._pose:
            self._pose = pose
            rotate, x, y, scale, mirror, shear = pose
            self._transform = picture_transform(rotate, x, y, scale, mirror, shear).numpy().ravel()
        numbers[-9:] = self._transform
        if staging is not self._vector:
            self._vector.copy_(staging, non_blocking=True)
        return self._synthesize(self._moving)

    @torch.inference_mode()
    def _map(self, z: Array) -> Array:
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


def plain(generator: Generator) -> Synthesize:
    """The network as it is, from the moving numbers to a picture `[1, 3, H, W]`."""
    call: Callable[..., torch.Tensor] = generator.synthesize
    if "anchor" in signature(call).parameters:
        return lambda now: call(now.w, noise_strength=now.noise_strength, transform=now.transform, anchor=now.anchor)
    return lambda now: call(now.w, noise_strength=now.noise_strength, transform=now.transform)


def in_one_call(generator: Generator, moving: Moving) -> Synthesize:
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
            example = (moving.w, moving.noise_strength, moving.anchor, moving.transform)
            traced: Any = torch.jit.freeze(
                torch.jit.trace(_Network(eager).eval(), tuple(x.clone() for x in example))  # type: ignore[no-untyped-call]
            )
    except (RuntimeError, AttributeError, SystemError, Warning) as error:  # a warning that another thread made an error
        log.info("%s cannot be traced (%s) and plays as it is", generator.architecture, error)
        return eager
    return lambda now: traced(now.w, now.noise_strength, now.anchor, now.transform)


class _Network(torch.nn.Module):
    """What `torch.jit.trace` wants: a module around a function."""

    def __init__(self, synthesize: Synthesize) -> None:
        super().__init__()
        self._synthesize = synthesize

    def forward(self, *moving: torch.Tensor) -> torch.Tensor:
        return self._synthesize(Moving(*moving))


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
