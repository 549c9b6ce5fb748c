"""Small networks for the tests of compiled forms."""

from typing import Any

import torch

from models.generators import Generator, build

CLOSE = 2e-5
SMALL: dict[str, Any] = {
    "z_dim": 8, "w_dim": 12, "img_resolution": 16, "channel_base": 128, "channel_max": 16, "mapping_layers": 1,
}  # fmt: skip


def network(seed: int = 1, **settings: Any) -> Generator:
    torch.manual_seed(seed)
    made = build("stylegan2", {**SMALL, **settings})
    assert isinstance(made, torch.nn.Module)
    made.eval().requires_grad_(False)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                weight.add_(torch.randn_like(weight) * 0.3)
    return made


def a_w(generator: Generator, seed: int = 0) -> torch.Tensor:
    shape = [1, generator.num_ws, generator.w_dim]
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


def eager(generator: Generator, w: torch.Tensor, strength: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        return generator.synthesize(w, "const", noise_strength=strength)
