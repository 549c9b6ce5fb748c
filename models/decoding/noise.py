"""Gaussian noise on a few neurons of a layer, the same until it is drawn anew: fresh noise in every frame flickers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.decoding.native import Sum, noisy, sum_with

SIDE, MOST = 128, 1 << 20  # of the fields of noise that one choice makes
POOL = 1 << 18


def noise_pool() -> Tensor:
    """Gaussian numbers to take noise from, always the same: drawing as many anew would take too long on stage."""
    return torch.randn(POOL, generator=torch.Generator().manual_seed(0))


def field(count: int, height: int, width: int) -> tuple[int, int]:
    """The rows and columns of noise that each of `count` neurons gets for its map."""
    side = min(SIDE, max(1, int((MOST / count) ** 0.5)))
    return min(side, height), min(side, width)


class Noise:
    """The noise of one layer. One thread: the generator's."""

    def __init__(self, pool: Tensor, device: torch.device) -> None:
        self._pool = pool
        self._where: tuple[int, ...] = ()
        self._starts: tuple[int, ...] = ()
        self._places = torch.zeros(0, dtype=torch.long, device=device)
        self._fields: Tensor | None = None  # [K, h, w] for the neurons at `_places`, or [1, C, H, W] for all
        self._whole = False
        self._job = Sum()  # of noise on all channels, in one pass
        self._told: Tensor | None = None  # the strength that the job has

    @property
    def silent(self) -> bool:
        """Whether no neuron has noise."""
        return not self._where

    def choose(self, where: tuple[int, ...], rng: torch.Generator) -> None:
        """Noise on the neurons `where` from now on, none for (). Some small copies to the device."""
        if not where and not self._where:
            return
        self._where = where
        self._starts = tuple(torch.randint(POOL, [len(where)], generator=rng).tolist())
        self._fields = None

    def added(self, y: Tensor, strength: Tensor, owned: bool) -> Tensor:
        """y [N, C, H, W] with noise of the standard deviation `strength` (0-d) on it: a new tensor, or y itself where
        it is `owned` by this frame. A strength that is another number is another tensor, too.
        """
        fields = self._fields
        if fields is None or (self._whole and (fields.shape[1:] != y.shape[1:] or fields.dtype != y.dtype)):
            fields = self._fields = self._begin(y)
            self._job, self._told = sum_with(fields), None
        if self._whole and not owned and y.device.type == "cpu":
            if strength is not self._told:
                self._told, self._job.strength = strength, float(strength.to(fields.dtype))
            if (ready := noisy(y, fields, self._job)) is not None:
                return ready
        y = y if owned else y.clone()
        if self._whole:
            return y.add_(fields * strength.to(fields.dtype))
        if fields.shape[1:] != y.shape[2:]:
            fields = F.interpolate(fields[None], list(y.shape[2:]), mode="nearest")[0]
        return y.index_add_(1, self._places, (fields * strength).to(y.dtype).expand(len(y), -1, -1, -1))

    def _begin(self, y: Tensor) -> Tensor:
        """The fields, made as maps like y come for the first time since the choice."""
        count = len(self._where)
        fields = torch.zeros([count, *field(count, y.shape[2], y.shape[3])], device=y.device)
        self._places = torch.tensor(self._where, device=y.device)
        self._fill(fields)
        # Adding to all channels in their own order is many times quicker than to a few of a map with channels last.
        self._whole = y[0].numel() <= MOST
        if not self._whole:
            return fields
        if fields.shape[1:] != y.shape[2:]:
            fields = F.interpolate(fields[None], list(y.shape[2:]), mode="nearest")[0]
        return torch.zeros_like(y[:1]).index_copy_(1, self._places, fields[None].to(y.dtype))

    def _fill(self, fields: Tensor) -> None:
        """Numbers out of the pool, from another place for each neuron."""
        size = fields[0].numel()
        numbers = torch.zeros(fields.shape)
        for k, start in enumerate(self._starts):
            first = start % (POOL - size + 1)
            numbers[k] = self._pool[first : first + size].view(fields.shape[1:])
        fields.copy_(numbers, non_blocking=True)


class SteadyNoise:
    """The same noise for a network that is captured once: each call does the same work, whatever the choice.

    The pool lies on the device; a choice is where in it each channel begins, and how rows and columns step through it.
    """

    def __init__(self, neurons: int, pool: Tensor, device: torch.device) -> None:
        self._pool = pool.to(device)
        self._where: tuple[int, ...] = ()
        self._begin: tuple[int, ...] = ()
        self._marks = torch.zeros(neurons, device=device)  # 1 for those that have noise
        self._starts = torch.zeros(neurons, dtype=torch.int32, device=device)
        self._steps: tuple[Tensor, Tensor] | None = None  # of rows [H, 1, 1] and columns [W, 1]

    def choose(self, where: tuple[int, ...], rng: torch.Generator) -> None:
        """See `Noise.choose`."""
        if not where and not self._where:
            return
        self._where = where
        self._begin = tuple(torch.randint(POOL, [len(where)], generator=rng).tolist())
        self._tell()

    def added(self, y: Tensor, strength: Tensor) -> Tensor:
        """y [N, C, H, W] with noise of the standard deviation `strength` (0-d) on it, as a new tensor."""
        if self._steps is None:
            rows, columns = (torch.zeros(side, dtype=torch.int32, device=y.device) for side in y.shape[2:])
            self._steps = rows[:, None, None], columns[:, None]
            self._tell()
        rows, columns = self._steps
        places = torch.add(rows + columns, self._starts)  # [H, W, C]
        noise = self._pool.index_select(0, places.flatten()).view(places.shape).permute(2, 0, 1)
        return torch.addcmul(y, noise, (self._marks * strength)[:, None, None], out=torch.empty_like(y))

    def _tell(self) -> None:
        if self._steps is None:
            return
        marks, starts = torch.zeros(self._marks.shape), torch.zeros(self._starts.shape, dtype=torch.int32)
        size = [len(steps) for steps in self._steps]
        rows, columns = small = field(max(1, len(self._where)), size[0], size[1])
        marks[list(self._where)] = 1
        starts[list(self._where)] = torch.tensor(
            [start % (POOL - rows * columns + 1) for start in self._begin], dtype=torch.int32
        )
        self._marks.copy_(marks, non_blocking=True)
        self._starts.copy_(starts, non_blocking=True)
        for steps, large, few, stride in zip(self._steps, size, small, (columns, 1), strict=True):
            nearest = F.interpolate(torch.arange(few, dtype=torch.float32)[None, None], large, mode="nearest")
            steps.copy_((nearest.view(steps.shape) * stride).int(), non_blocking=True)
