"""A form that follows a mixture: the parents' pictures at the ends, the mixture's in between, and no tensor missed."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest
import torch
from forms_tools import CLOSE, a_w, eager, far, network
from torch import Tensor

from models.forms.graph import Parts, parts
from models.forms.mixing import can_look_inside, inside, mix_into
from models.forms.packer import Packer
from models.generators import Generator

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # of torch to itself
Row = tuple[float, ...]


class Parents:
    """Mixtures of networks, written into the first as `models.blending` would; it says so, or not."""

    def __init__(self, generator: Generator, others: Sequence[Generator]) -> None:
        assert isinstance(generator, torch.nn.Module)
        self.live = dict(generator.named_parameters())
        copies = [{name: t.detach().clone() for name, t in one.state_dict().items()} for one in (generator, *others)]
        self.parents: Sequence[Mapping[str, Tensor]] = copies
        self.pairs = [(i, j) for i in range(len(copies)) for j in range(i, len(copies))]
        self.mixed: dict[str, tuple[int, tuple[object, Row, bool]]] = {}

    def write(self, row: Row, names: Sequence[str] = (), says: bool = True) -> None:
        for name in names or self.live:
            with torch.inference_mode():
                mix_into(self.live[name], [one[name] for one in self.parents], row)
            if says:
                self.mixed[name] = (self.live[name]._version, ("test", row, False))


@cache
def exported(dtype: torch.dtype, settings: tuple[tuple[str, Any], ...]) -> Parts:
    """What a form of this topology asks for: seconds, so once."""
    generator = network(1, **dict(settings))
    generator.compute_dtype = dtype
    return parts(generator)


class Packs:
    """Two packers of one network: one that follows, one that packs anew."""

    def __init__(self, dtype: torch.dtype = torch.float32, count: int = 1, **settings: Any) -> None:
        self.generator = network(1, **settings)
        others = [network(2 + k, **settings) for k in range(count)]
        self.mixture = Parents(self.generator, others)
        self.whole = exported(dtype, tuple(settings.items()))
        assert isinstance(self.generator, torch.nn.Module)
        weights = dict(self.generator.named_parameters()) | dict(self.generator.named_buffers()) | self.whole.constants
        self.packed = list({one.name: one for piece in self.whole.pieces for one in piece.packed}.values())
        self.quick, self.slow = (Packer(weights, self.whole.steps, self.packed) for _ in range(2))
        self.quick.follow(self.mixture)

    def refresh(self) -> tuple[list[Tensor], list[Tensor]]:
        """What both are given, as numbers."""
        self.quick.refresh()
        self.slow.refresh()
        found = []
        for packer in (self.quick, self.slow):
            pairs = zip(packer.made, self.packed, strict=True)
            found.append([(inside(t, one.dtype) if t.is_mkldnn else t).clone() for t, one in pairs])
        return found[0], found[1]

    def picture(self, w: Tensor) -> Tensor:
        live: dict[str, Tensor] = {"w": w, "noise_strength": torch.tensor(1.0)}
        live |= {one.name: made for one, made in zip(self.packed, self.quick.made, strict=True)}
        piece = self.whole.pieces[0]
        given = [live[name] for name in (*piece.moving, *(one.name for one in piece.packed))]
        with torch.no_grad():
            found: Tensor = piece.module(*given)[-1]
        return found


KINDS: list[tuple[torch.dtype, dict[str, Any]]] = [
    (torch.float32, {}),
    (torch.bfloat16, {}),
    (torch.bfloat16, {"architecture": "resnet"}),
    (torch.float32, {"count": 2}),
]


@pytest.mark.skipif(not can_look_inside(), reason="this torch does not tell where oneDNN keeps its numbers")
@pytest.mark.parametrize(("dtype", "kind"), KINDS)
def test_the_ends_are_exact_and_the_middle_is_near(dtype: torch.dtype, kind: dict[str, Any]) -> None:
    packs = Packs(dtype, **kind)
    count = len(packs.mixture.parents)
    ends = [tuple(float(i == k) for i in range(count)) for k in range(count)]
    for row in (ends[1], (0.75, 0.25), ends[0], (0.1, 0.9), ends[-1]):
        packs.mixture.write(tuple(row) + (0.0,) * (count - len(row)))
        quick, slow = packs.refresh()
        for one, a, b in zip(packs.packed, quick, slow, strict=True):
            if 1.0 in row:
                assert torch.equal(a, b), one
            else:
                unit = 2.0**-22 if one.dtype == "float32" else 2.0**-7
                size = max(float(b.float().abs().max()), 1e-3)
                assert far(a.float(), b.float()) <= 2 * unit * size, one
    if count > 2:
        packs.mixture.write((0.2, 0.3, 0.5))
        quick, slow = packs.refresh()
        assert all(torch.allclose(a.float(), b.float(), rtol=2e-2, atol=2e-2) for a, b in zip(quick, slow, strict=True))


def test_pictures_of_a_mixture() -> None:
    packs = Packs()
    w = a_w(packs.generator)
    for row in ((0.3, 0.7), (0.0, 1.0), (1.0, 0.0)):
        packs.mixture.write(row)
        packs.refresh()
        assert far(packs.picture(w), eager(packs.generator, w)) <= CLOSE


def test_what_is_written_afterwards_or_unsaid_is_packed_anew() -> None:
    packs = Packs()
    weight, bias = "synthesis.b8.conv1.weight", "synthesis.b8.conv1.bias"
    packs.mixture.write((0.3, 0.7))
    packs.refresh()
    packs.mixture.write((0.5, 0.5))
    with torch.no_grad():  # a glitch after the blend
        packs.mixture.live[weight].mul_(-1)
        packs.mixture.live[bias].add_(1)
    quick, slow = packs.refresh()
    w = a_w(packs.generator)
    assert far(packs.picture(w), eager(packs.generator, w)) <= CLOSE
    for one, a, b in zip(packs.packed, quick, slow, strict=True):
        if one.weights[0] in (weight, bias):
            assert torch.equal(a, b)
    packs.mixture.write((0.0, 1.0), [weight], says=False)
    packs.refresh()
    assert far(packs.picture(w), eager(packs.generator, w)) <= CLOSE
    packs.mixture.write((0.5, 0.5))  # and back
    packs.refresh()
    assert far(packs.picture(w), eager(packs.generator, w)) <= CLOSE
    packs.quick.follow(None)
    packs.mixture.write((0.25, 0.75))
    quick, slow = packs.refresh()
    assert all(torch.equal(a, b) for a, b in zip(quick, slow, strict=True))


def test_opposite_filters_leave_no_negative_square() -> None:
    packs = Packs()
    name = "synthesis.b8.conv1.weight"
    packs.mixture.parents[1][name].copy_(packs.mixture.parents[0][name] * -3.0)
    packs.quick.follow(packs.mixture)
    packs.mixture.write((0.75, 0.25))
    quick, _ = packs.refresh()
    squares = [t for one, t in zip(packs.packed, quick, strict=True) if one.name.startswith("sum")]
    assert squares
    assert all((t >= 0).all() for t in squares)


def test_parents_are_not_written() -> None:
    packs = Packs()
    before = [{name: t.clone() for name, t in one.items()} for one in packs.mixture.parents]
    for k in range(20):
        packs.mixture.write((k / 19, 1 - k / 19))
        packs.refresh()
    for was, now in zip(before, packs.mixture.parents, strict=True):
        assert all(torch.equal(t, now[name]) for name, t in was.items())
    packs.mixture.write((1.0, 0.0))
    quick, slow = packs.refresh()  # what was mixed from is what it was: home is exact after it all
    assert all(torch.equal(a, b) for a, b in zip(quick, slow, strict=True))
