"""The neurons of one layer that speak now, as its tap."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.decoding.choice import drawn, idea, low_active
from models.decoding.played import LOW_ACTIVE, MOST, NOISY
from models.decoding.statistics import Activity

SIDE = 32  # a map's mean and strength are taken from about SIDE x SIDE of its points
SILENCE = 0.05  # of the loudest: what is fainter than that is not made out of nothing
NOISE_SIDE, NOISE_MOST = 128, 1 << 20  # of the fields of noise that one choice makes


def noise_pool() -> Tensor:
    """Gaussian numbers to take noise from, always the same: drawing as many anew would take too long on stage."""
    return torch.randn(1 << 18, generator=torch.Generator().manual_seed(0))


class Speakers:
    """Called as the tap of its layer. One thread: the generator's.

    `numbers` are amount, on_value and noise_std as 0-d views; for `steady` see `models.decoding.decoder`.
    """

    def __init__(self, activity: Activity, numbers: Tensor, pool: Tensor, steady: bool) -> None:
        self._activity, self._pool, self._steady = activity, pool, steady
        device = numbers.device
        self._amount, self._on, self._noise_std = numbers.unbind()
        count = len(activity.rates)
        self._mean, self._sigma = activity.mean.to(device), activity.sigma.to(device)
        self._loud = activity.loudness
        self._noise_unit = self._loud or activity.spread  # maps: by their strength; single units: by the layer's
        self._usually_off = _usually_off(activity)
        self._shares = torch.zeros(count, device=device)  # 1 for those that are raised
        self._raised = False
        most = min(count, MOST)
        self._noisy = torch.arange(most, device=device)  # those that get noise, and how much at each point
        self._fields: Tensor | None = None  # [K, h, w]
        self._starts: list[int] = []
        self._where: tuple[int, ...] = ()

    def hush(self) -> None:
        """Nothing speaks. Only for steady work."""
        if self._raised:
            self._shares.zero_()
        if self._fields is not None and self._where:
            self._fields.zero_()
        self._raised, self._where = False, ()

    def draw(self, v: Mapping[str, float], draws: int) -> None:
        """Choose anew by the knobs `v`, for the time number `draws`, on the host; the choice goes to the device in one
        or two small copies. Below 5 ms.
        """
        activity, method, wanted = self._activity, int(v["method"]), int(v["n_neurons"])
        rng = torch.Generator().manual_seed(int(v["seed"]) * 1009 + draws)
        if method == LOW_ACTIVE:
            able = low_active(activity.rates, v["percentile_lo"], v["percentile_hi"])
            chosen = idea(able[None], activity.likeness, wanted, rng)[0]
        else:
            if method == NOISY and not self._steady:
                wanted = max(wanted, round(v["noise_share"] * len(activity.rates)))
            able = activity.ever if method == NOISY else self._usually_off
            chosen = drawn(able[None], wanted, rng)[0]
        chosen = chosen[chosen >= 0]
        shares = torch.zeros(len(activity.rates))
        if method != NOISY:
            shares[chosen] = 1
        self._raised = method != NOISY
        self._shares.copy_(shares, non_blocking=True)
        self._where = tuple(chosen.tolist()) if method == NOISY else ()
        self._starts = torch.randint(len(self._pool), [max(1, len(chosen))], generator=rng).tolist()
        if not self._steady:
            self._fields = None
        elif self._fields is not None:
            self._fill(self._fields)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """x [N, C, H, W] with the chosen neurons raised, or with noise on them, as a new tensor."""
        y = self._raise(x) if self._steady or self._raised else x.clone()
        return self._rustle(y) if self._steady or self._where else y

    def _raise(self, x: Tensor) -> Tensor:
        step = max(1, x.shape[2] // SIDE), max(1, x.shape[3] // SIDE)
        inside, now = torch.var_mean(x[:, :, :: step[0], :: step[1]].float(), (2, 3), correction=0)  # [N, C]
        share = self._shares * self._amount
        gain = (self._on * self._loud / (inside.sqrt_() + SILENCE * self._loud + 1e-12)).clamp_(min=1) - 1
        level = torch.addcmul(self._mean, self._sigma, self._on)
        lift = (level - now).clamp_(min=0)
        offset = share * torch.addcmul(lift, now, gain, value=-1)
        scale = torch.addcmul(torch.ones_like(gain), gain, share)
        return torch.addcmul(offset.to(x.dtype)[:, :, None, None], x, scale.to(x.dtype)[:, :, None, None])

    def _rustle(self, x: Tensor) -> Tensor:
        """Noise on x itself, which belongs to this frame."""
        if self._fields is None:
            self._begin_fields(x)
        assert self._fields is not None
        fields = self._fields
        if fields.shape[1:] != x.shape[2:]:
            fields = F.interpolate(fields[None], list(x.shape[2:]), mode="nearest")[0]
        strength = self._amount * self._noise_std * self._noise_unit
        return x.index_add_(1, self._noisy, (fields * strength).to(x.dtype).expand(len(x), -1, -1, -1))

    def _begin_fields(self, x: Tensor) -> None:
        """Room for the noise, which stands until the next choice: noise that is new in every frame only flickers."""
        count = len(self._noisy) if self._steady else len(self._where)
        side = max(1, min(NOISE_SIDE, int((NOISE_MOST / count) ** 0.5)))
        shape = (count, min(side, x.shape[2]), min(side, x.shape[3]))
        if not self._steady:
            self._noisy = torch.tensor(self._where, device=x.device)
        self._fields = torch.zeros(shape, device=x.device)
        self._fill(self._fields)

    def _fill(self, fields: Tensor) -> None:
        """Gaussian numbers out of a pool, from another place for each neuron; 0 for what stands in for none."""
        size = fields[0].numel()
        numbers = torch.zeros(fields.shape)
        for k in range(len(self._where)):
            start = self._starts[k] % (len(self._pool) - size + 1)
            numbers[k] = self._pool[start : start + size].view(fields.shape[1:])
        fields.copy_(numbers, non_blocking=True)
        if self._steady and self._where:
            rest = [c for c in range(len(self._activity.rates)) if c not in self._where]
            self._noisy.copy_(torch.tensor([*self._where, *rest][: len(self._noisy)]), non_blocking=True)


def _usually_off(activity: Activity) -> Tensor:
    """[C] bool, off in most samples and yet active in some; where there are too few, the rarest of all."""
    off = activity.ever & (activity.rates <= 0.5)
    few = min(MOST, int(activity.ever.sum()))
    if int(off.sum()) < few:
        rarest = activity.rates.masked_fill(~activity.ever, 2).argsort()[:few]
        off[rarest] = True
    return off
