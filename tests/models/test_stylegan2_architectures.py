"""The kinds of StyleGAN2 that checkpoints hold: residual, plain, rectangular, with labels, with channels to choose.

The official code's own pictures of these kinds are held against ours in test_checkpoints_official.
"""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators.stylegan2 import StyleGAN2, build

CLOSE = 2e-5
SMALL: dict[str, Any] = {
    "z_dim": 8, "w_dim": 12, "img_resolution": 32, "channel_base": 256, "channel_max": 16, "mapping_layers": 2,
}  # fmt: skip


def network(**settings: Any) -> StyleGAN2:
    torch.manual_seed(1)
    made = build({**SMALL, **settings}).eval().requires_grad_(False)
    for name, weight in made.named_parameters():
        if name.endswith(("noise_strength", "bias")):
            weight.add_(torch.randn_like(weight) * 0.3)
    return made


def a_w(g: StyleGAN2, count: int = 2) -> torch.Tensor:
    return torch.randn([count, g.num_ws, g.w_dim], generator=torch.Generator().manual_seed(3))


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


@pytest.mark.parametrize("kind", ["skip", "resnet", "orig"])
def test_layers_and_latents(kind: str) -> None:
    g = network(architecture=kind)
    assert g.num_ws == 8
    rgb = [layer for layer in g.layers if layer.endswith("torgb")]
    assert rgb == ([f"b{r}.torgb" for r in (4, 8, 16, 32)] if kind == "skip" else ["b32.torgb"])
    assert ("synthesis.b8.skip.weight" in g.state_dict()) is (kind == "resnet")
    assert "synthesis.b4.skip.weight" not in g.state_dict()
    # The last RGB layer takes the last w, and nothing else does.
    w = a_w(g)
    moved = w.clone()
    moved[:, -1] += 1
    seen: dict[str, list[torch.Tensor]] = {}

    def tap(layer: str, x: torch.Tensor) -> torch.Tensor:
        seen.setdefault(layer, []).append(x.clone())
        return x

    g.synthesize(w, tap=tap)
    g.synthesize(moved, tap=tap)
    assert [layer for layer, (a, b) in seen.items() if not torch.equal(a, b)] == ["b32.torgb"]


def by_the_paper(g: StyleGAN2, w: torch.Tensor) -> torch.Tensor:
    """The residual network from the words of the paper, one picture, by other means: zero-stuffing, and filters that
    are applied one after the other in double precision."""
    p = {name: t.double() for name, t in g.state_dict().items()}
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]).double() / 8
    ws = list(w[0].double())

    def twice(x: torch.Tensor) -> torch.Tensor:
        stuffed = x.new_zeros(len(x), 2 * x.shape[1], 2 * x.shape[2])
        stuffed[:, ::2, ::2] = x
        return blurred(F.pad(stuffed, (2, 1, 2, 1)))

    def blurred(x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x[:, None], 4 * torch.outer(line, line)[None, None])[:, 0]

    def styled(name: str, x: torch.Tensor, w: torch.Tensor, up: bool, gain: float) -> torch.Tensor:
        s = p[f"{name}.affine.weight"] @ w / len(w) ** 0.5 + p[f"{name}.affine.bias"]
        weight = p[f"{name}.weight"] * s[None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            x = F.pad(F.conv_transpose2d(x[None], weight.transpose(0, 1), stride=2)[0], (1, 1, 1, 1))
            x = blurred(x)
        else:
            x = F.conv2d(x[None], weight, padding=1)[0]
        x = x + p[f"{name}.noise_const"] * p[f"{name}.noise_strength"] + p[f"{name}.bias"][:, None, None]
        x = F.leaky_relu(x, 0.2) * 2**0.5 * gain
        return x.clamp(-0.5 * gain, 0.5 * gain)  # after the gain of the activation

    x = styled("synthesis.b4.conv1", p["synthesis.b4.const"], ws.pop(0), False, 1.0)
    for r in (8, 16, 32):
        block = f"synthesis.b{r}"
        weight = p[f"{block}.skip.weight"]
        around = twice(F.conv2d(x[None], weight / weight.shape[1] ** 0.5)[0]) * 0.5**0.5
        x = styled(f"{block}.conv0", x, ws.pop(0), True, 1.0)
        x = styled(f"{block}.conv1", x, ws.pop(0), False, 0.5**0.5) + around
    (last,) = ws
    name = "synthesis.b32.torgb"
    s = p[f"{name}.affine.weight"] @ last / len(last) ** 0.5 + p[f"{name}.affine.bias"]
    weight = p[f"{name}.weight"] * (s / len(s) ** 0.5)[None, :, None, None]
    return F.conv2d(x[None], weight, p[f"{name}.bias"]).clamp(-0.5, 0.5).float()


@pytest.mark.parametrize("init_size", [[4, 4], [3, 5]])
def test_the_residual_network_is_that_of_the_paper(init_size: list[int]) -> None:
    g = network(architecture="resnet", init_size=init_size, conv_clamp=0.5)
    w = a_w(g, 1)
    assert far(g.synthesize(w), by_the_paper(g, w)) <= CLOSE
    assert float(g.synthesize(w).abs().max()) == 0.5  # the clamp was at work


@pytest.mark.parametrize("kind", ["skip", "resnet", "orig"])
def test_rectangular_pictures(kind: str) -> None:
    g = network(architecture=kind, init_size=[3, 5])
    picture = g.synthesize(a_w(g))
    assert picture.shape == (2, 3, 24, 40)
    assert g.state_dict()["synthesis.b16.conv0.noise_const"].shape == (12, 20)
    singly = torch.cat([g.synthesize(w) for w in a_w(g).split(1)])
    assert far(picture, singly) <= CLOSE
    again = build(g.config, g.state_dict())
    assert torch.equal(again.synthesize(a_w(g)), picture)
    assert again.config == g.config


def test_channels_of_their_own() -> None:
    g = network(channels={"4": 8, "8": 24, "16": 12, "32": 4})
    assert [g.state_dict()[f"synthesis.b{r}.conv1.bias"].numel() for r in (4, 8, 16, 32)] == [8, 24, 12, 4]
    same = network(channels={"4": 16, "8": 16, "16": 16, "32": 8})
    assert torch.equal(same.synthesize(a_w(same)), network().synthesize(a_w(same)))


def test_what_cannot_be_is_named() -> None:
    for settings, words in (
        ({"architecture": "dense"}, "skip, resnet or orig, not 'dense'"),
        ({"init_size": [4]}, r"init_size must be \[height, width\]"),
        ({"channels": {"4": 8}}, "channels says nothing of resolution 8"),
        ({"img_resolution": 48}, "power of two"),
    ):
        with pytest.raises(ValueError, match=words):
            build({**SMALL, **settings})


def test_a_label_may_be_a_mixture() -> None:
    g = network(c_dim=3, mapping_lr=1.0)
    z = torch.randn([1, g.z_dim], generator=torch.Generator().manual_seed(2))
    first, second = torch.eye(3)[:1], torch.eye(3)[1:2]
    ends = [g.map(z, c, truncation_psi=1) for c in (first, second)]
    steps = [g.map(z, torch.lerp(first, second, a), truncation_psi=1) for a in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert torch.equal(steps[0], ends[0])
    assert torch.equal(steps[-1], ends[1])
    lengths = [float((b - a).norm()) for a, b in pairwise(steps)]
    assert all(0 < length < float((ends[1] - ends[0]).norm()) for length in lengths)


def test_the_mapping_learns_at_its_own_rate() -> None:
    slow, fast = network(mapping_lr=0.01), network(mapping_lr=1.0)
    assert float(slow.state_dict()["mapping.fc0.weight"].std()) > 50 * float(
        fast.state_dict()["mapping.fc0.weight"].std()
    )
