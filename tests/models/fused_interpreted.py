"""Whole networks by the kernels, in Triton's interpreter on the processor. `test_fused` runs this file."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fused_tools import CLOSE, PROCESSOR, a_w, by_torch, far, network, played
from torch.utils._python_dispatch import TorchDispatchMode

from models.checkpoints import containers
from models.generators import build, fused
from models.generators.fused import check, kernels, launch, operations
from models.generators.fused import styles as tables

__all__ = ["played"]

GOLDEN = Path(__file__).parent.parent / "golden"


KINDS: list[dict[str, Any]] = [
    {"img_resolution": 8},
    {"architecture": "resnet", "init_size": [3, 5], "conv_clamp": 0.5},
    {"architecture": "orig", "img_channels": 4, "conv_clamp": 1.0, "w_dim": 33, "img_resolution": 8},
    {"img_channels": 1, "channels": {"4": 8, "8": 24, "16": 5}, "img_offset": -1.0},
]


@pytest.mark.parametrize("settings", KINDS)
def test_kinds_of_networks(settings: dict[str, Any]) -> None:
    g = network(**settings)
    w = a_w(g)
    for mode, strength in (("const", torch.tensor(0.5)), ("none", 1.0)):
        with by_torch():
            want = g.synthesize(w, mode, noise_strength=strength)
        made = g.synthesize(w, mode, noise_strength=strength)
        assert far(made, want) <= CLOSE
        assert made.stride() == want.stride() or g.img_channels == 1
    with by_torch():
        want = g.synthesize(w)
    g.compute_dtype = torch.bfloat16
    made = g.synthesize(w)
    assert made.dtype == torch.float32
    assert float((made - want).abs().mean()) <= 0.02


def test_random_noise_is_drawn_alike() -> None:
    g = network(img_resolution=8)
    with by_torch():
        want = g.synthesize(a_w(g), "random", rng=torch.Generator().manual_seed(5))
    assert far(g.synthesize(a_w(g), "random", rng=torch.Generator().manual_seed(5)), want) <= CLOSE


@pytest.mark.parametrize("name", ["sg2ada-resnet.pkl", "sg2ada-orig.pkl"])
def test_official_pictures(name: str) -> None:
    made = containers.read(memoryview((GOLDEN / "official" / name).read_bytes()))
    g = build(made.architecture, made.config, {n: torch.from_numpy(a) for n, a in made.tensors.items()})
    with np.load((GOLDEN / "official" / name).with_suffix(".npz")) as want:
        c = torch.from_numpy(want["c"]).float() if want["c"].shape[1] else None
        w = g.map(torch.from_numpy(want["z"]).float(), c, truncation_psi=float(want.get("psi", 0.7)))
        pictures = torch.cat([g.synthesize(one) for one in w.split(1)])
        assert far(pictures, torch.from_numpy(want["img"])) <= CLOSE


def test_every_layer_of_the_official_network() -> None:
    made = containers.read(memoryview((GOLDEN / "sg2ada-64.nosrc.pkl").read_bytes()))
    g = build(made.architecture, made.config, {n: torch.from_numpy(a) for n, a in made.tensors.items()})
    with np.load(GOLDEN / "sg2ada-64.acts.npz") as arrays:
        want = {name: torch.from_numpy(arrays[name]) for name in arrays}
    with np.load(GOLDEN / "sg2ada-64.ref.npz") as arrays:
        w = g.map(torch.from_numpy(arrays["z"][:1]), truncation_psi=0.7)
        picture = torch.from_numpy(arrays["img_psi07_const"][:1])
    distance: dict[str, float] = {}

    def tap(layer: str, x: torch.Tensor) -> torch.Tensor:
        distance[layer] = far(x, want[f"act/{layer}"])
        return x

    assert far(g.synthesize(w, tap=tap), picture) <= CLOSE
    assert [f"act/{layer}" for layer in distance] == list(want)
    assert max(distance.values()) <= CLOSE, distance


def test_taps_change_what_goes_on() -> None:
    g = network(img_resolution=8)
    w = a_w(g)

    def tap(layer: str, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous().flip(3) if layer in ("b8.conv0", "b8.torgb") else x

    with by_torch():
        want = g.synthesize(w, tap=tap)
    assert far(g.synthesize(w, tap=tap), want) <= CLOSE


# ---- what moves


def test_weights_that_change_where_they_lie() -> None:
    g = network(img_resolution=8)
    w = a_w(g)
    g.synthesize(w)
    for name, weight in g.named_parameters():
        if name.startswith("synthesis."):
            weight.mul_(0.9).add_(0.05)
    with by_torch():
        want = g.synthesize(w)
    assert far(g.synthesize(w), want) <= CLOSE


def test_weights_that_move_are_found_again() -> None:
    g = network(img_resolution=8)
    w = a_w(g)
    first = g.synthesize(w)
    layer = g.get_submodule("synthesis.b8.conv1.affine")
    old = layer.weight.data
    layer.weight.data = old * 2
    old.zero_()
    with by_torch():
        want = g.synthesize(w)
    made = g.synthesize(w)
    assert far(made, want) <= CLOSE
    assert far(made, first) > 0.01


def test_a_table_is_not_made_while_a_graph_is_captured() -> None:
    g = network()
    w = a_w(g)
    layers = [g.get_submodule("synthesis.b8.conv1.affine"), g.get_submodule("synthesis.b8.torgb.affine")]
    styles = tables.Styles()
    want = [layer(w[:, k])[0] for layer, k in zip(layers, (1, 4), strict=True)]
    tables_made: list[int] = []
    for capturing in (True, False, True):
        for made, one in zip(styles.of(layers, [1, 4], w, capturing), want, strict=True):
            assert far(made, one) <= 2e-6
        tables_made.append(len(styles._tables))
    assert tables_made == [0, 1, 1]


def test_nothing_is_read_back() -> None:
    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            assert "_local_scalar_dense" not in str(func)
            assert "nonzero" not in str(func)
            return func(*args, **(kwargs or {}))

    g = network(architecture="resnet", img_resolution=8)
    g.synthesize(a_w(g))
    with Watch():
        g.synthesize(a_w(g), noise_strength=torch.tensor(0.3))


# ---- when they play


def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def counted(name: str, *given: Any, **constants: Any) -> None:
        names.append(name)
        launch.launch(name, *given, **constants)

    for module in (operations, tables):
        monkeypatch.setattr(module, "launch", counted)
    return names


def test_launches_of_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    g = network()
    names = count(monkeypatch)
    g.synthesize(a_w(g))
    rgb = ["to_rgb"]
    up = ["fold", "blur_finish", "fold", "finish", *rgb]
    assert names == ["styles", "fold", "finish", *rgb, *up, *up]


def test_only_one_picture_without_gradient_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    g = network()
    names = count(monkeypatch)
    g.synthesize(a_w(g).expand(2, -1, -1))
    with torch.enable_grad():
        g.synthesize(a_w(g))
    g.compute_dtype = torch.float64
    g.synthesize(a_w(g))
    g.compute_dtype = torch.float32
    g.synthesize(a_w(g), noise_strength=torch.ones(1))
    assert not names
    with torch.inference_mode():
        g.synthesize(a_w(g))
    assert names


class Broken:
    """A kernel that cannot be built."""

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        raise SystemError("no assembler")


class Wrong:
    """A kernel that builds and leaves memory as it was."""

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return lambda *given, **constants: given[0].zero_()


def built() -> None:
    """When nothing is being built any more."""
    for _ in range(600):
        if fused._building.acquire(timeout=0.1):
            fused._building.release()
            return


def test_a_show_never_waits_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not checked and not built yet is played by torch, while a thread does it; then by the kernels."""
    g = network(img_resolution=8)
    names = count(monkeypatch)
    monkeypatch.setattr(launch, "_built", set())
    monkeypatch.setattr(fused, "_verdicts", {})
    monkeypatch.setattr(fused, "_waits", lambda device: False)
    monkeypatch.setattr(check, "fault", lambda device: "")
    with by_torch():
        want = g.synthesize(a_w(g))
    assert torch.equal(g.synthesize(a_w(g)), want)
    built()
    names.clear()
    made = g.synthesize(a_w(g))
    assert names == ["styles", "fold", "finish", "to_rgb", "fold", "blur_finish", "fold", "finish", "to_rgb"]
    assert far(made, want) <= CLOSE
    tapped = g.synthesize(a_w(g), tap=lambda layer, x: x)  # needs one more
    assert torch.equal(tapped, want)
    built()
    assert far(g.synthesize(a_w(g), tap=lambda layer, x: x), want) <= CLOSE
    assert names[-1] == "join"


def test_while_a_graph_is_captured_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    g = network(img_resolution=8)
    monkeypatch.setattr(launch, "_built", set())
    monkeypatch.setattr(fused, "_verdicts", {})
    monkeypatch.setattr(fused, "_waits", lambda device: False)
    monkeypatch.setattr(fused, "_captures", lambda device: True)
    with by_torch():
        want = g.synthesize(a_w(g))
    assert torch.equal(g.synthesize(a_w(g)), want)
    assert not fused._building.locked()
    assert fused._verdicts == {}


@pytest.mark.parametrize("name", ["styles", "fold", "finish", "blur_finish", "to_rgb", "join"])
def test_a_kernel_that_is_wrong_never_plays(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    verdicts: dict[Any, bool] = {"expected": True}  # the fixture is told
    monkeypatch.setattr(fused, "_verdicts", verdicts)
    monkeypatch.setattr(kernels, name, Wrong() if name != "fold" else Broken())
    g = network()
    with caplog.at_level(logging.INFO):
        made = g.synthesize(a_w(g))
        assert torch.equal(g.synthesize(a_w(g)), made)
    with by_torch():
        assert torch.equal(g.synthesize(a_w(g)), made)
    assert verdicts[PROCESSOR] is False
    [record] = caplog.records
    assert "plays by torch's own operators on cpu" in record.message
    assert f"kernel {name}" in record.message


def test_a_kernel_that_fails_later_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    g = network()
    g.synthesize(a_w(g))
    with by_torch():
        want = g.synthesize(a_w(g))
    verdicts: dict[Any, bool] = {"expected": True, PROCESSOR: True}
    monkeypatch.setattr(fused, "_verdicts", verdicts)
    monkeypatch.setattr(kernels, "blur_finish", Broken())
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert torch.equal(g.synthesize(a_w(g)), want)
    [record] = caplog.records
    assert "goes on by torch's own operators" in record.message
    assert "SystemError: no assembler" in record.message


def test_the_check_passes_with_the_tiles_of_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "TILE", 4096)
    monkeypatch.setattr(operations, "PROGRAMS", 16)
    assert check.fault(PROCESSOR) == ""
    assert fused.ready("cpu")
    assert not fused.ready("cuda")
