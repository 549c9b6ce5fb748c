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
INPUTS, OUTPUTS, HIGH, WIDE = 24, 40, 10, 14  # which fill no tile

Some = Callable[..., Tensor]


def fault(device: torch.device) -> str:
    """What is wrong with the kernels on this device, or nothing. Seconds at first; synchronises.

    The wanted numbers are computed on the processor. Raises launch.Unplayable, and ImportError without Triton.
    """
    launch.kernels()
    with torch.no_grad():
        for dtype, close in CLOSE.items():
            for kind in (_styles, _weights, _maps, _pictures):
                for name, made, wanted in kind(device, dtype):
                    want = wanted.to(dtype).float()
                    far = float((made.cpu().float() - want).abs().max() / want.abs().max())
                    if not far <= close:  # what is no number is wrong, too
                        return f"kernel {name} is {far:.1g} away from torch's numbers in {dtype}"
    return ""


def _some(*shape: int) -> Tensor:
    made = torch.sin(torch.arange(1.0, 1 + torch.Size(shape).numel()).square()).view(shape)
    return made.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else made


def _styles(device: torch.device, dtype: torch.dtype) -> Iterator[tuple[str, Tensor, Tensor]]:
    if dtype != torch.float32:  # which styles always are
        return
    w = _some(1, 2, 12)
    for k, count in enumerate((INPUTS, 3)):
        layer = Dense(12, count)
        wanted = layer(w[:, k])[0]
        layer.to(device)
        yield "styles", Styles().of([layer], [k], w.to(device), False)[0], wanted


def _weights(device: torch.device, dtype: torch.dtype) -> Iterator[tuple[str, Tensor, Tensor]]:
    weight, style = _some(OUTPUTS, INPUTS, 3, 3), _some(INPUTS)
    scaled = weight * style[:, None, None]
    wanted = scaled * torch.rsqrt(scaled.square().sum((1, 2, 3), keepdim=True) + 1e-8)
    its = weight.to(device), style.to(device)
    yield "fold", operations.fold(*its, dtype, transposed=False), wanted
    yield "fold", operations.fold(*its, dtype, transposed=True), wanted.transpose(0, 1)


def _maps(device: torch.device, dtype: torch.dtype) -> Iterator[tuple[str, Tensor, Tensor]]:
    bias, pattern, strength = _some(OUTPUTS), _some(HIGH, WIDE), torch.tensor(0.7)
    y, large = _some(1, OUTPUTS, HIGH, WIDE).to(dtype), _some(1, OUTPUTS, HIGH + 1, WIDE + 1).to(dtype)

    def finished(x: Tensor) -> Tensor:
        x = x + pattern * strength.square() + bias[:, None, None]
        return (F.leaky_relu(x, 0.2) * 1.5).clamp(-2.0, 2.0)

    its_strength, after = strength.to(device), Nonlinearity(1.5, 2.0)
    how = bias.to(device), Noise(pattern.to(device), its_strength, its_strength), after
    yield "finish", operations.finish(y.to(device, copy=True), *how), finished(y.float())
    blurred = F.conv2d(large.float(), _blur(), padding=1, groups=OUTPUTS)
    yield "blur_finish", operations.blur_finish(large.to(device), *how), finished(blurred)


def _pictures(device: torch.device, dtype: torch.dtype) -> Iterator[tuple[str, Tensor, Tensor]]:
    x, half = _some(1, OUTPUTS, HIGH, WIDE).to(dtype), _some(1, OUTPUTS, HIGH // 2, WIDE // 2).to(dtype)
    weight, style, bias = _some(3, OUTPUTS, 1, 1), _some(OUTPUTS), _some(3)
    image = half[:, :3].float()
    yield "join", operations.join(x.to(device), half.to(device)), x.float() + _enlarged(half.float())
    rgb = F.conv2d(x.float(), weight * style[:, None, None] * 0.5, bias).clamp(-1.0, 1.0)
    its_x, its_style, its_weight, its_bias, its_image = (t.to(device) for t in (x, style, weight, bias, image))
    made = operations.to_rgb(its_x, its_style, its_weight, its_bias, 0.5, 1.0, its_image)
    yield "to_rgb", made, rgb + _enlarged(image)


def _blur() -> Tensor:
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    return torch.outer(line, line).expand(OUTPUTS, 1, 4, 4)


def _enlarged(x: Tensor) -> Tensor:
    return F.conv_transpose2d(x, _blur()[: x.shape[1]], stride=2, padding=1, groups=x.shape[1])
