"""cross-domain: a trained network goes on with pictures of another kind, and is most itself half way (METHODS T1).

Fitted on P, fine-tuned on Q: the trajectory between holds hybrids of both, and where to stop is the performer's choice.
Without `--critic` (or one beside the parent) a new critic learns first, while the generator's rate rises. At a smaller
size than the parent's, its last blocks stay as they are and keep their own detail.
"""

from __future__ import annotations

from models.training.adversary import KNOBS, OPTIONS, Adversarial
from models.training.discriminator import Discriminator
from models.training.method import Plan, Setting
from models.training.networks import copy_of


def begin(setting: Setting) -> Adversarial:
    """Two copies of the parent, and its critic or a new one."""
    options = setting.options
    assert setting.parent is not None  # the plan wants one
    generator, average = copy_of(setting.parent), copy_of(setting.parent)
    critic = setting.critic
    if critic is None:
        critic = Discriminator(setting.resolution, channel_base=2048, channel_max=64)
    assert isinstance(critic, Discriminator)
    generator.mapping.requires_grad_(bool(options["mapping"]))  # frozen, a w goes on meaning the same
    return Adversarial(setting, generator, average, critic)


RECIPE = Plan(
    name="cross-domain",
    about="a trained network goes on with other pictures; hybrids lie on the way",
    begin=begin,
    wants=frozenset({"data", "parent"}),
    resolution=64,
    batch=16,
    steps=2000,
    knobs=KNOBS,
    options={**OPTIONS, "learning_rate": 0.002, "ema": 20.0, "warm_up": 100, "mapping": False},
)
