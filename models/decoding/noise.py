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


class Noise:
    """The noise of one layer of `neurons`. One thread: the generator's.

    With `steady` there is room for `most` neurons from the first call on, and every call does the same work.
    """

    def __init__(self, neurons: int, most: int, pool: Tensor, device: torch.device, steady: bool) -> None:
        self._neurons, self._pool, self._steady = neurons, pool, steady
        self._where: tuple[int, ...] = ()
        self._starts: tuple[int, ...] = ()
        self._places = torch.arange(min(most, neurons), device=device)
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
        if not self._steady:
            self._fields = None
        elif self._fields is not None:
            self._fill(self._fields)

    def added(self, y: Tensor, strength: Tensor, owned: bool) -> Tensor:
        """y [N, C, H, W] with noise of the standard deviation `strength` (0-d) on it: a new tensor, or y itself where
        it is `owned` by this frame. A strength that is another number is another tensor, too, but where it is `steady`.
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
        count = len(self._places) if self._steady else len(self._where)
        side = min(SIDE, max(1, int((MOST / count) ** 0.5)))
        fields = torch.zeros([count, min(side, y.shape[2]), min(side, y.shape[3])], device=y.device)
        if not self._steady:
            self._places = torch.tensor(self._where, device=y.device)
        self._fill(fields)
        # Adding to all channels in their own order is many times quicker than to a few of a map with channels last.
        self._whole = not self._steady and y[0].numel() <= MOST
        if not self._whole:
            return fields
        if fields.shape[1:] != y.shape[2:]:
            fields = F.interpolate(fields[None], list(y.shape[2:]), mode="nearest")[0]
        return torch.zeros_like(y[:1]).index_copy_(1, self._places, fields[None].to(y.dtype))

    def _fill(self, fields: Tensor) -> None:
        """Numbers out of the pool, from another place for each neuron; 0 for what stands in for none."""
        size = fields[0].numel()
        numbers = torch.zeros(fields.shape)
        for k, start in enumerate(self._starts):
            first = start % (POOL - size + 1)
            numbers[k] = self._pool[first : first + size].view(fields.shape[1:])
        fields.copy_(numbers, non_blocking=True)
        if self._steady:
            rest = [neuron for neuron in range(self._neurons) if neuron not in self._where]
            order = torch.tensor([*self._where, *rest][: len(self._places)])
            self._places.copy_(order, non_blocking=True)
