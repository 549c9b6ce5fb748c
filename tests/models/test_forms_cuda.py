"""The captured form on a card: the same pictures, one capture for a thousand moves."""

from typing import Any

import pytest
import torch

from models.forms.cuda import CapturedForm
from models.generators import build

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card")
SMALL: dict[str, Any] = {
    "z_dim": 8, "w_dim": 12, "img_resolution": 32, "channel_base": 256, "channel_max": 16, "mapping_layers": 1,
}  # fmt: skip


@torch.no_grad()
def test_a_thousand_moves_capture_nothing() -> None:
    torch.manual_seed(1)
    g = build("stylegan2", SMALL).to("cuda")
    assert isinstance(g, torch.nn.Module)
    g.eval().requires_grad_(False)
    amount = torch.tensor(1.0, device="cuda")
    fast = CapturedForm(g, taps={"b8.conv1": lambda x: x * amount})
    before = CapturedForm.captures
    dice = torch.Generator().manual_seed(7)
    weight = g.get_parameter("synthesis.b16.conv1.weight")
    for move in range(1000):
        w = torch.randn([1, g.num_ws, g.w_dim], generator=dice).cuda()
        strength = torch.rand([], generator=dice).cuda()
        amount.fill_(1.0 + move % 3)
        if move % 10 == 0:
            weight.add_(torch.randn(weight.shape, generator=dice).cuda() * 0.02)
        picture = fast(w, strength)
        if move % 50 == 0:

            def tap(layer: str, x: torch.Tensor) -> torch.Tensor:
                return x * amount if layer == "b8.conv1" else x

            want = g.synthesize(w, "const", tap=tap, noise_strength=strength)
            assert float((picture - want).abs().max()) <= 1e-4
    assert CapturedForm.captures == before


def test_float16_is_refused() -> None:
    with pytest.raises(ValueError, match="overflows"):
        CapturedForm(build("stylegan2", SMALL), "float16")
