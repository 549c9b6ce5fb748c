"""The captured form on a card: the same pictures, one capture for a thousand moves."""

import random
import threading
from typing import Any

import pytest
import torch

from models.bending.bender import Bender
from models.bending.slots import Features, Slot
from models.bending.transforms import transforms
from models.decoding.decoder import Decoder
from models.decoding.statistics import gather
from models.forms.cuda import CapturedForm, OnCard
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


@torch.no_grad()
def test_bends_and_ideas_captured_on_another_thread_play_as_they_are() -> None:
    """One pool for two graphs; the second is captured while the first plays."""
    torch.manual_seed(1)
    g = build("stylegan2", SMALL)
    assert isinstance(g, torch.nn.Module)
    g.eval().requires_grad_(False)
    statistics = gather(g, samples=48)
    g.to("cuda")
    share, layer = OnCard(torch.device("cuda")), "b16.conv0"
    alone = CapturedForm(g, capture=share)
    slots = [Slot(layer, name, Features("random", 1, 0.5)) for name in transforms() if name != "pixel_sort"]
    w = torch.randn([1, g.num_ws, g.w_dim], generator=torch.Generator().manual_seed(2)).cuda()
    plain = g.synthesize(w)
    made: list[tuple[Bender, Decoder, CapturedForm]] = []

    def capture() -> None:
        with torch.no_grad():
            bender, decoder = Bender(slots, g, steady=True), Decoder(g, statistics, steady=True)
            bend, speak = bender.frame(bender.defaults)[layer], decoder.at(layer)
            made.append((bender, decoder, CapturedForm(g, taps={layer: lambda x: speak(bend(x))}, capture=share)))

    thread = threading.Thread(target=capture)
    thread.start()
    while thread.is_alive():
        assert torch.allclose(alone(w), plain, atol=1e-4)
    thread.join()
    ((bender, decoder, form),) = made
    quick, rng = Bender(slots, g), random.Random(3)
    for _ in range(100):
        values = [rng.uniform(knob.low, knob.high) if rng.random() < 0.3 else knob.default for knob in bender.knobs]
        values = [value if rng.random() < 0.5 or not knob.name.endswith("amount") else 0.0
                  for knob, value in zip(bender.knobs, values, strict=True)]  # fmt: skip
        bender.frame(values)
        decoder.hush()
        quick.frame(values)
        want = g.synthesize(w, tap=quick.tap)
        near = torch.isclose(form(w), want, atol=1e-2, rtol=1e-2)
        assert float((~near).float().mean()) < 0.05
        assert torch.allclose(alone(w), plain, atol=1e-4)
    bender.frame([0.0 if knob.name.endswith("amount") else knob.default for knob in bender.knobs])
    assert torch.allclose(form(w), plain, atol=1e-5)
