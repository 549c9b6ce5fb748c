"""The neurons of one layer that speak now, as its tap."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from models.decoding.choice import drawn, idea, low_active
from models.decoding.native import Job, raised
from models.decoding.noise import Noise, SteadyNoise
from models.decoding.played import LOW_ACTIVE, MOST, NOISY
from models.decoding.statistics import Activity, level_and_square

SIDE = 32  # a map's mean and strength are taken from about SIDE x SIDE of its points
FEW, ROW = 32, 256  # channels below which pixels are taken together, and to how many
SILENCE = 0.05  # of the loudest


class Speakers:
    """Called as the tap of its layer. One thread: the generator's.

    `numbers` are amount, on_value and noise_std as 0-d views; for `steady` see `models.decoding.decoder`.
    """

    def __init__(self, activity: Activity, numbers: Tensor, pool: Tensor, steady: bool) -> None:
        self._activity, self._steady = activity, steady
        device, count = numbers.device, len(activity.rates)
        self._amount, self._on, self._noise_std = numbers.unbind()
        self._mean, self._sigma = (t.to(device).contiguous() for t in (activity.mean, activity.sigma))
        self._loud = activity.loudness
        self._usually_off = _usually_off(activity)
        self._shares = torch.zeros(count, device=device)  # 1 for those that are raised
        self._one = torch.ones([], device=device)
        self._told = self._tell()
        self._floor = max((SILENCE * self._loud) ** 2, 1e-12)
        self._raised, self._stale = False, True
        self._strength: Tensor | None = None  # of the noise, until a number moves
        self._job = Job(loud=self._loud, least=self._floor)
        if device.type == "cpu":
            self._job.numbers, self._job.shares = numbers.data_ptr(), self._shares.data_ptr()
            self._job.mean, self._job.sigma = self._mean.data_ptr(), self._sigma.data_ptr()
        self._rng = torch.Generator()
        self._noise = SteadyNoise(count, pool, device) if steady else Noise(pool, device)
        self._noise_unit = self._loud or activity.spread  # maps: by their strength; single units: by the layer's

    def hush(self) -> None:
        """Nothing speaks."""
        self._settle((), ())

    def draw(self, v: Mapping[str, float], draws: int) -> None:
        """Choose anew by the knobs `v`, for the time number `draws`, on the host; the choice goes to the device in one
        or two small copies. Below 5 ms.
        """
        activity, method, wanted = self._activity, int(v["method"]), int(v["n_neurons"])
        self._rng = torch.Generator().manual_seed(int(v["seed"]) * 1009 + draws)
        if method == LOW_ACTIVE:
            able = low_active(activity.rates, v["percentile_lo"], v["percentile_hi"])
            chosen = idea(able[None], activity.likeness, wanted, self._rng)[0]
        else:
            if method == NOISY:
                wanted = max(wanted, round(v["noise_share"] * len(activity.rates)))
            able = activity.ever if method == NOISY else self._usually_off
            chosen = drawn(able[None], wanted, self._rng)[0]
        found = tuple(chosen[chosen >= 0].tolist())
        self._settle(*(((), found) if method == NOISY else (found, ())))

    def _settle(self, raised: tuple[int, ...], noisy: tuple[int, ...]) -> None:
        """Raise these neurons and put noise on those, from now on."""
        if raised or self._raised:
            shares = torch.zeros(len(self._shares))
            shares[list(raised)] = 1
            self._shares.copy_(shares, non_blocking=True)
        self._raised, self._stale = bool(raised), True
        self._noise.choose(noisy, self._rng)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """x [N, C, H, W] with the chosen neurons raised, or with noise on them, as a new tensor."""
        if isinstance(self._noise, SteadyNoise):
            return self._noise.added(self._raise(x), self._amount * self._noise_std * self._noise_unit)
        y = self._raise(x) if self._raised else x
        if self._noise.silent:
            return x.clone() if y is x else y
        if self._strength is None:
            self._strength = self._amount * self._noise_std * self._noise_unit
        return self._noise.added(y, self._strength, owned=y is not x)

    def moved(self) -> None:
        """One of the numbers is another than in the frame before."""
        self._stale, self._strength = True, None

    def _raise(self, x: Tensor) -> Tensor:
        if (made := raised(x, self._job, SIDE)) is not None:
            return made
        if self._stale and not self._steady:  # a graph works it out each time, and keeps nothing
            self._stale, self._told = False, self._tell()
        share, target, level = self._tell() if self._steady else self._told
        now, square = level_and_square(x, SIDE)
        # A map that is fainter than SILENCE times the loudest counts as that: it is not made out of nothing.
        spread = torch.addcmul(square, now, now, value=-1).clamp_(min=self._floor)
        gain = spread.rsqrt_().mul_(target).clamp_(min=1)
        scale = torch.lerp(self._one, gain, share)
        offset = torch.maximum(now, level).addcmul_(now, gain, value=-1).mul_(share)
        return _affine(x, scale, offset)

    def _tell(self) -> tuple[Tensor, Tensor, Tensor]:
        """How much of each neuron is raised, how loud it shall be, and on which level."""
        return self._shares * self._amount, self._on * self._loud, torch.addcmul(self._mean, self._sigma, self._on)


def _affine(x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """x [N, C, H, W] times `scale` plus `offset`, both [N, C] float32, as a new tensor of x's type.

    A gain about a mean is a small difference of large products, so they are float32, too. With few channels last the
    inner loop is short: several pixels are taken as one row of more channels (0.07 ms against 0.46 at 8 x 256 x 256).
    """
    if x.dtype != torch.float32:
        return torch.addcmul(offset[:, :, None, None], x, scale[:, :, None, None], out=torch.empty_like(x))
    count, pixels = x.shape[1], x.shape[2] * x.shape[3]
    if len(x) == 1 and count < FEW and x.is_contiguous(memory_format=torch.channels_last):
        together = math.gcd(pixels, ROW // count)
        made = torch.empty_like(x)
        row = [view.permute(0, 2, 3, 1).view(-1, together * count) for view in (x, made)]
        torch.addcmul(offset.repeat(1, together), row[0], scale.repeat(1, together), out=row[1])
        return made
    return torch.addcmul(offset[:, :, None, None], x, scale[:, :, None, None])


def _usually_off(activity: Activity) -> Tensor:
    """[C] bool, off in most samples and yet active in some; where there are too few, the rarest of all."""
    off = activity.ever & (activity.rates <= 0.5)
    few = min(MOST, int(activity.ever.sum()))
    if int(off.sum()) < few:
        rarest = activity.rates.masked_fill(~activity.ever, 2).argsort()[:few]
        off[rarest] = True
    return off
