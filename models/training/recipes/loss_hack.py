"""loss-hack: a generator learns to be seen through by the critic that it once learned to fool (METHODS T4).

Broad, Leymarie and Grierson, "Amplifying the Uncanny" (2020): the critic is frozen, the generator's loss is turned
round, and no picture is opened. There are two forms of it,

    fake:     L = softplus(D(G(z)))          that is, -log(1 - sigmoid(D(G(z)))): make D say "fake"
    negated:  L = -softplus(-D(G(z)))        the generator's own loss with its sign changed

What the critic knew as the marks of a real picture is undone, with more certainty at every step. "fake" is content once
D is sure, and comes to rest there; "negated" pulls the harder the surer D is: the uncanny grows to a peak, then all
collapses into one picture. So nothing is rolled back here: alarms are noted beside the trajectory, and the performer
(or `find_peak`) chooses the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.checkpoints import Refused
from models.generators.stylegan2 import StyleGAN2
from models.knobs import Knob
from models.training.method import Batch, Plan, Setting
from models.training.networks import at_size, copy_of, fixed, groups_of, paint, set_rate
from models.tuning.trajectory import fingerprint

FORMS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "fake": F.softplus,
    "negated": lambda logits: -F.softplus(-logits),
}
CHECK_EVERY = 100  # steps between two looks whether the critic is what it was


class Foiled:
    """A `models.training.method.Method`."""

    shown = "generator"

    def __init__(self, setting: Setting, generator: StyleGAN2, critic: nn.Module) -> None:
        options = setting.options
        if options["form"] not in FORMS:
            raise Refused(f"form is {' or '.join(FORMS)}, not {options['form']!r}")
        self.setting, self.loss = setting, FORMS[options["form"]]
        self.generator = generator.to(setting.device)
        self.critic = critic.to(setting.device).eval().requires_grad_(False)
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "critic": self.critic}
        self.generator.mapping.requires_grad_(bool(options["mapping"]))  # frozen, a w goes on meaning the same
        self.view = at_size(self.generator, setting.resolution)
        self.z_dim = generator.z_dim
        self.rate = float(options["learning_rate"])
        groups = groups_of(self.view, float(options["noise_rate"]))
        self.optimisers = {"generator": torch.optim.Adam(groups, lr=self.rate, betas=(0.0, 0.99), eps=1e-8)}
        self.numbers: dict[str, float] = {}
        self.hash = fingerprint(critic.state_dict())

    def step(
        self, number: int, real: Batch | None, knobs: Mapping[str, float], rng: torch.Generator
    ) -> dict[str, float]:
        """One step of G alone. RuntimeError if the critic is no longer what it was."""
        optimiser = self.optimisers["generator"]
        set_rate(optimiser, self.rate * knobs["lr"])
        said: list[Tensor] = []

        def seen_through(part: slice) -> Tensor:
            logits = self.critic(paint(self.view, part.stop - part.start, rng))
            said[:] = [logits.detach()]
            return self.loss(logits).mean()

        loss = self.setting.engine.descend(optimiser, self.setting.batch, seen_through, rng)
        if number % CHECK_EVERY == 0:
            self.check()
        return {"g": loss, "logit": float(said[0].mean())}

    def check(self) -> None:
        """RuntimeError unless the critic is bit for bit what it was."""
        if fingerprint(self.critic.state_dict()) != self.hash:
            raise RuntimeError("the frozen critic has changed; nothing may teach it")

    def pictures(self, z: Tensor) -> Tensor:
        """[N, z_dim] -> [N, 3, H, W] of the generator."""
        return fixed(self.view, z)


def begin(setting: Setting) -> Foiled:
    """A copy of the parent, and its critic."""
    assert setting.parent is not None  # the plan wants both
    assert setting.critic is not None
    return Foiled(setting, copy_of(setting.parent), setting.critic)


RECIPE = Plan(
    name="loss-hack",
    about="a trained network against its own frozen critic, with the loss turned round; no pictures are opened",
    begin=begin,
    wants=frozenset({"parent", "critic"}),
    resolution=64,
    batch=8,
    steps=600,
    record_every=20,
    sheet_every=100,
    save_every=100,
    on_alarm="note",
    knobs=(Knob("lr", 1.0, 0.0, 8.0, "", "times the learning rate"),),
    options={"learning_rate": 0.0005, "noise_rate": 0.02, "mapping": False, "form": "fake"},
)
