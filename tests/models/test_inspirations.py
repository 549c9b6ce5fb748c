"""Families of drawn pictures, and networks that were taught them. Walks the folder: a new file is covered as it is."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  its name everywhere

import models
from models import training
from models.blending.relatives import lineage
from models.checkpoints import io
from models.generators.stylegan2 import StyleGAN2
from models.training import course as maths
from models.training import data, inspirations, teaching
from models.training.course import Course, Lesson

FAMILIES = inspirations.families()
SIZE = 48


def numbers(name: str, seed: int) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal(inspirations.family(name).DIMENSIONS)).float()


def test_there_are_some_and_a_wrong_name_is_said() -> None:
    assert {"bloom", "ink", "masks"} <= set(FAMILIES)
    with pytest.raises(KeyError, match=r"no inspiration 'maks'; there are .*masks"):
        inspirations.family("maks")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_says_what_it_is(name: str) -> None:
    drawn = inspirations.family(name)
    assert drawn.ABOUT
    assert "\n" not in drawn.ABOUT
    assert 1 <= drawn.DIMENSIONS <= 64


@pytest.mark.parametrize("name", FAMILIES)
def test_pictures_are_whole_bright_enough_and_differ(name: str) -> None:
    pictures = torch.stack([inspirations.family(name).draw(numbers(name, k), SIZE) for k in range(6)])
    assert pictures.shape == (6, 3, SIZE, SIZE)
    assert torch.isfinite(pictures).all()
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert 0.05 < float(pictures.mean()) < 0.6
    assert float(pictures.std(0).mean()) > 0.05, "every picture is the same"


@pytest.mark.parametrize("name", FAMILIES)
def test_p_decides_everything_and_the_ends_of_it_hold(name: str) -> None:
    draw, p = inspirations.family(name).draw, numbers(name, 1)
    before = p.clone()
    assert torch.equal(draw(p, SIZE), draw(p, SIZE))
    assert torch.equal(p, before)
    for far in (-6.0, 0.0, 6.0):
        assert torch.isfinite(draw(torch.full_like(p, far), SIZE)).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_each_number_of_p_does_something_and_no_small_step_is_a_jump(name: str) -> None:
    draw, p = inspirations.family(name).draw, torch.zeros(inspirations.family(name).DIMENSIONS)
    home = draw(p, SIZE)
    for i in range(len(p)):
        step = torch.zeros_like(p)
        step[i] = 1
        near, far = (float((draw(p + size * step, SIZE) - home).abs().mean()) for size in (0.01, 1.0))
        assert far > 1e-3, f"p[{i}] moves nothing"
        assert near < 0.1 * far + 1e-4, f"p[{i}] jumps"


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_picture_at_every_size(name: str) -> None:
    scene = inspirations.scene(name)
    large, small = (data.bank(scene, 2, size, 3).float() for size in (2 * SIZE, SIZE))
    assert float((F.avg_pool2d(large, 2) - small).abs().mean()) < 6


TINY = Course(
    name="tiny",
    family="ink",
    seed=3,
    lessons=(Lesson(16, 3, 4, 8), Lesson(32, 3, 4, 8, critic=0.1)),
    description="for the tests",
    patch=16,
)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def parent() -> teaching.Parent:
    return teaching.parent_of(TINY)


def test_p_in_place_of_w_is_the_same_network(parent: teaching.Parent) -> None:
    network, measured = parent.network, parent.measured
    count = measured.read.shape[1]
    assert torch.allclose(measured.write @ measured.read, torch.eye(count), atol=1e-4)
    spread = maths.coordinates(network, measured, 200).std(0)
    assert ((spread > 0.8) & (spread < 1.25)).all()
    state = teaching.begin(dataclasses.replace(TINY, lessons=(Lesson(256, 1, 1, 1),)), parent)
    p = torch.randn(1, count, generator=torch.Generator().manual_seed(1))
    w = (measured.centre + p @ measured.write)[:, None].expand(-1, network.num_ws, -1)
    with torch.no_grad():
        theirs = network.synthesize(w)
        assert torch.allclose(teaching.show(state.average, p, noise_mode="const"), theirs, atol=2e-3)
        back = teaching.finished(TINY, state)
        assert torch.allclose(back.synthesize(w), theirs, atol=2e-3)


def weights(state: teaching.State) -> dict[str, Tensor]:
    return {f"{n}.{k}": t.clone() for n in teaching.NETWORKS for k, t in getattr(state, n).state_dict().items()}


def test_a_killed_course_goes_on_with_the_same_numbers(tmp_path: Path, parent: teaching.Parent) -> None:
    whole = teaching.run(TINY, tmp_path / "whole", progress=False)
    short = dataclasses.replace(TINY, lessons=TINY.lessons[:1])
    state = teaching.begin(short, parent)
    bank = teaching.draw(short, parent, short.lessons[0], tmp_path, progress=False)
    for _ in range(2):
        losses = teaching.step(state, bank, short)
        assert all(np.isfinite(v) for v in losses.values())
    teaching.save(state, tmp_path / "checkpoint.pt")
    broken = teaching.run(TINY, tmp_path, progress=False)
    want, have = weights(whole), weights(broken)
    assert all(torch.equal(want[name], have[name]) for name in want)
    assert list((tmp_path / "whole").glob("sheet-1-32-*.png"))


def test_a_lesson_brings_the_pictures_nearer(tmp_path: Path, parent: teaching.Parent) -> None:
    course = dataclasses.replace(TINY, lessons=(Lesson(16, 30, 8, 16),))
    bank = teaching.draw(course, parent, course.lessons[0], tmp_path, progress=False)
    state = teaching.begin(course, parent)
    losses = [teaching.step(state, bank, course)["away"] for _ in range(30)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_the_loss_is_zero_only_there_and_sees_what_is_soft() -> None:
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(5)) * 2 - 1
    assert maths.lesson_loss(x, x) == 0
    soft = F.avg_pool2d(x, 3, 1, 1)
    assert maths.lesson_loss(soft, x, 1.0) > maths.lesson_loss(soft, x, 0.0) > 0


def test_contrast_asks_for_its_amount_and_not_for_its_place() -> None:
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(5)) * 2 - 1
    moved, soft = x.roll(1, 3), F.avg_pool2d(x, 3, 1, 1)
    assert maths.contrast(x).shape == (2, 6, 6, 6)
    assert (maths.contrast(moved) - maths.contrast(x)).abs().mean() < 0.1
    assert (maths.contrast(soft) - maths.contrast(x)).abs().mean() > 0.5
    assert maths.lesson_loss(x, x, contrast_weight=4.0) == 0
    assert maths.lesson_loss(soft, x, contrast_weight=4.0) > maths.lesson_loss(soft, x) + 1


def test_what_is_not_full_size_is_not_finished(parent: teaching.Parent) -> None:
    with pytest.raises(ValueError, match="only reached 16x16"):
        teaching.finished(TINY, teaching.begin(TINY, parent))


def test_train_leaves_a_relative_that_names_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course = dataclasses.replace(TINY, lessons=(Lesson(16, 1, 1, 2), Lesson(256, 1, 1, 2)))
    monkeypatch.setattr(training, "load_recipe", {"tiny": course}.__getitem__)
    made = training.train("tiny", tmp_path, bf16=False, progress=False)
    assert made == tmp_path / "tiny.safetensors"
    card = io.read_header(made).card
    assert (card["recipe"], card["seed"], card["steps"]) == ("tiny", TINY.seed, 2)
    assert card["ancestry"][-1]["name"] == "first-light"
    source = io.read_header(models.shipped()["first-light"]).card
    assert lineage(card) & lineage(source)
    assert models.load(made).img_resolution == 256


def courses() -> list[Course]:
    loaded = [training.load_recipe(name) for name in training.recipe_names()]
    return [recipe for recipe in loaded if isinstance(recipe, Course)]


RELATIVES = [course for course in courses() if course.name in models.shipped()]


@pytest.mark.parametrize("course", courses(), ids=lambda c: c.name)
def test_a_course_names_a_family_and_a_parent_that_exist(course: Course) -> None:
    assert course.family in FAMILIES
    assert course.parent in models.shipped()
    assert course.lessons[-1].resolution == 256


@pytest.mark.parametrize("course", RELATIVES, ids=lambda c: c.name)
def test_a_relative_is_kin(course: Course, parent: teaching.Parent) -> None:
    path = models.shipped()[course.name]
    step = io.read_header(path).card["ancestry"][-1]
    assert step["name"] == course.parent
    source = models.shipped()[course.parent]
    assert step["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest(), "taught from another file than is shipped"
    network = models.load(path)
    assert isinstance(network, StyleGAN2)
    theirs, ours = parent.network.state_dict(), network.state_dict()
    assert all(torch.equal(t, ours[n]) for n, t in theirs.items() if n.startswith("mapping."))


@pytest.mark.parametrize("course", RELATIVES, ids=lambda c: c.name)
def test_a_relative_shows_its_family_at_seeds_it_was_never_shown(course: Course) -> None:
    network = models.load(models.shipped()[course.name])
    assert isinstance(network, StyleGAN2)
    drawn = inspirations.family(course.family)
    measured = maths.axes(network, drawn.DIMENSIONS)
    z = torch.stack([data.seed_z(500_000 + k, network.z_dim) for k in range(8)])
    with torch.no_grad():
        w = network.map(z, truncation_psi=1.0)
        made = network.synthesize(w)
    p = ((w[:, 0] - measured.centre) @ measured.read).clamp(-maths.FARTHEST, maths.FARTHEST)
    wanted = torch.stack([drawn.draw(one, 256) for one in p]) * 2 - 1
    alike = [
        float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) for a, b in zip(made, wanted, strict=True)
    ]
    assert np.mean(alike) > 0.8
    crossed = [
        float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])
        for a, b in zip(made, wanted.roll(1, 0), strict=True)
    ]
    assert np.mean(alike) > np.mean(crossed) + 0.1
