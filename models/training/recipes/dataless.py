"""dataless: two generators grown from nothing, against one discriminator, without a single picture.

Broad and Grierson, "Searching for an (un)stable equilibrium: experiments in training generative models without data"
(2019). D learns to tell the pictures of U from those of V; U and V learn to be taken for each other. That alone stays
grey, so each is also driven to have more colours than the other (`models.training.creative.colour_loss`). What comes
is two related worlds of colour fields that nobody has seen before, different in every run.

    D: BCE(D(u) -> 1) + BCE(D(v) -> 0)
    U: BCE(D(u) -> 0) + colour_weight * colour_loss(u, v)
    V: BCE(D(v) -> 1) + colour_weight * colour_loss(v, u)

While it trains a performer moves `lr` and `colour_weight`; `reset` throws all three networks away and begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators.dcgan import DCGAN, Config, start
from models.knobs import Knob, trigger
from models.training.creative import colour_loss
from models.training.dcgan_discriminator import DCGANDiscriminator
from models.training.method import Batch, Plan, Setting
from models.training.networks import follow


class Dataless:
    """A `models.training.method.Method`: U ("generator") and V ("other") and their averages, all of them playable."""

    shown = "average"
    played: Mapping[str, str] = {"v": "other_average"}  # a run leaves V beside U

    def __init__(self, setting: Setting) -> None:
        options, size = setting.options, setting.resolution
        self.setting, self.engine, self.z_dim = setting, setting.engine, int(options["z_dim"])
        channels = int(options["channels"])
        output = str(options["output"])
        config = Config(z_dim=self.z_dim, grid=size, channels=channels, channel_max=8 * channels, output=output)
        self.u, self.v, self.u_average, self.v_average = (DCGAN(config).to(setting.device) for _ in range(4))
        self.critic = DCGANDiscriminator(size, channels, 8 * channels).to(setting.device)
        self.networks: Mapping[str, nn.Module] = {
            "generator": self.u, "other": self.v, "average": self.u_average, "other_average": self.v_average,
            "discriminator": self.critic,
        }  # fmt: skip
        self.rate = float(options["learning_rate"])
        both = [*self.u.parameters(), *self.v.parameters()]
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {
            "generators": torch.optim.Adam(both, self.rate, (0.5, 0.99)),
            "discriminator": torch.optim.Adam(self.critic.parameters(), self.rate, (0.5, 0.99)),
        }
        self.numbers = {"age": 0.0, "pressed": 0.0}  # steps since the beginning or the last reset; the button's state
        self.u_average.eval().requires_grad_(False)
        self.v_average.eval().requires_grad_(False)
        self._begin(None)

    def step(
        self, number: int, real: Batch | None, knobs: Mapping[str, float], rng: torch.Generator
    ) -> dict[str, float]:
        """U and V together, then D on the same pictures. `real` is not looked at."""
        pressed = float(knobs["reset"] > 0)
        if pressed > self.numbers["pressed"]:
            self._begin(rng)
        self.numbers["pressed"] = pressed
        for name, share in (("generators", 1.0), ("discriminator", float(self.setting.options["critic_rate"]))):
            for group in self.optimisers[name].param_groups:
                group["lr"] = self.rate * share * knobs["lr"]
        painted: dict[int, tuple[Tensor, Tensor]] = {}
        colours: dict[int, Tensor] = {}

        def mimic(part: slice) -> Tensor:
            z = torch.randn([2, part.stop - part.start, self.z_dim], generator=rng, device=rng.device)
            u, v = self.u.paint(z[0]), self.v.paint(z[1])
            painted[part.start] = u.detach(), v.detach()
            drive = colour_loss(u, v) + colour_loss(v, u)
            colours[part.start] = drive.detach()
            taken = F.softplus(self.critic(u)).mean() + F.softplus(-self.critic(v)).mean()
            return taken + knobs["colour_weight"] * drive

        for network in (self.u, self.v):
            network.train()
        self.critic.train().requires_grad_(False)
        count = self.setting.batch
        losses = {"generators": self.engine.descend(self.optimisers["generators"], count, mimic, rng)}
        self.critic.requires_grad_(True)
        us, vs = (torch.cat([pair[k] for _, pair in sorted(painted.items())]) for k in (0, 1))
        told: dict[int, Tensor] = {}

        def tell_apart(part: slice) -> Tensor:
            first, second = self.critic(us[part]), self.critic(vs[part])
            told[part.start] = torch.cat([first > 0, second < 0]).float().mean()
            return F.softplus(-first).mean() + F.softplus(second).mean()

        losses["discriminator"] = self.engine.descend(self.optimisers["discriminator"], count, tell_apart, rng)
        losses["accuracy"] = float(torch.stack(list(told.values())).mean())
        losses["colour"] = float(torch.stack(list(colours.values())).mean())
        keep = 0.5 ** (1 / min(float(self.setting.options["ema"]), 0.1 * self.numbers["age"] + 1))
        follow(self.u_average, self.u, keep)
        follow(self.v_average, self.v, keep)
        self.numbers["age"] += 1
        return losses

    @torch.no_grad()
    def pictures(self, z: Tensor) -> Tensor:
        """[N, z_dim] -> [N, 3, H, W] of U's average."""
        return self.u_average.paint(z.to(self.setting.device))

    def _begin(self, rng: torch.Generator | None) -> None:
        """Forget everything."""
        for network in (self.u, self.v):
            start(network, rng, smooth=True)
        start(self.critic, rng)
        self.u_average.load_state_dict(self.u.state_dict())
        self.v_average.load_state_dict(self.v.state_dict())
        for optimiser in self.optimisers.values():
            optimiser.state.clear()
        self.numbers["age"] = 0.0


RECIPE = Plan(
    name="dataless",
    about="two networks of colour fields grown from nothing, without data",
    begin=Dataless,
    resolution=64,
    batch=16,
    steps=1500,
    record_every=25,
    knobs=(
        Knob("lr", 1.0, 0.0, 8.0, "", "times the learning rate"),
        Knob("colour_weight", 1.0, 0.0, 4.0, "", "how much each generator is driven to outdo the other's colours"),
        trigger("reset", "throw the networks away and begin anew"),
    ),
    options={"channels": 24, "z_dim": 100, "learning_rate": 8e-5, "critic_rate": 0.2, "ema": 50.0, "output": "tanh"},
)
