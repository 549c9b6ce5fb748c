"""From z to w in a blend: each parent's own mapping, and the mixture of what they say.

A walk is laid through w once and then followed (`perform.engine.walk`), so a mapping whose weights move every frame
would ask for the walk to be laid anew every frame. Instead each parent has a walk of its own, through its own w of the
same seeds, about its own w_avg; the w of a frame is the mixture of their places, by the mapping's row of the matrix.
All that a walk does after the mapping (truncation, accents) is linear in w, so mixing the finished w is the same as
mixing landmarks, mean and accents one by one. At the ends it is the parent's own w, bit for bit.

    maps = Mappings(generator, parents)
    walkers = [Walker(partial(maps.map, k), maps.w_avgs[k], z_dim, num_ws) for k in range(len(maps))]
    w = mixture(blend.mapping, lambda k: walkers[k].w(values, position))

For relatives that is within a few percent of what the mixed weights would map to, and it does not lose contrast half
way as averaged weights do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator

Array = NDArray[np.float64]
ROOT = "mapping."


class Mappings:
    """The mapping networks of all parents, each whole. `w_avgs` [P, D]. Made on the loader's thread; `map` on one."""

    def __init__(self, generator: Generator, parents: Sequence[Mapping[str, Tensor]]) -> None:
        self._device = generator.w_avg.device
        own = getattr(generator, "mapping", None)
        self._maps: list[Callable[[Tensor, Tensor | None], Tensor]] = []
        means = []
        for tensors in parents:
            if isinstance(own, torch.nn.Module):
                with torch.inference_mode(False), torch.no_grad():
                    # A copied buffer would bring all of the network's block along.
                    copy = deepcopy(own, {id(t): t for t in own.state_dict(keep_vars=True).values()})
                    copy.load_state_dict({name: tensors[ROOT + name] for name in own.state_dict()}, assign=True)
                self._maps.append(copy)
                mean = copy.w_avg
            else:  # nothing of it is learned
                self._maps.append(lambda z, c: generator.map(z, c, truncation_psi=1.0)[:, 0])
                mean = generator.w_avg
            assert isinstance(mean, torch.Tensor)
            means.append(mean.detach().double().cpu().numpy())
        self.w_avgs: Array = np.stack(means)

    def __len__(self) -> int:
        return len(self._maps)

    @torch.inference_mode()
    def map(self, parent: int, z: Array, c: Array | None = None) -> Array:
        """z [K, z_dim], labels c [K, c_dim] or None -> the parent's w [K, D], before truncation."""
        ready = torch.from_numpy(z).to(self._device, torch.float32)
        label = None if c is None else torch.from_numpy(c).to(self._device, torch.float32)
        return np.asarray(self._maps[parent](ready, label).double().cpu().numpy())


def mixture(shares: Sequence[float], of: Callable[[int], Array]) -> Array:
    """sum_k shares_k of(k), asking only for what has a share; with one share that is whole, the very array it gave."""
    parts = [(share, of(k)) for k, share in enumerate(shares) if share != 0]
    if len(parts) == 1:
        return parts[0][1]
    return np.asarray(sum(share * part for share, part in parts))
