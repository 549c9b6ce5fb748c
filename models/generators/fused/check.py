"""Each kernel once, held against torch's own operators: what a new card, driver or Triton must pass before it plays."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators.fused import launch, operations
from models.generators.fused.operations import Noise, Nonlinearity
from models.generators.fused.styles import Styles
from models.generators.style_modulated.mapping import Dense

CLOSE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}  # of the largest number: a few units in the last place

Made = tuple[str, Callable[[], Tensor], Callable[[], Tensor]]


def fault(device: torch.device) -> str:
    """What is wrong with the kernels on this device, or nothing. Seconds at first; synchronises.

    The wanted numbers are computed on the processor. Raises launch.Unplayable, ImportError.
    """
    launch.kernels()
    with torch.no_grad():
        for dtype, close in CLOSE.items():
            for name, made, wanted in _cases(device, dtype):
                want = wanted().float()
                far = float((made().cpu().float() - want).abs().max() / want.abs().max())
                if not far <= close:  # what is no number is wrong, too
                    return f"kernel {name} is {far:.1g} away from torch's numbers in {dtype}"
    return ""


def _cases(device: torch.device, dtype: torch.dtype) -> Iterator[Made]:
    """Every kernel with all that it can do, at a size that fills no tile: name, the kernel's result, the formula's."""
    dice = torch.Generator().manual_seed(0)

    def some(*shape: int, kind: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        here = torch.randn(shape, generator=dice).to(kind)
        if len(shape) == 4:
            here = here.contiguous(memory_format=torch.channels_last)
        return here, here.to(device)

    inputs, outputs, high, wide = 24, 40, 10, 14
    layers = [Dense(12, count, bias_init=1.0) for count in (inputs, 3)]
    w, its_w = some(1, 2, 12)
    for k, layer in enumerate(layers):
        want = layer(w[:, k])[0]
        its = Styles()
        there = [Dense(12, len(one.bias)) for one in layers]
        for mine, other in zip(there, layers, strict=True):
            mine.load_state_dict(other.state_dict())
            mine.to(device)
        yield "styles", lambda k=k, its=its, there=there: its.of(there, [0, 1], its_w, False)[k], lambda x=want: x

    weight, its_weight = some(outputs, inputs, 3, 3)
    style, its_style = some(inputs)
    scaled = weight * style[None, :, None, None]
    folded = scaled * torch.rsqrt(scaled.square().sum((1, 2, 3), keepdim=True) + 1e-8)
    for transposed in (False, True):
        want = folded.transpose(0, 1) if transposed else folded
        yield (
            "fold",
            lambda t=transposed: operations.fold(its_weight, its_style, dtype, t),
            lambda x=want: x.to(dtype),
        )

    bias, its_bias = some(outputs)
    pattern, its_pattern = some(high, wide)
    strength, its_strength = some(1)
    strength, its_strength = strength[0], its_strength[0]
    y, its_y = some(1, outputs, high, wide, kind=dtype)
    large, its_large = some(1, outputs, high + 1, wide + 1, kind=dtype)
    after = Nonlinearity(1.5, 2.0)
    noise = Noise(its_pattern, its_strength, its_strength)

    def finished(y: Tensor) -> Tensor:
        y = y.float() + pattern * strength**2 + bias[:, None, None]
        return (F.leaky_relu(y, 0.2) * 1.5).clamp(-2.0, 2.0)

    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    blur = torch.outer(line, line).expand(outputs, 1, 4, 4)
    yield "finish", lambda: operations.finish(its_y.clone(), its_bias, noise, after), lambda: finished(y)
    yield (
        "blur_finish",
        lambda: operations.blur_finish(its_large, its_bias, noise, after),
        lambda: finished(F.conv2d(large.float(), blur, padding=1, groups=outputs)),
    )

    def enlarged(x: Tensor) -> Tensor:
        return F.conv_transpose2d(x.float(), blur[: x.shape[1]], stride=2, padding=1, groups=x.shape[1])

    small, its_small = some(1, outputs, high // 2, wide // 2, kind=dtype)
    yield "join", lambda: operations.join(its_y, its_small), lambda: y.float() + enlarged(small)
    colours, its_colours = some(3, outputs, 1, 1)
    tint, its_tint = some(outputs)
    image, its_image = some(1, 3, high // 2, wide // 2)
    rgb = F.conv2d(y.float(), colours * tint[:, None, None] * 0.5, bias[:3]).clamp(-1.0, 1.0)
    yield (
        "to_rgb",
        lambda: operations.to_rgb(its_y, its_tint, its_colours, its_bias[:3], 0.5, 1.0, its_image),
        lambda: rgb + enlarged(image),
    )
