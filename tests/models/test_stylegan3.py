"""What a StyleGAN3 can do that others cannot: move and turn; and its filters in machine code, held against torch's."""

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models import machine_code
from models.generators.alias_free import native
from models.generators.alias_free.filtered_lrelu import Resampling, composed, filtered_lrelu
from models.generators.stylegan3 import StyleGAN3, build, picture_transform
from models.machine_code import MachineCode

SMALL: dict[str, Any] = {
    "z_dim": 16, "w_dim": 24, "img_resolution": 32, "channel_base": 512, "channel_max": 16,
}  # fmt: skip
SIZE = 32


@pytest.fixture
def g() -> StyleGAN3:
    native.prepare()
    torch.manual_seed(4)
    return build(SMALL).requires_grad_(False)


@pytest.fixture
def r() -> StyleGAN3:
    native.prepare()
    torch.manual_seed(4)
    return build({**SMALL, "conv_kernel": 1, "use_radial_filters": True}).requires_grad_(False)


def latent(g: StyleGAN3, count: int = 1, seed: int = 3) -> Tensor:
    return g.map(torch.randn([count, g.z_dim], generator=torch.Generator().manual_seed(seed)), truncation_psi=1)


def likeness(a: Tensor, b: Tensor) -> float:
    """PSNR in dB against the spread of b, away from the edges."""
    a, b = a[..., 3:-3, 3:-3], b[..., 3:-3, 3:-3]
    spread = float(b.max() - b.min())
    return 10 * math.log10(spread**2 / float((a - b).square().mean()))


@torch.no_grad()
def test_a_move_by_whole_pixels_moves_the_picture_by_pixels(g: StyleGAN3, r: StyleGAN3) -> None:
    for network in (g, r):
        w = latent(network)
        still = network.synthesize(w)
        moved = network.synthesize(w, transform=picture_transform(translate_x=5 / SIZE, translate_y=-3 / SIZE))
        assert likeness(moved[..., :-3, 5:], still[..., 3:, :-5]) > 40  # right by five, up by three
        assert likeness(moved, still) < 25


@torch.no_grad()
def test_a_quarter_turn_turns_the_picture(r: StyleGAN3) -> None:
    w = latent(r)
    still = r.synthesize(w)
    turned = r.synthesize(w, transform=picture_transform(rotate=90))
    assert likeness(turned, still.rot90(1, (2, 3))) > 35
    assert likeness(turned, still) < 25


@torch.no_grad()
def test_a_mirrored_picture_and_one_that_is_scaled(r: StyleGAN3) -> None:
    w = latent(r)
    still = r.synthesize(w)
    assert likeness(r.synthesize(w, transform=picture_transform(mirror=1)), still.flip(3)) > 35
    # Scaling the waves is no scaling of the picture (the network knows sizes), but it is smooth and stays in place.
    nearly = r.synthesize(w, transform=picture_transform(scale=1.01))
    larger = r.synthesize(w, transform=picture_transform(scale=1.5))
    assert likeness(nearly, still) > likeness(larger, still) + 10


def test_the_matrix_is_the_inverse_of_what_is_done() -> None:
    assert torch.equal(picture_transform(), torch.eye(3))
    # NVIDIA's tools: the inverse of [[c, s, x], [-s, c, y]].
    angle = math.radians(30)
    done = torch.tensor(
        [[math.cos(angle), math.sin(angle), 0.15], [-math.sin(angle), math.cos(angle), -0.08], [0, 0, 1.0]]
    )
    made = picture_transform(rotate=30, translate_x=0.15, translate_y=-0.08)
    assert torch.allclose(made, torch.linalg.inv(done), atol=1e-6)
    tilted = torch.tensor([[1.0, 0.25, 0], [0, 1, 0], [0, 0, 1]])
    mirrored = torch.diag(torch.tensor([-1.0, 1, 1]))
    done = done @ torch.diag(torch.tensor([2.0, 2, 1])) @ tilted @ mirrored
    made = picture_transform(30, 0.15, -0.08, scale=2, mirror=1, shear=0.25)
    assert torch.allclose(made, torch.linalg.inv(done), atol=1e-6)
    numbers = [30.0, 0.15, -0.08, 2.0, 1.0, 0.25]
    assert torch.equal(picture_transform(*(torch.tensor(n) for n in numbers)), picture_transform(*numbers))
    assert torch.isfinite(picture_transform(scale=0, mirror=0.5)).all()


@torch.no_grad()
def test_an_anchored_picture_does_not_drift(g: StyleGAN3) -> None:
    waves = g.synthesis["input"]
    waves.affine.weight.copy_(torch.randn(4, 24, generator=torch.Generator().manual_seed(8)))  # type: ignore[union-attr]
    w = latent(g, 2)
    w[1, 1:] = w[0, 1:]  # they differ in their pose only
    first, second = g.synthesize(w)
    assert not torch.allclose(first, second, atol=1e-3)
    assert torch.equal(g.synthesize(w, anchor=0.0), g.synthesize(w, anchor=torch.tensor(0.0)))
    held = g.synthesize(w, anchor=torch.tensor(1.0))
    assert torch.allclose(held[0], held[1], atol=1e-6)
    average = w.clone()
    average[:, 0] = g.w_avg
    assert torch.allclose(held, g.synthesize(average), atol=1e-6)


@torch.no_grad()
def test_margins_are_told(g: StyleGAN3) -> None:
    sizes: dict[str, int] = {}

    def tap(layer: str, x: Tensor) -> Tensor:
        sizes[layer] = x.shape[-1]
        return x

    g.synthesize(latent(g), tap=tap)
    assert [g.margin(layer) for layer in g.layers] == [10.0] * (len(g.layers) - 2) + [0.0, 0.0]
    for layer in g.config["layers"]:
        assert sizes[layer["name"]] == layer["out_sampling_rate"] + 2 * g.margin(layer["name"])


def test_moving_numbers_compile_nothing(g: StyleGAN3) -> None:
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()

    def picture(w: Tensor, psi: Tensor, anchor: Tensor, transform: Tensor) -> Tensor:
        return g.synthesize(g.w_avg + psi * (w - g.w_avg), anchor=anchor, transform=transform)

    compiled: Callable[..., Tensor] = torch.compile(picture, backend=counter, dynamic=False)
    moves = torch.Generator().manual_seed(1)
    with torch.no_grad():
        w = latent(g)
        for k in range(20):
            psi, anchor, turn, x = torch.rand(4, generator=moves)
            now = (w, psi, anchor, picture_transform(360 * turn, x))
            if k in (0, 19):
                assert torch.allclose(compiled(*now), picture(*now), atol=1e-5)
            else:
                compiled(*now)
    assert counter.frame_count == 1


def test_a_trace_follows_moving_numbers_and_the_kernel(g: StyleGAN3, monkeypatch: pytest.MonkeyPatch) -> None:
    class Network(torch.nn.Module):
        def forward(self, w: Tensor, transform: Tensor) -> Tensor:
            return g.synthesize(w, transform=transform)

    first, second = latent(g, seed=1), latent(g, seed=2)
    moved = picture_transform(rotate=20.0, scale=0.8)
    with torch.no_grad():
        monkeypatch.setattr(native.KERNEL, "library", None)  # traced before the kernel was ready
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # shapes are constants here, on purpose
            traced = torch.jit.trace(Network().eval(), (first, torch.eye(3)))
        monkeypatch.undo()
        assert torch.allclose(traced(second, moved), g.synthesize(second, transform=moved), atol=1e-6)
        asked: list[int] = []
        if native.prepare():
            real = native.KERNEL.library
            assert real is not None
            monkeypatch.setattr(native.KERNEL, "library", lambda job: asked.append(job) or real(job))
            traced(second, moved)
            assert len(asked) == len(g.layers) - 2


SHAPES = [  # count, channels, width, height, up, padding, radial
    (1, 16, 36, 36, 2, (11, 10, 11, 10), False),
    (1, 23, 40, 31, 2, (11, 10, 11, 10), False),
    (3, 5, 36, 36, 4, (-2, -5, -2, -5), False),
    (1, 33, 70, 90, 2, (-9, -10, -9, -10), False),
    (2, 17, 150, 38, 4, (-2, -5, 3, 0), True),
    (1, 40, 38, 70, 2, (11, 10, 9, 12), True),
    (1, 1, 8, 8, 2, (23, 20, 15, 12), False),
]


@pytest.mark.parametrize(("count", "channels", "width", "height", "up", "padding", "radial"), SHAPES)
def test_machine_code_equals_torch(
    count: int, channels: int, width: int, height: int, up: int, padding: tuple[int, int, int, int], radial: bool
) -> None:
    if not native.prepare():
        pytest.skip(native.KERNEL.problem)
    draw = torch.Generator().manual_seed(channels)
    x = torch.randn([count, channels, height, width], generator=draw)
    rise = torch.rand(6 * up, generator=draw)
    fall = torch.rand([12, 12] if radial else [12], generator=draw)
    rise, fall = rise / rise.sum(), fall / fall.sum()
    numbers = (math.sqrt(2), 0.2, 0.9)
    rates = [up, 2, *padding]
    made = native.compute(x, rise, fall, rates, *numbers)
    want = composed(x, rise, fall, rates, *numbers)
    assert made is not None
    assert made.shape == want.shape
    assert float((made - want).abs().max()) <= 2e-6
    half = native.compute(x.bfloat16(), rise, fall, rates, *numbers)
    assert half is not None
    assert half.dtype == torch.bfloat16
    assert float((half.float() - want).abs().max()) <= 0.02
    free = native.compute(x, rise, fall, rates, math.sqrt(2), 0.2, None)
    assert free is not None
    assert float((free - composed(x, rise, fall, rates, math.sqrt(2), 0.2, None)).abs().max()) <= 2e-6


def test_unusual_filters_are_left_to_torch() -> None:
    native.prepare()
    x, rise, fall = torch.randn(1, 4, 20, 20), torch.rand(8) / 8, torch.rand(8) / 8
    rates = Resampling(2, 2, (4, 4, 4, 4))
    assert native.compute(x, rise, fall, [2, 2, 4, 4, 4, 4], 1.0, 0.2, None) is None
    made = filtered_lrelu(x, rise, fall, rates, 1.0, 0.2, None)
    assert made.shape[2:] == native.result_size((20, 20), 8, 8, [2, 2, 4, 4, 4, 4])


def test_changed_weights_are_seen(g: StyleGAN3) -> None:
    for inference in (False, True):
        with torch.inference_mode(inference), torch.no_grad():
            w = latent(g)
            before = g.synthesize(w)
            layer = g.synthesis[g.layers[5]]
            for weight in (layer.weight, layer.magnitude_ema):
                assert isinstance(weight, Tensor)
                home = weight.clone()
                weight.mul_(torch.linspace(0.5, 2, weight.numel()).view(weight.shape))
                changed_picture = g.synthesize(w)
                assert not torch.allclose(changed_picture, before, atol=1e-4)
                fresh = build(g.config, g.state_dict())
                assert torch.equal(changed_picture, fresh.synthesize(w))
                weight.copy_(home)
                assert torch.equal(g.synthesize(w), before)


def test_gradients_reach_the_latent(g: StyleGAN3) -> None:
    w = latent(g).requires_grad_()
    g.synthesize(w).square().mean().backward()
    assert w.grad is not None
    assert float(w.grad.abs().sum()) > 0


def test_without_a_compiler_it_plays_and_says_so(
    g: StyleGAN3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def anew() -> MachineCode[native.Filters]:
        kernel = MachineCode(native._library, "it plays without its compiled filters")
        monkeypatch.setattr(native, "KERNEL", kernel)
        return kernel

    kernel = anew()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert not g.prepare()
    assert "no C++ compiler" in kernel.problem
    assert "without its compiled filters" in caplog.text
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\necho 'no such flag' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path / "cache"))
    kernel = anew()
    assert not g.prepare()
    assert "no such flag" in kernel.problem
    with torch.no_grad():
        assert torch.isfinite(g.synthesize(latent(g))).all()


def test_a_damaged_library_is_made_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    damaged = tmp_path / "filtered_lrelu-0.so"
    damaged.write_bytes(b"not machine code")
    kernel = MachineCode(native._library, "it plays without")
    monkeypatch.setattr(machine_code, "_compiled", lambda source: damaged)
    assert not kernel.prepare()
    assert "is damaged" in kernel.problem
    assert not damaged.exists()


def changed(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The configuration with one entry set, or taken away."""
    *way, last = path.split("/")
    place: Any = config
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return config


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("z_dim", None, "no 'z_dim'"),
        ("wings", 2, "unknown 'wings'"),
        ("w_dim", -4, "w_dim of the network"),
        ("layers", [], "layers"),
        ("input/size", [36], "input.size"),
        ("input/bandwidth", None, "no 'bandwidth'"),
        ("input/channels", 8, "L0_36_16 takes 16 channels"),
        ("layers/2/up_factor", 0, "up_factor of L2_36_16"),
        ("layers/2/padding", [1, 2], "L2_36_16.padding"),
        ("layers/2/padding", [9, 10, 11, 10], "L2_36_16: its filters"),
        ("layers/3/out_size", [40, 40], "takes 16 channels"),
        ("layers/5/name", "a.b", "'a.b'"),
        ("layers/5/name", "L0_36_16", "same name"),
        ("layers/3/is_torgb", True, "is_torgb"),
        ("img_resolution", 64, "img_resolution 64"),
    ],
)
def test_a_configuration_that_cannot_be_is_named(g: StyleGAN3, path: str, value: Any, said: str) -> None:
    weights = g.state_dict()
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        build(changed(g.config, path, value), weights)


def test_weights_that_do_not_fit_are_named(g: StyleGAN3) -> None:
    weights = dict(g.state_dict())
    with pytest.raises(ValueError, match=r"unknown synthesis\.extra"):
        build(g.config, {**weights, "synthesis.extra": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"mapping.w_avg is \[3\], not \[24\]"):
        build(g.config, {**weights, "mapping.w_avg": torch.zeros(3)})
    del weights["synthesis.L0_36_16.down_filter"]
    with pytest.raises(ValueError, match="L0_36_16 has no up_filter"):
        build(g.config, weights)
    for wrong in ({"img_resolution": 48}, {"num_critical": 14}, {"wings": 2}):
        with pytest.raises(ValueError, match=str(next(iter(wrong)))):
            build({**SMALL, **wrong})


def test_a_plan_without_weights_gets_its_filters(r: StyleGAN3) -> None:
    fresh = build(r.config)
    assert fresh.config == r.config
    want = {name: t for name, t in r.state_dict().items() if name.endswith("_filter")}
    made = fresh.state_dict()
    assert all(torch.equal(made[name], t) for name, t in want.items())
    odd = r.config
    odd["layers"][0].update(up_factor=4, padding=[22, 21, 22, 21])
    with pytest.raises(ValueError, match=r"L0_36_16 .*unusual"):
        build(odd)
