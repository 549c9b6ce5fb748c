"""What architectures share: weights fit a network or do not; and where there is no mapping, z is w."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.generators import Scalar
from models.generators.plain.block import memory, places, within


def drawn_in(
    z: Tensor, centre: Tensor, c: Tensor | None, truncation_psi: Scalar, truncation_cutoff: int | None
) -> Tensor:
    """z [N, z_dim] -> w [N, 1, z_dim]: z itself, drawn towards `centre` [z_dim] by psi. ValueError if there is a
    label.
    """
    if c is not None:
        raise ValueError("this network has no labels; c is not wanted")
    ws = z.float().unsqueeze(1)
    if truncation_cutoff == 0 or (not isinstance(truncation_psi, Tensor) and truncation_psi == 1):
        return ws.clone()
    return centre + truncation_psi * (ws - centre)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Give a network its weights, to play. ValueError names what is missing, foreign or of another shape."""
    own = network.state_dict()
    wrong = [f"missing {n}" for n in own if n not in tensors] + [f"unknown {n}" for n in tensors if n not in own]
    wrong += [
        f"{n} is {list(t.shape)}, not {list(own[n].shape)}"
        for n, t in tensors.items()
        if n in own and t.shape != own[n].shape
    ]
    if wrong:
        raise ValueError(f"the weights do not fit this {what}: {'; '.join(wrong[:4])}" + (" ..." if wrong[4:] else ""))
    with torch.inference_mode(False), torch.no_grad():  # what is made here is written for hours, and watched
        network.load_state_dict(_laid_out(network.state_dict(keep_vars=True), tensors), assign=True)
    network.requires_grad_(False)


def _laid_out(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors with these numbers: the only copy, read once from where they are (a mapped file)."""
    found, size = places(own)
    block = memory(size)
    made = {
        name: within(block, found[name], t) if name in found else torch.empty_like(t, device="cpu")
        for name, t in own.items()
    }
    for name, t in made.items():
        t.copy_(tensors[name])
    return made
