"""Networks as they are trained: at a smaller size than they have, and with labels drawn by chance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.checkpoints import Refused
from models.generators import Generator
from models.generators.style_modulated.config import Config
from models.generators.stylegan2 import StyleGAN2


def copy_of(parent: Generator, name: str = "the parent") -> StyleGAN2:
    """A StyleGAN2's own copy, to be trained. Raises Refused for other architectures."""
    if not isinstance(parent, StyleGAN2):
        raise Refused(
            f"{name}: is a {parent.architecture}; this recipe trains a StyleGAN2 further, such as first-light."
        )
    network = StyleGAN2(Config(**parent.config))
    network.load_state_dict(parent.state_dict())
    return network


def at_size(network: StyleGAN2, resolution: int) -> StyleGAN2:
    """The same network, its very parameters, as it paints at a smaller size: its first blocks and their RGB layers.

    Whatever is learned through this view is in `network` at once. Its last blocks stay as they are, and draw their
    detail on what the first ones now say. Raises Refused where there is no picture of that size on the way.
    """
    if resolution == network.img_resolution:
        return network
    sizes = [r for r in network.settings.resolutions if network.settings.has_rgb(r)]
    if resolution not in sizes:
        raise Refused(
            f"a network of {network.img_resolution} pixels ({network.settings.architecture}) can be trained at "
            f"{', '.join(map(str, sizes))}, not at {resolution}: choose another --size."
        )
    with torch.random.fork_rng(devices=[]):  # its own random start is thrown away; nobody's numbers change by it
        view = StyleGAN2(Config(**{**network.config, "img_resolution": resolution}))
    view.mapping = network.mapping
    view.synthesis = nn.ModuleDict({name: network.synthesis[name] for name in view.synthesis})
    return view.to(network.w_avg.device)


def labels_for(network: StyleGAN2, count: int, rng: torch.Generator) -> Tensor | None:
    """[count, c_dim], one of the labels each by chance; None for a network without."""
    if not network.c_dim:
        return None
    picked = torch.randint(network.c_dim, [count], generator=rng, device=rng.device)
    return torch.eye(network.c_dim, device=rng.device)[picked]


def taking_turns(network: StyleGAN2, count: int) -> Tensor | None:
    """[count, c_dim], the labels one after the other; None for a network without."""
    if not network.c_dim:
        return None
    device = network.w_avg.device
    return torch.eye(network.c_dim, device=device)[torch.arange(count, device=device) % network.c_dim]


def paint(network: StyleGAN2, count: int, rng: torch.Generator, style_mixing: float = 0.0) -> Tensor:
    """[count, 3, H, W] of new latents, with random noise; w_avg follows. `style_mixing`: the share of pictures whose
    finer layers see another latent (Karras et al. 2019).
    """
    device = rng.device
    z = torch.randn([2, count, network.z_dim], generator=rng, device=device)
    c = labels_for(network, count, rng)
    w = network.map(z[0], c, truncation_psi=1.0)
    with torch.no_grad():
        network.w_avg.lerp_(w[:, 0].detach().mean(0).to(network.w_avg.dtype), 0.005)
    if style_mixing:
        cut = torch.randint(1, network.num_ws, [count], generator=rng, device=device)
        mixed = torch.rand([count], generator=rng, device=device) < style_mixing
        cut = torch.where(mixed, cut, network.num_ws)
        other = torch.arange(network.num_ws, device=device)[None] >= cut[:, None]  # [N, num_ws]
        w = torch.where(other[:, :, None], network.map(z[1], c, truncation_psi=1.0), w)
    return network.synthesize(w, noise_mode="random", rng=rng)


def groups_of(network: StyleGAN2, noise_rate: float) -> list[dict[str, Any]]:
    """The parameters that learn, as an optimiser takes them; "share" is that of the learning rate. Strengths of noise
    learn at `noise_rate` of it: what they draw, w cannot steer, and a small network soon draws all with them.
    """
    learning = [(name.endswith("noise_strength"), p) for name, p in network.named_parameters() if p.requires_grad]
    return [
        {"params": [p for noise, p in learning if not noise], "share": 1.0},
        {"params": [p for noise, p in learning if noise], "share": noise_rate},
    ]


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of all groups, each with its share of it."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("share", 1.0)


@torch.no_grad()
def fixed(network: StyleGAN2, z: Tensor) -> Tensor:
    """[N, z_dim] -> [N, 3, H, W], constant noise: what guards and sheets see."""
    z = z.to(network.w_avg.device)
    return network.synthesize(network.map(z, taking_turns(network, len(z)), truncation_psi=1.0), noise_mode="const")


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """The moving average of weights: keep * average + (1 - keep) * network; buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)
