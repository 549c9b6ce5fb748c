"""Critics on disk: a discriminator as a safetensors file with its configuration and card, like a network that is
played, though it is none.

The critic of a shipped network lies beside it as NAME.critic.safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import models
from models.checkpoints import Refused, io
from models.generators import Generator
from models.training.discriminator import ARCHITECTURE, Discriminator

SUFFIX = ".critic.safetensors"


def save(path: Path, critic: Discriminator, card: Mapping[str, Any], half: bool = False) -> None:
    """Write a critic beside, then rename it over `path`. OSError as by any write."""
    io.save(path, cast(Generator, critic), card, half)  # it has what a file says: architecture, config, state_dict


def load(path: Path) -> Discriminator:
    """The critic in a file of ours, in evaluation mode, without gradients. Raises Refused."""
    header, tensors = io.read(path)
    if header.architecture != ARCHITECTURE:
        raise Refused(
            f"{path}: holds a {header.architecture}, not a critic. perform train writes critics, *{SUFFIX}, beside "
            f"what they judged."
        )
    try:
        critic = Discriminator(**header.config)
        critic.load_state_dict(tensors)
    except (TypeError, *io.UNBUILDABLE) as error:
        raise Refused(f"{path}: its critic cannot be built ({error}). Train it again.") from error
    return critic.eval().requires_grad_(False)


def critic_of(parent: str) -> Path | None:
    """The critic that a network was trained against, where it is known: of a shipped name, or beside a file."""
    shipped = models.shipped().get(parent)
    beside = (shipped or Path(parent)).with_suffix("")
    path = beside.with_name(beside.name + SUFFIX)
    return path if path.is_file() else None
