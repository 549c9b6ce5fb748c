"""can: a network that has learned what pictures of many styles look like, and paints none of the styles.

Creative adversarial networks: Elgammal, Liu, Elhoseiny and Mazzone (2017), as Ahn, Huang and Lee ("Implementing
Creative Adversarial Networks") build them. D says whether a picture is real (D_r) and of which of K styles (D_c). G is
to make what D_r takes for real and D_c cannot place:

    D: max  log D_r(x) + log D_c(c = its style | x) + log(1 - D_r(G(z)))
    G: min  log(1 - D_r(G(z))) - style_ambiguity * sum_c [ (1/K) log D_c(c | G(z)) + (1 - 1/K) log(1 - D_c(c | G(z))) ]

with theirs: DCGAN networks, the sigmoid's input mapped to -4..4, G trained twice for every step of D and with the
larger learning rate, Adam or RMSProp.

It begins as a plain GAN, one step against one, with rates of its own and -log D_r, which still teaches where D is sure;
that is kept as "parent" after `parent_steps`. From there on the style loss pulls it away. So the two are kin, they
blend, and on stage the blend's `alpha` is the ambiguity. With --from PARENT, a network of this recipe, the first part
is left out, and D alone learns for `warm_up` steps, so that it has something to say.

Pictures in sub-folders named after their styles go in (`models.training.inspirations.styles` draws eight).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.checkpoints import Refused
from models.generators.dcgan import DCGAN, REACH, Config, start
from models.knobs import Knob
from models.training.creative import fooled_loss, style_loss
from models.training.dcgan_discriminator import DCGANDiscriminator
from models.training.losses import generator_loss
from models.training.method import Batch, Plan, Setting
from models.training.networks import follow

OPTIMISERS = {"adam": (torch.optim.Adam, {"betas": (0.5, 0.999)}), "rmsprop": (torch.optim.RMSprop, {"alpha": 0.9})}

RATES = {"generator": "g_rate", "discriminator": "d_rate"}


class CAN:
    """A `models.training.method.Method`; "average" is the CAN, "parent" the GAN that it was before."""

    shown = "average"
    played: Mapping[str, str] = {"parent": "parent"}  # a run leaves it beside the CAN, to be blended

    def __init__(self, setting: Setting) -> None:
        options = setting.options
        if len(setting.classes) < 2:
            raise Refused(
                "can: labels are missing. Put the pictures of each style into a sub-folder of its own, named after the "
                "style, two or more; or take drawn ones: perform train can --data styles"
            )
        if options["optimiser"] not in OPTIMISERS:
            raise Refused(f"can: optimiser is one of {', '.join(OPTIMISERS)}, not {options['optimiser']!r}")
        self.setting, self.engine, self.options = setting, setting.engine, options
        self.generator, self.average, self.parent = (_generator(setting) for _ in range(3))
        self.z_dim = self.generator.z_dim
        widths = {"channels": int(options["channels"]), "channel_max": 8 * int(options["channels"])}
        self.critic = DCGANDiscriminator(
            setting.resolution,
            classes=len(setting.classes),
            minibatch=int(options["minibatch"]),
            normal=bool(options["normal"]),
            **widths,
        ).to(setting.device)
        self.networks: Mapping[str, nn.Module] = {
            "generator": self.generator, "average": self.average, "parent": self.parent, "discriminator": self.critic,
        }  # fmt: skip
        if setting.parent is None:
            start(self.generator, smooth=True)
        make, settings = OPTIMISERS[str(options["optimiser"])]
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {
            name: make(self.networks[name].parameters(), lr=float(options[rate]), **settings)  # type: ignore[arg-type]
            for name, rate in RATES.items()
        }
        self.numbers: dict[str, float] = {}
        for network in (self.average, self.parent):
            network.load_state_dict(self.generator.state_dict())
            network.eval().requires_grad_(False)

    def step(
        self, number: int, real: Batch | None, knobs: Mapping[str, float], rng: torch.Generator
    ) -> dict[str, float]:
        """A step of D, then `g_per_d` of G."""
        assert real is not None  # the plan wants data
        assert real.labels is not None
        divergent = self.setting.parent is not None or number >= int(self.options["parent_steps"])
        for name, rate in RATES.items():
            for group in self.optimisers[name].param_groups:
                group["lr"] = float(self.options[rate if divergent else f"parent_{rate}"]) * knobs["lr"]
        self.generator.train()
        self.critic.train()
        losses = self._judge(real.pictures * REACH, real.labels, rng)
        self.critic.requires_grad_(False)
        waits = self.setting.parent is not None and number < int(self.options["warm_up"])
        losses |= {"g": 0.0, "ambiguity": 0.0}
        for _ in range(0 if waits else max(1, round(knobs["g_per_d"])) if divergent else 1):
            losses |= self._paint(real.pictures * REACH, knobs["style_ambiguity"], divergent, rng)
        self.critic.requires_grad_(True)
        follow(self.average, self.generator, 0.5 ** (1 / min(float(self.options["ema"]), 0.1 * number + 1)))
        if not divergent:
            self.parent.load_state_dict(self.average.state_dict())
        return losses

    @torch.no_grad()
    def pictures(self, z: Tensor) -> Tensor:
        """[N, z_dim] -> [N, 3, H, W] of the average."""
        return self.average.paint(z.to(self.setting.device))

    def _judge(self, real: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, float]:
        """D's step on pictures, which lie in the span that the sigmoid reaches: white alone must not tell them."""
        seen: dict[str, float] = {}

        def against(part: slice) -> Tensor:
            with torch.no_grad():
                made = self.generator.paint(self._latents(part, rng))
            features = self.critic.features(real[part])
            style = F.cross_entropy(self.critic.style_of(features), labels[part])
            seen["style"] = float(style.detach())
            true = F.softplus(-self.critic.real_of(features)).mean()
            return true + style + F.softplus(self.critic(made)).mean()

        return {"d": self.engine.descend(self.optimisers["discriminator"], len(real), against, rng)} | seen

    def _paint(self, real: Tensor, ambiguity: float, divergent: bool, rng: torch.Generator) -> dict[str, float]:
        """G's step; the parent's is that of a plain GAN."""
        saturating = divergent and bool(self.options["saturating"])
        seen: dict[str, float] = {}
        matching = float(self.options["feature_matching"])

        def please(part: slice) -> Tensor:
            features = self.critic.features(self.generator.paint(self._latents(part, rng)))
            said = self.critic.real_of(features)
            loss = fooled_loss(said) if saturating else generator_loss(said)
            ambiguous = style_loss(self.critic.style_of(features))
            seen["ambiguity"] = float(ambiguous.detach())
            if matching:  # Salimans et al. 2016, section 3.1
                wanted = self.critic.features(real[part]).mean(0)
                loss = loss + matching * (features.mean(0) - wanted).square().mean()
            return loss + ambiguity * ambiguous if divergent else loss

        return {"g": self.engine.descend(self.optimisers["generator"], self.setting.batch, please, rng)} | seen

    def _latents(self, part: slice, rng: torch.Generator) -> Tensor:
        return torch.randn([part.stop - part.start, self.z_dim], generator=rng, device=rng.device)


def _generator(setting: Setting) -> DCGAN:
    """The parent's copy, or a random one. Raises Refused for a parent that this recipe cannot train."""
    size, channels = setting.resolution, int(setting.options["channels"])
    config = Config(z_dim=int(setting.options["z_dim"]), grid=size, channels=channels, channel_max=8 * channels)
    parent = setting.parent
    if parent is not None:
        if not isinstance(parent, DCGAN) or parent.settings.grid != size:
            what = f"a DCGAN of {parent.settings.grid}" if isinstance(parent, DCGAN) else f"a {parent.architecture}"
            raise Refused(
                f"can: trains a DCGAN of {size} pixels further, and the parent is {what}. Leave --from away, and it "
                f"makes a parent by itself; or choose another --size."
            )
        config = parent.settings
    network = DCGAN(config)
    if parent is not None:
        network.load_state_dict(parent.state_dict())
    return network.to(setting.device)


OPTIONS: Mapping[str, Any] = {
    "channels": 32,
    "z_dim": 100,
    "optimiser": "adam",  # or "rmsprop"
    "g_rate": 4e-5,  # slow, for ambiguity comes soon and goes on to collapse: the trajectory has the way between
    "d_rate": 3e-5,
    "parent_steps": 4000,
    "parent_g_rate": 6e-4,  # a plain GAN of this size learns soonest from a critic that is quicker than it
    "parent_d_rate": 1e-3,
    "warm_up": 100,
    "saturating": True,  # log(1 - D_r) as in the papers; no: -log D_r, which learns faster from a strong D
    "normal": False,  # batch normalisation in D; it hides a generator that paints one picture only
    "minibatch": 16,  # projections of minibatch discrimination, which keeps pictures apart; 0 for none
    "feature_matching": 0.0,
    "ema": 100.0,  # steps in which the average forgets half
}
RECIPE = Plan(
    name="can",
    about="a network that leaves the styles it has learned (labels: one sub-folder a style)",
    begin=CAN,
    wants=frozenset({"data", "labels"}),
    may=frozenset({"parent"}),
    resolution=64,
    batch=32,
    steps=4600,
    record_every=25,
    knobs=(
        Knob("lr", 1.0, 0.0, 8.0, "", "times the learning rates"),
        Knob("style_ambiguity", 1.0, 0.0, 1.0, "", "how strongly it is kept from painting any one style"),
        Knob("g_per_d", 2.0, 1.0, 4.0, "", "steps of the generator for one of the discriminator", "int"),
    ),
    options=OPTIONS,
)
