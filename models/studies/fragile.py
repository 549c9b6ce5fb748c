"""A DCGAN without the remedies, so that it breaks when it is asked to: what the guard is tried on.

Radford et al.'s ending (tanh) instead of the mapped sigmoid, so it can saturate; knobs for the rates of both networks
and for the steps of G for one of D, so that each failure of Ahn et al. can be brought about in a healthy run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.generators.dcgan import DCGAN, Config
from models.knobs import Knob
from models.training.dcgan_discriminator import DCGANDiscriminator
from models.training.losses import discriminator_loss, generator_loss
from models.training.method import Batch, Plan, Setting
from models.training.networks import follow

Z_DIM = 32


class Fragile:
    """A `models.training.method.Method`."""

    shown = "average"
    z_dim = Z_DIM

    def __init__(self, setting: Setting) -> None:
        channels = int(setting.options["channels"])
        widths = {"channels": channels, "channel_max": 4 * channels}
        config = Config(z_dim=Z_DIM, grid=setting.resolution, output="tanh", **widths)
        self.setting = setting
        self.generator, self.average = DCGAN(config), DCGAN(config)
        self.average.load_state_dict(self.generator.state_dict())
        self.average.eval().requires_grad_(False)
        self.critic = DCGANDiscriminator(setting.resolution, **widths)
        self.networks: Mapping[str, nn.Module] = {
            "generator": self.generator, "average": self.average, "critic": self.critic,
        }  # fmt: skip
        self.rates = {"generator": float(setting.options["g_rate"]), "critic": float(setting.options["d_rate"])}
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam(self.networks[name].parameters(), lr=rate, betas=(0.5, 0.999))
            for name, rate in self.rates.items()
        }
        self.numbers: dict[str, float] = {}

    def step(
        self, number: int, real: Batch | None, knobs: Mapping[str, float], rng: torch.Generator
    ) -> dict[str, float]:
        """A step of D, then `g_per_d` of G."""
        assert real is not None  # the plan wants data
        for name, knob in (("generator", "g_lr"), ("critic", "d_lr")):
            for group in self.optimisers[name].param_groups:
                group["lr"] = self.rates[name] * knobs[knob] * knobs["lr"]
        self.generator.train()
        self.critic.train()
        engine, count = self.setting.engine, len(real.pictures)
        pictures = emptied(real.pictures, knobs["emptied"])

        def against(part: slice) -> Tensor:
            with torch.no_grad():
                made = self.generator.paint(self._latents(part, rng))
            return discriminator_loss(self.critic(pictures[part]), self.critic(made))

        def please(part: slice) -> Tensor:
            return generator_loss(self.critic(self.generator.paint(self._latents(part, rng))))

        losses = {"d": engine.descend(self.optimisers["critic"], count, against, rng), "g": 0.0}
        self.critic.requires_grad_(False)
        for _ in range(round(knobs["g_per_d"])):
            losses["g"] = engine.descend(self.optimisers["generator"], count, please, rng)
        self.critic.requires_grad_(True)
        follow(self.average, self.generator, 0.5 ** (1 / float(self.setting.options["ema"])))
        return losses

    @torch.no_grad()
    def pictures(self, z: Tensor) -> Tensor:
        """[N, z_dim] -> [N, 3, H, W] of the average."""
        return self.average.paint(z)

    def _latents(self, part: slice, rng: torch.Generator) -> Tensor:
        return torch.randn([part.stop - part.start, self.z_dim], generator=rng)


def emptied(pictures: Tensor, share: float) -> Tensor:
    """[N, 3, H, W] with so much of what is drawn taken off each picture's ground (its median colour)."""
    ground = pictures.flatten(2).median(dim=2).values[:, :, None, None]
    return ground + (1 - share) * (pictures - ground)


OPTIONS: Mapping[str, Any] = {"channels": 16, "g_rate": 1e-3, "d_rate": 5e-4, "ema": 20.0}
PLAN = Plan(
    name="fragile",
    about="a DCGAN without the remedies, to be broken",
    begin=Fragile,
    wants=frozenset({"data"}),
    resolution=32,
    batch=16,
    steps=800,
    record_every=200,
    sheet_every=1000,
    save_every=50,
    knobs=(
        Knob("lr", 1.0, 0.0, 100.0, "", "times both rates"),
        Knob("g_lr", 1.0, 0.0, 100.0, "", "times the generator's rate"),
        Knob("d_lr", 1.0, 0.0, 100.0, "", "times the critic's rate"),
        Knob("g_per_d", 1.0, 0.0, 16.0, "", "steps of the generator for one of the critic", "int"),
        Knob("emptied", 0.0, 0.0, 1.0, "", "the share of what is drawn that the critic is kept from seeing"),
    ),
    options=OPTIONS,
)
