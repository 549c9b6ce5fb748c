"""Weights of mixtures: ends are parents bit for bit, what rows L2 to L4 of the methods ask, no parent is written."""

import math
import random
from collections.abc import Hashable, Mapping

import numpy as np
import pytest
import torch
from blending_tools import bits, blend_of, child, digest, family, is_parent, latent, small, tensors
from torch import Tensor

import models
from models.blending import Unmixable
from models.blending.blend import Blend
from models.blending.relatives import Relative
from models.blending.rows import BEYOND, MODELS, blend_knobs
from models.generators import build
from models.resident import Resident

W = "synthesis.b16.conv0.weight"


def test_home_costs_and_changes_nothing() -> None:
    network, resident, parents = family()
    blend = blend_of(network, resident, parents)
    blend.frame({})
    assert blend.marks() == {}
    assert resident.update([blend]) == 0
    assert is_parent(resident, parents[0])


@pytest.mark.parametrize("matched", [0.0, 1.0])
def test_one_hot_is_the_parent_bit_for_bit(matched: float) -> None:
    network, resident, parents = family(3)
    blend = blend_of(network, resident, parents)
    for k in (1, 0, 3, 2, 0):
        weights = {f"model.{i}.weight": float(i == k + 1) for i in range(1, MODELS + 1)}
        blend.frame({"alpha": 0.5, **weights, "norm_match": matched})
        resident.update([blend])
        blend.frame({"alpha": 1.0, **weights, "norm_match": matched})
        resident.update([blend])
        assert is_parent(resident, parents[k])
        assert blend.mapping == tuple(float(i == k) for i in range(4))
        picture = network.synthesize(latent(network))
        other = build("stylegan2", network.config, parents[k])
        assert torch.equal(picture, other.synthesize(latent(other)))
    blend.frame({"alpha": 1.0}, divergence=0.0)
    resident.update([blend])
    assert is_parent(resident, parents[0])


def test_the_middle_is_linear_over_parameters_and_buffers() -> None:
    network, resident, parents = family()
    blend = blend_of(network, resident, parents)
    blend.frame({"alpha": 0.3})
    assert resident.update([blend]) == len(resident.names)
    for name in resident.names:
        a, b = parents[0][name].double(), parents[1][name].double()
        assert (resident.live(name).double() - (0.7 * a + 0.3 * b)).abs().max() <= 1e-6 * (1 + a.abs().max())
    before = {name: bits(resident.live(name)) for name in resident.names}
    blend.frame({"alpha": 0.9})
    resident.update([blend])
    blend.frame({"alpha": 0.3})
    resident.update([blend])
    assert before == {name: bits(resident.live(name)) for name in resident.names}  # no memory of the way


def test_several_parents_at_once() -> None:
    network, resident, parents = family(MODELS - 1)
    blend = blend_of(network, resident, parents)
    weights = [0.1 * k for k in range(1, MODELS + 1)]
    blend.frame({"alpha": 1.0, **{f"model.{k + 1}.weight": w for k, w in enumerate(weights)}})
    resident.update([blend])
    for name in resident.names:
        want = sum(w / sum(weights) * one[name].double() for w, one in zip(weights, parents, strict=True))
        assert isinstance(want, Tensor)
        assert (resident.live(name).double() - want).abs().max() <= 1e-5 * (1 + want.abs().max())
    with pytest.raises(ValueError, match="1 to 7 relatives"):
        Blend(resident, network, [Relative("one more", parents[0])] * MODELS)


def test_a_constant_cascade_is_interpolation_and_a_step_cascade_a_swap() -> None:
    network, resident, parents = family(2)
    blend = blend_of(network, resident, parents)
    layers = len(network.layers)

    def now() -> dict[str, bytes]:
        resident.update([blend])
        return {name: bits(resident.live(name)) for name in resident.names}

    blend.frame({"alpha": 0.375})
    interpolated = now()
    blend.mix([[0.625, 0.375, 0.0]] * layers)
    assert now() == interpolated
    blend.frame({"alpha": 1.0, "swap_resolution": 16})
    swapped = now()
    step = [[0.0, 1.0, 0.0] if int(layer[1:].split(".")[0]) >= 16 else [1.0, 0.0, 0.0] for layer in network.layers]
    blend.mix(step)
    assert now() == swapped
    for name, found in swapped.items():
        high = name.startswith(("synthesis.b16", "synthesis.b32"))
        assert found == bits(parents[high][name]), name
    for end, parent in ((4, 1), (BEYOND, 0)):
        blend.frame({"alpha": 1.0, "swap_resolution": end})
        now()
        assert is_parent(resident, parents[parent])


def test_only_what_changed_is_written() -> None:
    network, resident, parents = family()
    blend = blend_of(network, resident, parents)
    blend.frame({"alpha": 1.0})
    assert resident.update([blend]) == len(resident.names)
    blend.frame({"alpha": 1.0, "level.16": 0.5})
    written = resident.update([blend])
    assert written == sum(name.startswith("synthesis.b16") for name in resident.names)
    blend.frame({"alpha": 1.0, "level.16": 0.5})
    assert resident.update([blend]) == 0


def test_what_is_the_same_in_all_parents_is_left_alone() -> None:
    network, resident, parents = family()
    parents[1] = child(parents[0], 1, noise=False)
    for name in parents[0]:
        if name.endswith("noise_const"):
            parents[1][name] = parents[0][name].clone()
    blend = blend_of(network, resident, parents)
    blend.frame({"alpha": 0.5})
    assert not any(name.endswith("noise_const") for name in blend.marks())
    assert len(blend.marks()) == sum(not name.endswith("noise_const") for name in parents[0])


@pytest.mark.parametrize(
    ("word", "value", "parts"),
    [
        ("mapping", 1, ("mapping.",)),
        ("torgb", 1, (".torgb.",)),
        ("noise", 1, ("noise_const", "noise_strength")),
    ],
)
def test_what_may_be_apart_stays_with_a(word: str, value: int, parts: tuple[str, ...]) -> None:
    network, resident, parents = family()
    blend = blend_of(network, resident, parents)
    blend.frame({"alpha": 1.0, word: value})
    resident.update([blend])
    for name in resident.names:
        apart = any(part in name for part in parts)
        assert bits(resident.live(name)) == bits(parents[not apart][name]), name
    blend.frame({"alpha": 0.0, word: 2})  # all of B's, without the rest
    resident.update([blend])
    for name in resident.names:
        apart = any(part in name for part in parts)
        assert bits(resident.live(name)) == bits(parents[apart][name]), name
    blend.frame({"alpha": 0.0, word: 2}, divergence=0.0)
    resident.update([blend])
    assert is_parent(resident, parents[0])


def test_styles_may_go_with_the_mapping() -> None:
    network, resident, parents = family()
    blend = blend_of(network, resident, parents)
    blend.frame({"alpha": 1.0, "mapping": 1, "affine": 1})  # styles of A drive convolutions of B
    resident.update([blend])
    for name in resident.names:
        of_a = name.startswith("mapping.") or ".affine." in name
        assert bits(resident.live(name)) == bits(parents[not of_a][name]), name
    assert blend.mapping == (1.0, 0.0)
    blend.frame({"alpha": 1.0, "swap_resolution": 16})  # mixed: the mapping is that of the lowest layers
    assert blend.mapping == (1.0, 0.0)
    blend.frame({"alpha": 0.25})
    assert blend.mapping == (0.75, 0.25)


def test_matched_norms_keep_the_length_of_filters() -> None:
    network, resident, parents = family()
    parents[1][W] = -3 * torch.randn(parents[1][W].shape)  # a stranger's filters, and longer ones
    blend = blend_of(network, resident, parents)

    def norms(t: Tensor) -> Tensor:
        found: Tensor = torch.linalg.vector_norm(t.flatten(1), dim=1)
        return found

    blend.frame({"alpha": 0.5})
    resident.update([blend])
    plain = norms(resident.live(W))
    blend.frame({"alpha": 0.5, "norm_match": 1.0})
    resident.update([blend])
    want = 0.5 * norms(parents[0][W]) + 0.5 * norms(parents[1][W])
    assert torch.allclose(norms(resident.live(W)), want, rtol=1e-5)
    assert (plain < 0.9 * want).all()
    a, b = (one[W].flatten(1) / norms(one[W])[:, None] for one in parents)
    direction = resident.live(W).flatten(1) / want[:, None]
    assert torch.allclose((direction * a).sum(1), (direction * b).sum(1), atol=1e-5)  # half-way between directions
    parents[1][W] = -parents[0][W]  # nothing is left of a filter: it is small, not NaN
    blend = blend_of(network, resident, parents)
    blend.frame({"alpha": 0.5, "norm_match": 1.0})
    resident.update([blend])
    assert torch.isfinite(resident.live(W)).all()


@pytest.mark.parametrize("matched", [False, True])
def test_one_by_one_and_by_lists_is_the_same(matched: bool) -> None:
    """What a card does, and what a stage before the blend asks for."""
    network, resident, parents = family(2)
    blend = blend_of(network, resident, parents)
    for values in ({"alpha": 0.4}, {"alpha": 0.7, "model.3.weight": 0.5}, {"alpha": 1.0, "swap_resolution": 16}):
        blend.frame({**values, "norm_match": float(matched)})
        resident.update([])
        resident.update([blend])
        for name in blend.marks():
            out = torch.empty_like(resident.live(name))
            blend.write(name, resident.home(name), out)
            assert torch.allclose(out, resident.live(name), rtol=1e-5, atol=1e-7), name
        lists = {name: resident.live(name).clone() for name in blend.marks()}
        names = [name for name in blend._parents.differing if name in blend.marks()]
        block, resident.block = resident.block, None  # as on a card
        for name in names:
            resident.live(name).zero_()
        blend._parents.write_home(names, [blend._marks[name] for name in names], resident)
        resident.block = block
        for name, t in lists.items():
            assert torch.allclose(t, resident.live(name), rtol=1e-5, atol=1e-7), name


def test_stylegan3_with_its_magnitudes() -> None:
    torch.manual_seed(0)
    network = build("stylegan3", {"img_resolution": 16, "channel_base": 128, "channel_max": 8, "z_dim": 8, "w_dim": 8})
    parents = [tensors(network)]
    parents.append({n: t if n.endswith("_filter") else t * 1.5 for n, t in parents[0].items()})
    resident = Resident(network)
    blend = blend_of(network, resident, parents)
    blend.frame({"alpha": 1.0})
    resident.update([blend])
    assert is_parent(resident, parents[1])
    blend.frame({"alpha": 0.5})
    resident.update([blend])
    layer = network.layers[3]
    assert float(resident.live(f"synthesis.{layer}.magnitude_ema")) == 1.25
    assert torch.isfinite(network.synthesize(latent(network))).all()
    blend.frame({"alpha": 1.0, "swap_resolution": 8})
    resident.update([blend])
    owners = [float(resident.live(f"synthesis.{layer}.magnitude_ema")) for layer in network.layers[1:]]
    assert owners == sorted(owners)
    assert set(owners) == {1.0, 1.5}


class Glitch:
    """A later stage that does what rewriting does: in place, by a number, on some tensors."""

    def __init__(self) -> None:
        self.now: dict[str, Hashable] = {}

    def marks(self) -> Mapping[str, Hashable]:
        return self.now

    def write(self, name: str, before: Tensor, out: Tensor) -> None:
        amount = self.now[name]
        assert isinstance(amount, float)
        if out is not before:
            out.copy_(before)
        out.mul_(1 - amount).add_(before.flip(0) if out is not before else out.flip(0), alpha=amount)


def test_parents_stay_as_they_are_over_ten_thousand_random_operations() -> None:
    network, resident, parents = family(3, img_resolution=8, channel_max=4)
    blend, glitch = blend_of(network, resident, parents), Glitch()
    given = [digest(one) for one in parents]
    held = [digest(dict(sorted(blend.parents[k].items()))) for k in range(4)]
    home = digest({name: resident.home(name) for name in resident.names})
    draw = random.Random(0)
    knobs = blend_knobs()
    values: dict[str, float] = {}
    for k in range(10_000):
        knob = draw.choice(knobs)
        values[knob.name] = draw.choice(
            [knob.low, knob.high, knob.default, draw.uniform(knob.low, knob.high), math.nan]
        )
        if draw.random() < 0.5:
            values["alpha"] = draw.random()
        if draw.random() < 0.3:
            glitch.now = {name: draw.random() for name in draw.sample(resident.names, draw.randrange(4))}
        blend.frame(values, draw.choice([0.0, 1.0, draw.random()]))
        resident.update([blend, glitch])
        if k % 500 == 0:
            assert all(torch.isfinite(resident.live(name)).all() for name in resident.names)
    assert [digest(one) for one in parents] == given
    assert [digest(dict(sorted(blend.parents[k].items()))) for k in range(4)] == held
    assert digest({name: resident.home(name) for name in resident.names}) == home
    glitch.now = {}
    blend.frame(values, 0.0)
    resident.update([blend, glitch])
    assert is_parent(resident, parents[0])


def test_another_blend_in_its_place_writes_anew() -> None:
    network, resident, parents = family(2)
    first = blend_of(network, resident, parents[:2])
    second = blend_of(network, resident, [parents[0], parents[2]])
    for blend, parent in ((first, 1), (second, 2), (first, 1)):
        blend.frame({"alpha": 1.0})
        resident.update([blend])
        assert is_parent(resident, parents[parent])


def test_other_shapes_are_told_and_a_mapping_of_another_depth_stays_home() -> None:
    network, resident, parents = family()
    wide = tensors(small(1, channel_max=6))
    with pytest.raises(
        Unmixable, match=r"wide is of another shape \(synthesis\.b4\.const is \[6, 4, 4\], not \[12, 4, 4\]\)"
    ):
        Blend(resident, network, [Relative("wide", wide)])
    with pytest.raises(Unmixable, match=r"larger has|has no synthesis"):
        blend_of(network, resident, [parents[0], tensors(small(1, img_resolution=16))])
    with pytest.raises(Unmixable, match="other is a stylegan3, not a stylegan2: crossfade"):
        Blend(resident, network, [Relative("other", parents[0], "stylegan3")])
    deep = child(tensors(small(0, mapping_layers=3)), 1)
    blend = Blend(resident, network, [Relative("deep", deep)])
    assert blend.muted == ("the mapping of deep is of another shape (mapping.fc2.weight); the mapping stays at home",)
    blend.frame({"alpha": 1.0})
    resident.update([blend])
    for name in resident.names:
        want = parents[0] if name.startswith("mapping.") else deep
        assert bits(resident.live(name)) == bits(want[name]), name
    assert np.array_equal(blend.mappings.w_avgs[0], blend.mappings.w_avgs[1])


@pytest.fixture(scope="module")
def shipped() -> tuple[Relative, dict[str, Tensor]]:
    """The shipped network and a relative: its weights gone some way, far enough for another picture."""
    from models.blending.relatives import read

    with torch.no_grad():
        a = read("first-light")
        b = child(a.tensors, 7, 0.15, noise=False)
        for resolution in (128, 256):  # a coarser hand
            b[f"synthesis.b{resolution}.torgb.weight"] *= 2
        return a, b


def test_a_swap_takes_structure_from_one_and_texture_from_the_other(
    shipped: tuple[Relative, dict[str, Tensor]],
) -> None:
    _, b = shipped
    network = models.load("first-light")
    resident = Resident(network)
    blend = Blend(resident, network, [Relative("other", b)])
    z = torch.randn(20, network.z_dim, generator=torch.Generator().manual_seed(0))

    def pictures(**values: float) -> Tensor:
        blend.frame(values)
        resident.update([blend])
        # One w for all: what is asked is what the layers do with it.
        return torch.cat([network.synthesize(one[None]) for one in w])

    w = network.map(z, truncation_psi=0.7)
    of_a, of_b = pictures(alpha=0.0), pictures(alpha=1.0)
    swapped = pictures(alpha=1.0, swap_resolution=64)

    def small(x: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, 8)

    def spectrum(x: Tensor) -> Tensor:
        """Power by frequency in the upper octaves, [N, F]."""
        power = torch.fft.rfft2(x.mean(1)).abs().square()
        fy, fx = torch.fft.fftfreq(256)[:, None].abs(), torch.fft.rfftfreq(256)[None]
        ring = (torch.hypot(fy, fx) * 32).long()
        return torch.stack([power[:, ring == k].mean(1) for k in range(6, 16)], 1).log()

    def nearer(what: Tensor, to: Tensor, than: Tensor) -> float:
        near, far = ((what - one).flatten(1).norm(dim=1) for one in (to, than))
        return float((near < far).float().mean())

    assert nearer(small(swapped), small(of_a), small(of_b)) >= 0.9
    assert nearer(spectrum(swapped), spectrum(of_b), spectrum(of_a)) >= 0.9
