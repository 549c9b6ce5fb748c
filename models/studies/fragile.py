"""A healthy recipe with knobs that break it: what the guard is tried on.

The recipe is `gan` as it stands. Its method is stepped unchanged but for the rates of both networks and for what the
critic is shown, so that each failure of Ahn et al. can be brought about in a run that was well a step before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from models.knobs import Knob
from models.training.adversary import Adversarial
from models.training.method import Batch, Method, Plan, Setting

KNOBS = (
    Knob("g_lr", 1.0, 0.0, 100.0, "", "times the generator's rate"),
    Knob("d_lr", 1.0, 0.0, 100.0, "", "times the critic's rate"),
    Knob("emptied", 0.0, 0.0, 1.0, "", "the share of what is drawn that the critic is kept from seeing"),
    Knob("glare", 0.0, 0.0, 20.0, "", "how much contrast is forced on what the critic sees as real"),
)


class Fragile:
    """A `models.training.method.Method` around an adversarial one."""

    def __init__(self, inner: Method) -> None:
        assert isinstance(inner, Adversarial)
        self.inner, self.healthy = inner, dict(inner.rates)
        self.networks: Mapping[str, nn.Module] = inner.networks
        self.optimisers: Mapping[str, torch.optim.Optimizer] = inner.optimisers
        self.numbers, self.shown, self.z_dim = inner.numbers, inner.shown, inner.z_dim

    def step(
        self, number: int, real: Batch | None, knobs: Mapping[str, float], rng: torch.Generator
    ) -> dict[str, float]:
        """The recipe's own step."""
        assert real is not None  # the plan wants data
        self.inner.rates["generator"] = self.healthy["generator"] * knobs["g_lr"]
        self.inner.rates["critic"] = self.healthy["critic"] * knobs["d_lr"]
        shown = emptied(real.pictures, knobs["emptied"])
        if knobs["glare"]:
            shown = (shown * (1 + knobs["glare"])).clamp(-1, 1)
        return self.inner.step(number, Batch(shown, real.labels), knobs, rng)

    def pictures(self, z: Tensor) -> Tensor:
        """[N, z_dim] -> [N, 3, H, W]."""
        return self.inner.pictures(z)


def fragile(plan: Plan) -> Plan:
    """The plan with knobs that break it; as long as nobody moves them it is the plan itself, number for number."""

    def begin(setting: Setting) -> Method:
        return Fragile(plan.begin(setting))

    return replace(plan, begin=begin, knobs=(*plan.knobs, *KNOBS))


def emptied(pictures: Tensor, share: float) -> Tensor:
    """[N, 3, H, W] with so much of what is drawn taken off each picture's ground (its median colour)."""
    ground = pictures.flatten(2).median(dim=2).values[:, :, None, None]
    return ground + (1 - share) * (pictures - ground) if share else pictures
