"""Steps of an optimiser where memory is short: the batch is made in parts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_tools import gan

from models.training.discriminator import Discriminator
from models.training.engine import Engine, fabric
from models.training.running import Halted


def room_for(room: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A critic on a device with room for so many pictures at once; how many it was given each time."""
    whole, given = Discriminator.forward, list[int]()

    def forward(critic: Discriminator, image: Tensor) -> Tensor:
        if len(image) > room:
            raise torch.OutOfMemoryError("CUDA out of memory (a stand-in)")
        given.append(len(image))
        return whole(critic, image)

    monkeypatch.setattr(Discriminator, "forward", forward)
    return given


def test_a_full_gpu_makes_the_batch_in_parts(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = room_for(2, monkeypatch)
    result = gan(tmp_path, folder, batch=8)
    assert result.steps == 8
    assert max(given) == 2
    assert "the batch of 8 is now made in 2 parts" in caplog.text
    assert "in 4 parts whose gradients add up" in caplog.text
    parts = torch.load(tmp_path / "checkpoints" / "step-0000008.pt", weights_only=True)["parts"]
    assert parts == 4, "kept for a run that goes on"


def test_no_room_for_one_picture_is_said(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room_for(0, monkeypatch)
    with pytest.raises(Halted, match=r"one picture at a time.*--size.*--device cpu"):
        gan(tmp_path, folder)


def test_parts_add_up_to_the_same_step() -> None:
    """Four parts of a batch give the gradient of the whole."""
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))

    def step(parts: int) -> tuple[float, Tensor]:
        weight, rng = torch.nn.Parameter(torch.ones(3)), torch.Generator()
        descend = Engine(fabric(), parts).descend
        loss = descend(torch.optim.SGD([weight], 0.1), 7, lambda part: (x[part] @ weight).square().mean(), rng)
        return loss, weight.detach()

    ends = step(1), step(4)
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-5)
    assert torch.allclose(ends[0][1], ends[1][1], atol=1e-6)
    assert not torch.equal(ends[0][1], torch.ones(3))


def test_a_step_that_is_tried_again_draws_the_same_numbers() -> None:
    drawn: list[list[float]] = []
    weight, rng = torch.nn.Parameter(torch.ones(1)), torch.Generator().manual_seed(3)

    def loss(part: slice) -> Tensor:
        drawn.append(torch.rand(part.stop - part.start, generator=rng).tolist())
        if len(drawn) == 1:
            raise torch.OutOfMemoryError
        return weight.sum()

    Engine(fabric()).descend(torch.optim.SGD([weight], 0.1), 4, loss, rng)
    assert drawn[1] + drawn[2] == drawn[0]
