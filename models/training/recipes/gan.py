"""gan: a StyleGAN2 from nothing, on any folder of pictures.

Small by default, so that one processor core brings it somewhere: 32 or 64 pixels, 48 feature maps, a mapping of four
layers. `--set channels=128` and a GPU make it larger. See `models.training.adversary` for the step.
"""

from __future__ import annotations

from models.generators.style_modulated.config import Config
from models.generators.stylegan2 import StyleGAN2
from models.training.adversary import KNOBS, OPTIONS, Adversarial
from models.training.discriminator import Discriminator
from models.training.method import Plan, Setting


def begin(setting: Setting) -> Adversarial:
    """Two random networks and the generator's average."""
    options, size = setting.options, setting.resolution
    channels, w_dim = int(options["channels"]), int(options["w_dim"])
    config = Config(
        z_dim=w_dim,
        w_dim=w_dim,
        img_resolution=size,
        channel_base=32 * channels,
        channel_max=channels,
        mapping_layers=4,
    )
    generator, average = StyleGAN2(config), StyleGAN2(config)
    average.load_state_dict(generator.state_dict())
    critic = Discriminator(size, config.channel_base, config.channel_max)
    return Adversarial(setting, generator, average, critic)


RECIPE = Plan(
    name="gan",
    about="a new network from a folder of pictures (non-saturating, R1, adaptive augmentation)",
    begin=begin,
    wants=frozenset({"data"}),
    resolution=32,
    batch=16,
    steps=6000,
    knobs=KNOBS,
    options={**OPTIONS, "noise_rate": 1.0, "channels": 48, "w_dim": 64},
)
