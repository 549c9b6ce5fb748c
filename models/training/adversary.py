"""A generator against a critic: what the recipes `gan` and `cross-domain` share.

Non-saturating losses (Goodfellow et al. 2014), R1 on real pictures now and then (Mescheder et al. 2018; lazily, as in
StyleGAN2), a moving average of the generator that is what is shown, and pictures changed alike for the critic whether
they are real or made, either always a little (Zhao et al. 2020) or as much as over-fitting asks for (Karras et al.
2020, ADA).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from models.checkpoints import Refused
from models.generators.stylegan2 import StyleGAN2
from models.knobs import Knob
from models.training.augment import adaptive, augment, next_p
from models.training.discriminator import Discriminator
from models.training.losses import discriminator_loss, generator_loss, r1_penalty
from models.training.method import Batch, Setting
from models.training.networks import at_size, fixed, follow, groups_of, paint, set_rate

KNOBS = (
    Knob("lr", 1.0, 0.0, 8.0, "", "times the learning rate"),
    Knob("r1", 1.0, 0.0, 8.0, "", "times the weight of R1, which keeps the critic gentle"),
)
OPTIONS: Mapping[str, Any] = {
    "augment": "ada",  # "ada", "diff", "none"
    "mirror": True,  # pictures may be seen in a mirror (not so for writing)
    "learning_rate": 0.0025,
    "noise_rate": 0.02,  # of the learning rate, for strengths of noise
    "r1_gamma": 2e-3,  # times resolution^2 / batch
    "r1_every": 16,
    "ema": 500.0,  # steps in which the average forgets half, once it is that old
    "style_mixing": 0.3,
    "ada_target": 0.6,
    "ada_kimg": 100.0,  # thousand pictures in which augmentation may go from nothing to all
    "warm_up": 1,  # steps over which the generator's rate rises, while the critic learns what it judges
}


@dataclass
class Adversarial:
    """A `models.training.method.Method`. `whole` and `average` are the networks at their own size; they are trained and
    shown through views of the run's size.
    """

    setting: Setting
    whole: StyleGAN2
    average: StyleGAN2
    critic: Discriminator
    shown: str = "average"
    numbers: dict[str, float] = field(default_factory=lambda: {"p": 0.0, "signs": 0.6})

    def __post_init__(self) -> None:
        options, device = self.setting.options, self.setting.device
        if options["augment"] not in ("ada", "diff", "none"):
            raise Refused(f"augment is ada, diff or none, not {options['augment']!r}")
        for network in (self.whole, self.average, self.critic):
            network.to(device)
        self.average.eval().requires_grad_(False)
        self.networks: dict[str, nn.Module] = {
            "generator": self.whole, "average": self.average, "critic": self.critic,
        }  # fmt: skip
        self.view = at_size(self.whole, self.setting.resolution)
        self.shown_view = at_size(self.average, self.setting.resolution)
        self.z_dim = self.whole.z_dim
        # Adam's betas are stretched for lazy regularisation as in StyleGAN2.
        rate, ratio = float(options["learning_rate"]), options["r1_every"] / (options["r1_every"] + 1)
        groups = groups_of(self.view, float(options["noise_rate"]))
        self.optimisers = {
            "generator": torch.optim.Adam(groups, lr=rate, betas=(0.0, 0.99), eps=1e-8),
            "critic": torch.optim.Adam(
                self.critic.parameters(), lr=rate * ratio, betas=(0.0, 0.99**ratio), eps=1e-8
            ),
        }  # fmt: skip
        self.rates = {"generator": rate, "critic": rate * ratio}

    def step(
        self, number: int, real: Batch | None, knobs: Mapping[str, float], rng: torch.Generator
    ) -> dict[str, float]:
        """One step of the critic, now and then R1, one step of the generator."""
        assert real is not None  # the plan wants data
        rise = min(1.0, (number + 1) / max(1, int(self.setting.options["warm_up"])))
        set_rate(self.optimisers["generator"], self.rates["generator"] * rise * knobs["lr"])
        set_rate(self.optimisers["critic"], self.rates["critic"] * knobs["lr"])
        losses = self._critic_step(number, real.pictures, knobs, rng) | self._generator_step(rng)
        ema = min(float(self.setting.options["ema"]), 0.1 * number + 1)
        follow(self.average, self.whole, 0.5 ** (1 / ema))
        return losses

    def pictures(self, z: Tensor) -> Tensor:
        """[N, z_dim] -> [N, 3, H, W] of the average."""
        return fixed(self.shown_view, z)

    def _changed(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Pictures as the critic sees them."""
        kind = self.setting.options["augment"]
        if kind == "diff":
            return augment(x, ("translation", "cutout", "colour"), rng)
        return adaptive(x, self.numbers["p"], rng) if kind == "ada" else x

    def _critic_step(
        self, number: int, real: Tensor, knobs: Mapping[str, float], rng: torch.Generator
    ) -> dict[str, float]:
        options, engine, optimiser = self.setting.options, self.setting.engine, self.optimisers["critic"]
        signs: list[Tensor] = []
        self.critic.requires_grad_(True)

        def against(part: slice) -> Tensor:
            true = real[part]
            with torch.no_grad():
                made = paint(self.view, len(true), rng, float(options["style_mixing"]))
            said = self.critic(self._changed(true, rng))
            signs[:] = [said.detach().sign().mean()]
            return discriminator_loss(said, self.critic(self._changed(made, rng)))

        losses = {"d": engine.descend(optimiser, len(real), against, rng), "r1": 0.0}
        if number % int(options["r1_every"]) == 0:
            gamma = float(options["r1_gamma"]) * self.setting.resolution**2 / len(real) * knobs["r1"]

            def gentle(part: slice) -> Tensor:
                with torch.autocast(real.device.type, enabled=False):  # it squares small numbers
                    penalty = r1_penalty(lambda x: self.critic(self._changed(x, rng)), real[part])
                return penalty * (0.5 * gamma * int(options["r1_every"]))

            losses["r1"] = engine.descend(optimiser, len(real), gentle, rng)
        self.critic.requires_grad_(False)
        if options["augment"] == "ada":
            sure = 0.75 * self.numbers["signs"] + 0.25 * float(signs[0])
            self.numbers["signs"] = sure
            self.numbers["p"] = next_p(
                self.numbers["p"], sure, len(real), float(options["ada_target"]), float(options["ada_kimg"])
            )
        return {**losses, "p": self.numbers["p"]}

    def _generator_step(self, rng: torch.Generator) -> dict[str, float]:
        mixing, count = float(self.setting.options["style_mixing"]), self.setting.batch

        def praised(part: slice) -> Tensor:
            made = paint(self.view, part.stop - part.start, rng, mixing)
            return generator_loss(self.critic(self._changed(made, rng)))

        return {"g": self.setting.engine.descend(self.optimisers["generator"], count, praised, rng)}
