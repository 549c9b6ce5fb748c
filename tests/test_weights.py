"""What every shipped network promises. Walks the folder: a new file is covered without an edit here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import models
from models.checkpoints.io import read_header

SHIPPED = models.shipped()


def test_there_is_one_that_we_trained() -> None:
    assert "first-light" in SHIPPED


@pytest.mark.parametrize("path", SHIPPED.values(), ids=SHIPPED.keys())
def test_its_card_says_where_it_comes_from(path: Path) -> None:
    card = path.with_suffix(".md")
    assert card.is_file(), f"{path.name} needs its card {card.name}"
    text = card.read_text(encoding="utf-8").lower()
    for word in ("data", "licence", "recipe", "seed"):
        assert word in text, f"{card.name} says nothing of its {word}"
    assert read_header(path).card.get("description"), "the card inside the file needs a description for the menu"


@pytest.mark.parametrize("path", SHIPPED.values(), ids=SHIPPED.keys())
def test_it_is_small_enough_to_ship(path: Path) -> None:
    assert path.stat().st_size < 50_000_000


@torch.no_grad()
@pytest.mark.parametrize("path", SHIPPED.values(), ids=SHIPPED.keys())
def test_it_loads_and_makes_pictures_that_differ(path: Path) -> None:
    network = models.load(path)
    z = torch.randn([4, network.z_dim], generator=torch.Generator().manual_seed(7))
    pictures = network.synthesize(network.map(z, truncation_psi=0.7))
    assert pictures.shape == (4, network.img_channels, network.img_resolution, network.img_resolution)
    assert torch.isfinite(pictures).all()
    assert pictures.std() > 0.05, "the picture is flat"
    assert pictures.std(0).mean() > 0.03, "every seed gives the same picture"
