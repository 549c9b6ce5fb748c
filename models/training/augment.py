"""Differentiable augmentation: what the discriminator sees of real and made pictures alike.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (NeurIPS 2020): `augment`; Karras et al.,
"Training Generative Adversarial Networks with Limited Data" (NeurIPS 2020): `adaptive`. Written from the papers. Each
function takes pictures [N, 3, H, W] in -1..1 and a random generator on their device, and gives the same shape;
gradients pass through.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere


def translation(x: Tensor, rng: torch.Generator) -> Tensor:
    """Each picture moved by up to an eighth of its side; what comes in is black (-1)."""
    n, _, height, width = x.shape
    reach = max(1, height // 8)
    moves = torch.randint(-reach, reach + 1, [n, 2], generator=rng, device=rng.device).tolist()
    padded = F.pad(x, (reach, reach, reach, reach), value=-1.0)
    cut = [
        p[:, reach + dy : reach + dy + height, reach + dx : reach + dx + width]
        for p, (dy, dx) in zip(padded, moves, strict=True)
    ]
    return torch.stack(cut).contiguous(memory_format=torch.channels_last)


def cutout(x: Tensor, rng: torch.Generator) -> Tensor:
    """A square of half the side, anywhere, at grey 0."""
    n, _, height, width = x.shape
    mask = torch.ones(n, 1, height, width, dtype=x.dtype, device=x.device)
    half = height // 4
    centres = torch.randint(0, height, [n, 2], generator=rng, device=rng.device).tolist()
    for m, (cy, cx) in zip(mask, centres, strict=True):
        m[:, max(0, cy - half) : cy + half, max(0, cx - half) : cx + half] = 0
    return x * mask


def colour(x: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness +-0.5, saturation 0..2, contrast 0.5..1.5."""
    amount = torch.rand([3, len(x), 1, 1, 1], generator=rng, dtype=x.dtype, device=rng.device)
    x = x + (amount[0] - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2 * amount[1])
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (amount[2] + 0.5)


POLICIES = {"translation": translation, "cutout": cutout, "colour": colour}


def augment(x: Tensor, policy: tuple[str, ...], rng: torch.Generator) -> Tensor:
    """The named augmentations in order; the input is untouched. KeyError for an unknown name."""
    for name in policy:
        x = POLICIES[name](x, rng)
    return x


def adaptive(x: Tensor, p: float, rng: torch.Generator) -> Tensor:
    """Each of the paper's pixel, geometric and colour changes (appendix B) with probability `p`, as one affine map of
    the plane and one of the colours; the input is untouched. p = 0 gives the pictures as they are.

    Left out: its filters in frequency bands and its corruptions, which it found to matter least.
    """
    if p <= 0:
        return x
    plane, colours = _plane(len(x), p, rng), _colours(len(x), p, rng)
    grid = F.affine_grid(plane.to(x.device)[:, :2], list(x.shape), align_corners=False)
    y = F.grid_sample(x.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    y = torch.einsum("nij,njhw->nihw", colours[:, :3, :3], y) + colours[:, :3, 3, None, None]
    return y.contiguous(memory_format=torch.channels_last)


def next_p(p: float, signs: float, count: int, target: float = 0.6, kimg: float = 100.0) -> float:
    """p after `count` more pictures: up where the critic is surer of real pictures than `target` (the mean sign of its
    logits on them, the paper's r_t), down where it is less; from 0 to 1 it takes `kimg` thousand pictures.
    """
    return min(max(p + math.copysign(count / (kimg * 1000), signs - target), 0.0), 1.0)


def _plane(n: int, p: float, rng: torch.Generator) -> Tensor:
    """[n, 3, 3]: mirrored, quarter turns, moved, larger or smaller, turned, stretched."""
    draws = torch.rand([8, n], generator=rng, device=rng.device)
    with_chance = torch.rand([8, n], generator=rng, device=rng.device) < p
    normal = torch.randn([4, n], generator=rng, device=rng.device)

    def where(k: int, value: Tensor, rest: float) -> Tensor:
        return torch.where(with_chance[k], value, torch.full_like(value, rest))

    mirror = where(0, (draws[0] < 0.5).float() * -2 + 1, 1.0)
    quarters = where(1, (draws[1] * 4).floor() * (math.pi / 2), 0.0)
    dx, dy = (where(2, draws[k] * 0.5 - 0.25, 0.0) for k in (2, 3))  # of a picture that is 2 wide: an eighth
    scale = where(3, torch.exp2(0.2 * normal[0]), 1.0)
    angle = where(4, (draws[4] * 2 - 1) * math.pi, 0.0)
    stretch = where(5, torch.exp2(0.2 * normal[1]), 1.0)
    turn = quarters + angle
    m = torch.zeros([n, 3, 3], device=rng.device)
    cosine, sine = torch.cos(turn), torch.sin(turn)
    m[:, 0, 0], m[:, 0, 1], m[:, 0, 2] = cosine * mirror * scale * stretch, -sine * scale / stretch, dx
    m[:, 1, 0], m[:, 1, 1], m[:, 1, 2] = sine * mirror * scale * stretch, cosine * scale / stretch, dy
    m[:, 2, 2] = 1
    return m


def _colours(n: int, p: float, rng: torch.Generator) -> Tensor:
    """[n, 4, 4]: brightness, contrast, light against dark, hue and saturation, as the paper has them."""
    with_chance = torch.rand([5, n, 1, 1], generator=rng, device=rng.device) < p
    normal = torch.randn([3, n, 1, 1], generator=rng, device=rng.device)
    draws = torch.rand([2, n, 1, 1], generator=rng, device=rng.device)
    same = torch.eye(4, device=rng.device)
    axis = torch.tensor([1.0, 1.0, 1.0, 0.0], device=rng.device) / math.sqrt(3)
    along = torch.outer(axis, axis)
    rgb = torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0], device=rng.device))
    last = same - rgb
    brighter = same + 0.2 * normal[0] * torch.outer(torch.tensor([1.0, 1.0, 1.0, 0.0], device=rng.device), last[3])
    contrast = torch.exp2(0.5 * normal[1]) * rgb + last
    flipped = same - 2 * along * (draws[0] < 0.5).float()
    turn = (draws[1] * 2 - 1) * math.pi
    cross = torch.zeros([4, 4], device=rng.device)
    for i, j, sign in ((0, 1, -1.0), (0, 2, 1.0), (1, 0, 1.0), (1, 2, -1.0), (2, 0, -1.0), (2, 1, 1.0)):
        cross[i, j] = sign / math.sqrt(3)
    hue = along + torch.cos(turn) * (rgb - along) + torch.sin(turn) * cross + last
    saturation = along + torch.exp2(normal[2]) * (rgb - along) + last
    m = same.expand(n, 4, 4)
    for k, change in enumerate((brighter, contrast, flipped, hue, saturation)):
        m = torch.where(with_chance[k], change @ m, m)
    return m
