"""Photographs, and how a recipe looks at them: random crops at any scale and angle, tone curves, gradient maps,
layers of light.

Everything here is a plain function on float tensors in 0..1: photographs and pictures [3, H, W], maps of one quantity
[1, H, W]. Randomness is an argument (`numpy.random.Generator`), so a recipe and a seed always give the same set.
"""

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

Pyramid = tuple[Tensor, ...]
Scene = Callable[[np.random.Generator, int], Tensor]


def photograph(name: str) -> Tensor:
    """A file of the scikit-image wheel, [3, H, W] in 0..1; FileNotFoundError says what to install."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the photograph {name} is inside the scikit-image wheel: pip install scikit-image")
    with Image.open(Path(spec.origin).parent / "data" / name) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255.0
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def pyramid(image: Tensor, levels: int = 6) -> Pyramid:
    """The image and its halvings, so that a crop from afar does not alias."""
    out = [image]
    while len(out) < levels and min(out[-1].shape[1:]) >= 16:
        out.append(F.avg_pool2d(out[-1][None], 2, ceil_mode=False)[0])
    return tuple(out)


def blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur, sigma in pixels, edges repeated."""
    radius = max(1, int(3 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    line = line / line.sum()
    x = image[:, None]
    x = F.conv2d(F.pad(x, (radius, radius, 0, 0), mode="replicate"), line.view(1, 1, 1, -1))
    x = F.conv2d(F.pad(x, (0, 0, radius, radius), mode="replicate"), line.view(1, 1, -1, 1))
    return x[:, 0]


def crop(
    source: Pyramid,
    centre: tuple[float, float],
    span: float,
    angle: float,
    flip: bool,
    size: int,
    outside: str = "reflection",
) -> Tensor:
    """A square of the photograph, [C, size, size].

    `centre` in pixels (x, y) of the full photograph, `span` its side in the same pixels, `angle` in radians;
    `outside` is grid_sample's padding ("reflection", "zeros", "border").
    """
    level = int(np.clip(math.floor(math.log2(max(span / size, 1.0)) + 0.3), 0, len(source) - 1))
    image = source[level]
    height, width = source[0].shape[1:]
    c, s = math.cos(angle) * span, math.sin(angle) * span
    m = -1.0 if flip else 1.0
    matrix = torch.tensor(
        [
            [m * c / width, -s / width, 2 * centre[0] / width - 1],
            [m * s / height, c / height, 2 * centre[1] / height - 1],
        ],
        dtype=torch.float32,
    )
    grid = F.affine_grid(matrix[None], [1, 1, size, size], align_corners=False)
    mode = "bicubic" if span < size * 2 else "bilinear"
    return F.grid_sample(image[None], grid, mode=mode, padding_mode=outside, align_corners=False)[0].clamp(0, 1)


def bright_spots(image: Tensor, sigma: float, power: float) -> np.ndarray:
    """A chance for each pixel, flattened [H * W], that grows with the light around it: where a crop is worth
    centring.
    """
    weight = blur(image.mean(0, keepdim=True), sigma)[0].numpy().astype(np.float64) ** power
    return np.asarray(np.cumsum(weight.ravel()) / weight.sum())


def pick(rng: np.random.Generator, chances: np.ndarray, width: int) -> tuple[float, float]:
    """One (x, y) drawn by `bright_spots`."""
    at = int(np.searchsorted(chances, rng.random()))
    return float(at % width), float(at // width)


def levels(image: Tensor, low: float, high: float, gamma: float = 1.0) -> Tensor:
    """Stretch low..high to 0..1, then a power (> 1 darkens the middle)."""
    return ((image - low) / (high - low)).clamp(0, 1) ** gamma


def saturate(image: Tensor, amount: float) -> Tensor:
    """Colours moved away from (or towards, below 1) their own grey."""
    grey = image.mean(0, keepdim=True)
    return (grey + amount * (image - grey)).clamp(0, 1)


def hue(image: Tensor, angle: float) -> Tensor:
    """Colours turned about the grey axis by `angle` radians (brightness of the mean kept)."""
    c, s = math.cos(angle), math.sin(angle)
    third, root = (1 - c) / 3, s / math.sqrt(3)
    a, b, d = c + third, third - root, third + root
    matrix = torch.tensor([[a, b, d], [d, a, b], [b, d, a]])
    return torch.einsum("ij,jhw->ihw", matrix, image).clamp(0, 1)


def gradient_map(value: Tensor, colours: Tensor) -> Tensor:
    """A map [1, H, W] in 0..1 through colours [K, 3] equally spaced from dark to light -> [3, H, W]."""
    steps = len(colours) - 1
    x = value[0].clamp(0, 1) * steps
    k = x.long().clamp(max=steps - 1)
    t = (x - k)[..., None]
    return (colours[k] * (1 - t) + colours[k + 1] * t).permute(2, 0, 1)


def screen(a: Tensor, b: Tensor) -> Tensor:
    """Two lights on one wall: 1 - (1 - a)(1 - b)."""
    return 1 - (1 - a) * (1 - b)


def glow_mask(rng: np.random.Generator, size: int, reach: float, floor: float) -> Tensor:
    """[1, size, size]: a soft ellipse of light somewhere in the frame, falling to `floor`; `reach` in picture
    widths.
    """
    axis = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    cx, cy = rng.uniform(0.2, 0.8, 2)
    turn, stretch = rng.uniform(0, math.pi), rng.uniform(1.0, 1.8)
    u = (x - cx) * math.cos(turn) + (y - cy) * math.sin(turn)
    v = ((y - cy) * math.cos(turn) - (x - cx) * math.sin(turn)) * stretch
    return (floor + (1 - floor) * torch.exp(-(u * u + v * v) / (2 * reach * reach)))[None]


def expose(image: Tensor, mean: float) -> Tensor:
    """A longer exposure for pictures that are too dark: highlights up to 1, then a gamma (0.5..1) towards the mean
    given.
    """
    lit = image / torch.quantile(image.amax(0).flatten(), 0.995).clamp(0.25, 1.0)
    lit = lit.clamp(0, 1)
    now = float(lit.mean())
    if now >= mean or now <= 1e-4:
        return lit
    return lit ** max(0.5, math.log(mean) / math.log(now))


def to_uint8(image: Tensor) -> Tensor:
    """[3, H, W] in 0..1 -> uint8."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


def bank(scenes: Scene, count: int, size: int, seed: int, tick: Callable[[], object] = lambda: None) -> Tensor:
    """`count` pictures [count, 3, size, size] uint8; picture k is the same scene at every size. `tick` is called
    after each.
    """
    out = torch.empty(count, 3, size, size, dtype=torch.uint8)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the pictures are small: a second thread costs more than it brings
    try:
        with torch.inference_mode():
            for k in range(count):
                out[k] = to_uint8(scenes(np.random.default_rng([seed, k]), size))
                tick()
    finally:
        torch.set_num_threads(threads)
    return out


def batch(pictures: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Random pictures of a bank in -1..1, [count, 3, H, W], channels-last, each in one of its eight mirrored quarter
    turns.
    """
    index = torch.randint(len(pictures), [count], generator=rng)
    turn = torch.randint(8, [count], generator=rng).tolist()
    x = [
        pictures[k].rot90(t % 4, [1, 2]).flip(2) if t >= 4 else pictures[k].rot90(t % 4, [1, 2])
        for k, t in zip(index, turn, strict=True)
    ]
    return to_signed(torch.stack(x))


def to_signed(pictures: Tensor) -> Tensor:
    """uint8 [N, 3, H, W] -> -1..1, channels-last, as networks see them."""
    return (pictures.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def seed_z(seed: int, z_dim: int) -> Tensor:
    """[z_dim]: the latent that a seed means everywhere, RandomState(seed).randn(1, z_dim)."""
    return torch.from_numpy(np.random.RandomState(seed).randn(1, z_dim)[0].astype(np.float32))
