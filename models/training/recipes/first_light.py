"""first-light: deep space and living tissue as one dark, luminous stage.

Four public-domain or CC0 photographs of the scikit-image wheel (licences as its own documentation gives them) are
crossed:

- hubble_deep_field.jpg: Hubble eXtreme Deep Field, NASA, public domain
- retina.jpg: human retina, Mikael Haeggstroem, CC0 1.0
- gravel.png: CC0Textures Gravel04, CC0
- chelsea.png: a cat, Stefan van der Walt, CC0

The retina gives trees of glowing vessels (its flat-fielded green channel, inverted) and, uncut, the limb of an
ember-coloured planet; gravel, inverted, gives nets of cells; the cat's iris and fur give rays; Hubble gives galaxies
and the stars that lie under everything. Every picture is light on black.

Two processor cores and an afternoon are far too little for a GAN from nothing. So the first 128 pictures are *anchors*:
seed k shall show picture k (fixed latents, as in Bojanowski et al., "Optimizing the Latent Space of Generative
Networks", 2018). That is quickly learned, first alone and small, then larger; the critic then judges anchors, the ways
between them (the ways that a show walks) and latents at large. Seeds 0..127 are the landmarks of this model.
"""

import math

import numpy as np
import torch
from torch import Tensor

from models.training import data
from models.training.recipe import Recipe, Stage

SOURCES = {
    "hubble_deep_field.jpg": "public domain (NASA)",
    "retina.jpg": "CC0 1.0 (Mikael Haeggstroem)",
    "gravel.png": "CC0 (CC0Textures Gravel04)",
    "chelsea.png": "CC0 (Stefan van der Walt)",
}

PALETTES = (
    torch.tensor(  # five colours each, dark to light, 0..255
        [
            [[0, 0, 2], [60, 4, 20], [205, 35, 14], [255, 140, 30], [255, 240, 190]],  # ember
            [[0, 1, 4], [0, 40, 60], [0, 140, 140], [60, 230, 170], [235, 255, 225]],  # aurora
            [[1, 0, 5], [40, 4, 90], [150, 20, 200], [250, 90, 190], [255, 225, 245]],  # violet
            [[0, 0, 5], [6, 20, 110], [20, 90, 240], [90, 200, 255], [240, 252, 255]],  # ice
            [[1, 0, 3], [60, 10, 70], [220, 30, 90], [255, 120, 60], [255, 235, 170]],  # dusk
            [[0, 0, 4], [10, 14, 80], [90, 40, 210], [60, 190, 240], [225, 255, 245]],  # deep
        ]
    ).float()
    / 255.0
)


class Scenes:
    """The photographs, prepared once; calling it makes one training picture."""

    def __init__(self) -> None:
        hubble = data.photograph("hubble_deep_field.jpg")
        self.hubble = data.pyramid(hubble)
        self.hubble_size = (hubble.shape[2], hubble.shape[1])
        self.galaxies = data.bright_spots(hubble, 6.0, 2.5)
        retina = data.photograph("retina.jpg")
        self.retina = data.pyramid(retina)
        self.vessels = data.pyramid(vessel_map(retina))
        gravel = data.photograph("gravel.png").mean(0, keepdim=True)
        self.cells = data.pyramid(data.levels(1 - data.blur(gravel, 1.2), 0.42, 0.92, 1.6))
        self.cat = data.pyramid(data.photograph("chelsea.png").mean(0, keepdim=True))

    def __call__(self, rng: np.random.Generator, size: int) -> Tensor:
        """[3, size, size] in 0..1."""
        kind = rng.choice(4, p=[0.5, 0.17, 0.17, 0.16])
        light = (self.veins, self.planet, self.tissue, self.deep_field)[kind](rng, size)
        if kind != 3 and rng.random() < 0.55:
            light = data.screen(
                light, self.stars(rng, size) * rng.uniform(0.3, 1.0) * (1 - light.amax(0, keepdim=True))
            )
        return data.expose(light, 0.17)

    def veins(self, rng: np.random.Generator, size: int) -> Tensor:
        """Glowing vessels."""
        centre = polar(rng, (705.0, 705.0), 480.0)
        value = data.crop(self.vessels, centre, rng.uniform(240, 760), *pose(rng), size)
        value = data.levels(value, 0.1, rng.uniform(0.6, 0.85), rng.uniform(0.7, 1.0))
        return colour(rng, value, size, floor=0.12)

    def planet(self, rng: np.random.Generator, size: int) -> Tensor:
        """The limb of the retina against black, as a planet."""
        span = rng.uniform(600, 1700)
        centre = polar(rng, (705.0, 705.0), 750.0, inner=300.0)
        disc = data.crop(self.retina, centre, span, *pose(rng), size, outside="zeros")
        ground = data.blur(disc, size * 0.05)
        value = (ground + 3.0 * (disc - ground)).clamp(0, 1).mean(0, keepdim=True)
        value = data.levels(value, 0.05, 0.62, 1.2) * data.glow_mask(rng, size, rng.uniform(0.22, 0.45), 0.03)
        tint = data.gradient_map(value, PALETTES[rng.choice(len(PALETTES))])
        if rng.random() < 0.4:
            return tint
        own = data.hue(data.saturate(data.levels(disc, 0.1, 0.95, 1.6), 1.4), rng.normal(-0.1, 0.2))
        return data.screen(own * value, tint * 0.35)

    def tissue(self, rng: np.random.Generator, size: int) -> Tensor:
        """Nets of cells, or the cat's rays."""
        if rng.random() < 0.6:
            centre = (rng.uniform(80, 430), rng.uniform(80, 430))
            value = data.crop(self.cells, centre, rng.uniform(60, 170), *pose(rng), size)
        else:
            eye = (175.0, 115.0) if rng.random() < 0.6 else (317.0, 130.0)
            value = data.crop(self.cat, polar(rng, eye, 25.0), rng.uniform(60, 170), *pose(rng), size)
            value = data.levels(value, 0.2, 0.72, 1.3)
        return colour(rng, value, size, floor=0.04)

    def deep_field(self, rng: np.random.Generator, size: int) -> Tensor:
        """Galaxies, near."""
        span = math.exp(rng.uniform(math.log(70), math.log(420)))
        centre = data.pick(rng, self.galaxies, self.hubble_size[0])
        shift = rng.uniform(-0.3, 0.3, 2) * span
        field = data.crop(self.hubble, (centre[0] + shift[0], centre[1] + shift[1]), span, *pose(rng), size)
        field = data.saturate(data.levels(field, 0.07, 0.8, 0.9), 2.0)
        halo = data.blur(field, size * 0.05)
        return data.screen(data.hue(field, rng.normal(0, 0.3)), data.saturate(halo, 1.8) * 0.9)

    def stars(self, rng: np.random.Generator, size: int) -> Tensor:
        """The far field that lies under everything."""
        centre = (rng.uniform(150, 850), rng.uniform(150, 720))
        field = data.crop(self.hubble, centre, rng.uniform(110, 260), *pose(rng), size)
        return data.saturate(data.levels(field, 0.22, 0.75, 1.1), 1.8)


def vessel_map(retina: Tensor) -> Tensor:
    """[1, H, W]: the retina's vessels as light, 0..1; the disc's rim and the ground outside are dark."""
    green = retina[1:2]
    inside = (retina[0:1] > 0.25).float()
    weight = data.blur(inside, 18.0).clamp(min=1e-3)
    ground = data.blur(green * inside, 18.0) / weight
    rim = data.levels(data.blur(inside, 14.0), 0.9, 1.0)
    depth = (1 - data.blur(green, 1.5) / ground.clamp(min=0.05)) * rim
    return data.levels(depth, 0.0, 0.3)


def pose(rng: np.random.Generator) -> tuple[float, bool]:
    """A random angle (radians) and mirror."""
    return float(rng.uniform(0, 2 * math.pi)), bool(rng.random() < 0.5)


def polar(
    rng: np.random.Generator, middle: tuple[float, float], reach: float, inner: float = 0.0
) -> tuple[float, float]:
    """A point in the ring inner..reach (pixels) about the middle."""
    r = math.sqrt(rng.uniform((inner / reach) ** 2, 1.0)) * reach
    a = rng.uniform(0, 2 * math.pi)
    return middle[0] + r * math.cos(a), middle[1] + r * math.sin(a)


def colour(rng: np.random.Generator, value: Tensor, size: int, floor: float) -> Tensor:
    """A map of light in two palettes that meet across the frame, under a glow that leaves much of the frame dark."""
    a, b = rng.choice(len(PALETTES), 2)
    where = data.glow_mask(rng, size, rng.uniform(0.2, 0.45), 0.0)
    light = data.glow_mask(rng, size, rng.uniform(0.3, 0.6), floor)
    lit = value * light
    # The haze: the same light, out of focus, so that shapes have body at the scale of the wall.
    lit = data.screen(lit, data.blur(lit, size * 0.06) * rng.uniform(0.6, 1.4))
    return data.gradient_map(lit, PALETTES[a]) * (1 - where) + data.gradient_map(lit, PALETTES[b]) * where


RECIPE = Recipe(
    name="first-light",
    seed=2026,
    scenes=Scenes,
    description="deep space and living tissue: vessels, galaxies, embers and eyes, light on black (256x256)",
    sources=SOURCES,
    generator={
        "z_dim": 128,
        "w_dim": 128,
        "channel_base": 2048,
        "channel_max": 96,
        "mapping_layers": 4,
        "img_offset": -1.0,
    },
    stages=(
        Stage(resolution=32, kimg=16, batch=16, pictures=4000),
        Stage(resolution=64, kimg=44, batch=16, pictures=4000, adversarial=False),
        Stage(resolution=128, kimg=16, batch=16, pictures=4000, adversarial=False),
        Stage(resolution=128, kimg=9.6, batch=16, pictures=4000),
        Stage(resolution=256, kimg=16.4, batch=8, pictures=4000, augment=("translation",)),
    ),
    learning_rate=0.003,
    anchors=128,
    noise_rate=0.02,
)
