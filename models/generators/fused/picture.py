"""A StyleGAN2's picture by the fused kernels: the same walk as `StyleGAN2.synthesize`, which says what it means.

A styled layer is three launches (its weight, cuDNN's convolution, all that follows), an RGB layer is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators import Scalar, Tap, identity
from models.generators.fused.operations import Noise, Nonlinearity, blur_finish, finish, fold, join, to_rgb

if TYPE_CHECKING:
    from models.generators.style_modulated.mapping import Dense
    from models.generators.stylegan2 import Block, Shortcut, StyledConv, StyleGAN2


def picture(
    network: StyleGAN2,
    dtype: torch.dtype,
    w: Tensor,
    noise_mode: str,
    tap: Tap,
    strength: Scalar,
    rng: torch.Generator | None,
) -> Tensor:
    """As `StyleGAN2.synthesize` for one w [1, num_ws, w_dim]. Raises launch.Unplayable, launch.Unbuilt."""
    blocks: dict[str, Block] = dict(network.synthesis.items())  # type: ignore[arg-type]
    styles = iter(network.styles.of(*_affine(blocks), w, _is_capturing(w)))

    def styled(name: str, layer: StyledConv, x: Tensor) -> Tensor:
        return tap(name, _styled(layer, x, next(styles), _noise(layer, noise_mode, strength, rng, x)))

    x = torch.empty(0)
    image: Tensor | None = None
    for k, (name, block) in enumerate(blocks.items()):
        if k == 0:
            x = block.const[None].to(dtype).contiguous(memory_format=torch.channels_last)
        around = None if block.skip is None else _narrowed(block.skip, x)
        if k > 0:
            x = styled(f"{name}.conv0", block.conv0, x)
        x = styled(f"{name}.conv1", block.conv1, x)
        x = x if around is None else join(x, around)
        if block.torgb is None:
            continue
        layer, style = block.torgb, next(styles)
        small = image if tap is identity else None  # a tap sees the layer before it joins the picture
        rgb = to_rgb(x, style, layer.weight, layer.bias, layer.gain, layer.clamp, small)
        rgb = tap(f"{name}.torgb", rgb)
        image = rgb if image is None or small is not None else join(rgb, image)
    assert image is not None  # the last resolution has an RGB layer
    offset = network.settings.img_offset
    return image if offset == 0 else image + offset


def _affine(blocks: dict[str, Block]) -> tuple[list[Dense], list[int]]:
    """The affine layers as the walk comes by, and which w is whose."""
    found: list[tuple[Dense, int]] = []
    for k, block in enumerate(blocks.values()):
        if k > 0:
            found.append((block.conv0.affine, 2 * k - 1))
        found.append((block.conv1.affine, 2 * k))
        if block.torgb is not None:
            found.append((block.torgb.affine, 2 * k + 1))
    return [layer for layer, _ in found], [which for _, which in found]


def _styled(layer: StyledConv, x: Tensor, style: Tensor, noise: Noise | None) -> Tensor:
    """x [1, I, h, w], style [I] -> [1, O, H, W]."""
    weight = fold(layer.weight, style, x.dtype, transposed=layer.up)
    after = Nonlinearity(layer.gain, layer.clamp)
    if layer.up:
        return blur_finish(F.conv_transpose2d(x, weight, stride=2), layer.bias, noise, after)
    return finish(F.conv2d(x, weight, padding=1), layer.bias, noise, after)


def _noise(
    layer: StyledConv, noise_mode: str, strength: Scalar, rng: torch.Generator | None, x: Tensor
) -> Noise | None:
    if noise_mode == "none":
        return None
    pattern = layer.noise_const
    if noise_mode == "random":
        pattern = torch.randn([1, 1, *layer.size], generator=rng, device=x.device)[0, 0]
    return Noise(pattern, layer.noise_strength, strength)


def _narrowed(layer: Shortcut, x: Tensor) -> Tensor:
    """The 1x1 convolution around a residual block, before it is enlarged."""
    return F.conv2d(x, (layer.weight * layer.gain).to(x.dtype))


def _is_capturing(x: Tensor) -> bool:
    return x.is_cuda and torch.cuda.is_current_stream_capturing()
