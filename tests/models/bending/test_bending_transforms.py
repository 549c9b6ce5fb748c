"""Every transform keeps its promises, whatever file is added to the folder; the author's agree with his program."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bending_tools import maps
from torch import Tensor

from models.bending import native, warp
from models.bending.morphology import half_widths
from models.bending.transforms import Transform, transforms

GOLDEN = Path(__file__).parents[2] / "golden" / "bend-ops.ref.npz"
EVERY = pytest.mark.parametrize("transform", transforms().values(), ids=list(transforms()))
SHAPES = [(1, 8, 8, 8), (3, 5, 12, 18), (2, 4, 9, 1), (1, 1, 36, 36)]


def played(
    transform: Transform, x: Tensor, values: Mapping[str, float], chosen: bool = False, margin: float = 2.0
) -> Tensor:
    """The transform with its knobs as tensors, and the other things that it asks for."""
    arguments: dict[str, Any] = {name: torch.tensor(value) for name, value in values.items()}
    if "margin" in transform.extras and min(x.shape[2:]) > 2 * margin:
        arguments["margin"] = margin
    if "memory" in transform.extras:
        arguments["memory"] = x.flip(3).contiguous()
    if "dt" in transform.extras:
        arguments["dt"] = torch.tensor(0.02)
    if chosen:
        arguments |= transform.hints(values)
    return transform.apply(x, **arguments)


def settings(transform: Transform, count: int = 6) -> list[dict[str, float]]:
    """Corners of the knobs' spans, then places inside."""
    rng = np.random.RandomState(0)
    corners = itertools.product(*[(knob.low, knob.high) for knob in transform.knobs])
    found = [
        dict(zip([k.name for k in transform.knobs], corner, strict=True)) for corner in itertools.islice(corners, 8)
    ]
    inside = [
        {knob.name: float(rng.uniform(knob.low, knob.high)) for knob in transform.knobs}
        for _ in range(count if transform.knobs else 0)
    ]
    return found + inside


@EVERY
def test_has_words_and_sound_knobs(transform: Transform) -> None:
    assert transform.doc.endswith(".")
    assert all(knob.doc and knob.low < knob.high for knob in transform.knobs)
    assert set(transform.neutral) <= {knob.name for knob in transform.knobs}


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_makes_a_new_map_of_the_same_kind_and_leaves_the_old(transform: Transform, dtype: torch.dtype) -> None:
    for shape, last in itertools.product(SHAPES, (True, False)):
        x = maps(*shape, dtype=dtype)
        x = x if last else x.contiguous()
        before = x.clone()
        for values in settings(transform, 1)[-2:]:
            made = played(transform, x, values)
            assert made.shape == x.shape
            assert made.dtype == dtype
            assert torch.equal(x, before), "the input was written to"
            assert made.untyped_storage().data_ptr() != x.untyped_storage().data_ptr(), "the result aliases the input"
            again = played(transform, x, values)
            assert torch.equal(made, again), "not a function of its arguments"


@EVERY
def test_is_the_identity_at_its_neutral_values(transform: Transform) -> None:
    if not transform.neutral:
        assert not transform.is_home({knob.name: knob.default for knob in transform.knobs})
        return
    for values in settings(transform, 3):
        rest = values | {knob.name: knob.default for knob in transform.knobs if knob.name in transform.neutral}
        assert transform.is_home(rest)
        for dtype, shape in itertools.product((torch.float32, torch.bfloat16), SHAPES):
            x = maps(*shape, dtype=dtype)
            assert torch.equal(played(transform, x, rest), x)


@EVERY
def test_does_something(transform: Transform) -> None:
    x = maps(1, 8, 16, 16)
    assert any(not torch.equal(played(transform, x, values), x) for values in settings(transform) or [{}])


@EVERY
def test_stays_finite_over_the_whole_span(transform: Transform) -> None:
    for scale, dtype in ((1.0, torch.float32), (1e6, torch.float32), (0.0, torch.float32), (1e6, torch.bfloat16)):
        x = maps(1, 3, 7, 8, dtype=dtype) * scale
        for values in settings(transform, 4):
            assert played(transform, x, values).isfinite().all(), values


@EVERY
def test_treats_the_pictures_of_a_batch_alike(transform: Transform) -> None:
    x = maps(3, 4, 10, 10)
    for values in settings(transform, 2)[-2:]:
        together = played(transform, x, values)
        for k in range(3):
            assert torch.allclose(together[k : k + 1], played(transform, x[k : k + 1], values), atol=1e-5)


@pytest.mark.parametrize("machine_code", [True, False], ids=["machine code", "torch"])
def test_what_remembers_gives_nothing_that_is_no_number(machine_code: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not machine_code:
        monkeypatch.setattr(native.KERNELS, "library", None)
    elif not native.prepare():
        pytest.skip(native.KERNELS.problem)
    wrong = torch.tensor([float("nan"), float("inf"), float("-inf"), 1e30, -1e30])
    for transform in (one for one in transforms().values() if "memory" in one.extras):
        for dtype, values in itertools.product((torch.float32, torch.bfloat16), settings(transform, 2)):
            x = maps(1, 5, 6, 7)
            x[0, :, 0, 0] = wrong
            made = played(transform, x.to(dtype), values)
            limit = torch.tensor(warp.LIMIT, dtype=dtype)
            assert made.isfinite().all()
            assert made.abs().max() <= limit, values


@EVERY
def test_what_the_host_chooses_changes_nothing(transform: Transform) -> None:
    if transform.choose is None:
        return
    x = maps(1, 4, 20, 22)
    rng = np.random.RandomState(1)
    for _ in range(12):
        values = {
            k.name: float(rng.choice([rng.uniform(k.low, k.high), rng.randint(k.low, k.high + 1)]))
            for k in transform.knobs
        }
        assert torch.allclose(played(transform, x, values, chosen=True), played(transform, x, values), atol=1e-5), (
            values
        )


@EVERY
def test_channels_that_are_bent_apart_are_bent_alike(transform: Transform) -> None:
    x, some = maps(1, 8, 10, 12), [1, 4, 6]
    for values in settings(transform, 2)[-2:]:
        apart = played(transform, x[:, some], values)
        assert torch.allclose(played(transform, x, values)[:, some], apart, atol=1e-5) or transform.together


def golden() -> list[str]:
    with np.load(GOLDEN) as arrays:
        return [name for name in arrays if not name.startswith(("in/", "ellipse/"))]


@pytest.mark.parametrize("machine_code", [True, False], ids=["machine code", "torch"])
@pytest.mark.parametrize("case", golden())
def test_agrees_with_the_authors_operators(case: str, machine_code: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV rounds places of fractional warps to 1/32 pixel; rounding alike, all agree."""
    if not machine_code:
        monkeypatch.setattr(native.KERNELS, "library", None)
    elif not native.prepare():
        pytest.skip(native.KERNELS.problem)
    kind, size, *given = case.split("/")
    with np.load(GOLDEN) as arrays:
        x, want = torch.from_numpy(arrays[f"in/{size}"])[None, None], torch.from_numpy(arrays[case])
    transform = transforms()[kind.replace("-", "_")]
    numbers = [float(number) for number in given[0].split(",")] if given else []
    knobs = {knob.name: number for knob, number in zip(transform.knobs, numbers, strict=False)}
    off = (played(transform, x, knobs, margin=0.0)[0, 0] - want).abs()
    fractional = kind in ("rotate", "scale", "translate") and given[0] not in ("90.0", "0.5", "2.0", "0.25,0.0")
    if not fractional:
        assert off.max() <= (1e-6 if kind == "scale" else 0)
        return
    assert off.mean() <= 0.02
    monkeypatch.setattr(warp, "FINEST", 32.0)
    off = (played(transform, x, knobs, margin=0.0)[0, 0] - want).abs()
    assert (off <= 1e-5).float().mean() >= 0.9  # the rest: its matrix, too, is rounded


def test_the_ellipse_is_the_authors() -> None:
    with np.load(GOLDEN) as arrays:
        for radius in range(1, 9):
            element = arrays[f"ellipse/{radius}"]
            widths = half_widths(radius)
            assert [int(row.sum()) for row in element] == [2 * widths[abs(dy)] + 1 for dy in range(-radius, radius + 1)]


def test_a_radius_between_two_glides() -> None:
    x = maps(1, 3, 16, 16)
    dilate = transforms()["dilate"]
    low, middle, high = (played(dilate, x, {"radius": radius}) for radius in (2.0, 2.25, 3.0))
    assert torch.allclose(middle, torch.lerp(low, high, 0.25))
    assert (low <= middle).all()
    assert (middle <= high).all()


def test_a_mirrored_edge_brings_in_the_map_and_no_black() -> None:
    x = maps(1, 2, 8, 8).abs() + 1
    translate = transforms()["translate"]
    black = translate.apply(x, right=torch.tensor(0.5))
    mirrored = translate.apply(x, right=torch.tensor(0.5), edge=torch.tensor(1.0))
    assert (black[..., :4] == 0).all()
    assert torch.equal(mirrored[..., :4], x[..., 1:5].flip(3))
    assert torch.equal(mirrored[..., 4:], x[..., :4])


def test_a_map_with_a_margin_moves_by_parts_of_the_picture() -> None:
    x = maps(1, 2, 36, 36)  # 16 pixels of picture, 10 around it
    moved = transforms()["translate"].apply(x, right=torch.tensor(0.25), margin=10.0)
    assert torch.equal(moved[..., 4:], x[..., :-4])


def test_feedback_fades_by_the_clock_and_not_by_the_frame() -> None:
    feedback, x = transforms()["feedback"], torch.zeros(1, 1, 4, 4)
    for rate in (30, 120):
        memory = torch.ones(1, 1, 4, 4)
        for _ in range(rate):
            memory = feedback.apply(x, hold=torch.tensor(0.5), dt=torch.tensor(1 / rate), memory=memory)
        assert memory.mean() == pytest.approx(0.25, rel=1e-3)


def test_sorted_rows_are_the_same_pixels_in_order() -> None:
    x = maps(1, 3, 6, 10)
    made = transforms()["pixel_sort"].apply(x, threshold=torch.tensor(0.0))
    assert torch.equal(made.sum(1).sort(2).values, x.sum(1).sort(2).values) or torch.allclose(
        made.sum((1, 3)), x.sum((1, 3)), atol=1e-5
    )
    darkest = int(x.mean(1).flatten().argmin())
    whole_rows = [row for row in range(6) if row != darkest // 10]
    mean = made.mean(1)[0, whole_rows]
    assert (mean.diff(dim=1) >= -1e-6).all()
