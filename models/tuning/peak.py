"""The peak of a trajectory: the most diverged position that keeps at least half of the diversity of home.

Loss hacking, and every training that leaves its data, goes through an uncanny peak and then collapses (Broad et al.
2020, "Amplifying the Uncanny"; 2021, "Active Divergence", on choosing the moment by hand). Here the moment is chosen by
two numbers: how far the pictures of fixed latents have gone from those of home, and how far they still are from one
another, both in the guard's features. It is a substitute for an eye, and it says where to begin looking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from models.generators import build
from models.guard.guard import Guard, pictures_of
from models.guard.look import Look, features, look, smaller
from models.tuning.trajectory import Reader

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 0.5  # of home's diversity
COARSE = 12  # states that are looked at first, evenly
FINE = 8  # states that are looked at then, around the best


@dataclass(frozen=True)
class Seen:
    """One state as looked at: `distance` is that of its pictures from those of home, latent by latent."""

    index: int
    look: Look
    distance: float


def find_peak(path: Path, home: int = 0, progress: Callable[[float], None] | None = None) -> int:
    """The index of the peak of a trajectory whose state `home` is the network as trained; `home` if all others have
    collapsed. Looks at some twenty states, 16 pictures each: seconds, in a thread of its own. Raises Refused.

    A state on which the guard alarms is no peak, whatever its diversity.
    """
    reader = Reader(path)
    header = reader.header
    network = build(str(header["architecture"]), dict(header["config"]), reader.state(home))
    assert isinstance(network, torch.nn.Module)

    def pictures(index: int) -> Tensor:
        network.load_state_dict(reader.state(index))
        return pictures_of(network)

    with torch.inference_mode():
        before = pictures(home)
        known = {home: Seen(home, look(before), 0.0)}
        base = features(smaller(before.float().clamp(-1, 1)))

        def see(indices: Sequence[int], begin: float, span: float) -> None:
            for k, index in enumerate(indices):
                if index not in known:
                    now = pictures(index)
                    seen = look(now)
                    away = features(smaller(now.float().clamp(-1, 1))) - base if seen.finite else base * 0
                    known[index] = Seen(index, seen, float(away.norm(dim=1).mean()))
                if progress is not None:
                    progress(begin + span * (k + 1) / len(indices))

        last = len(reader) - 1
        first = sorted({round(k * last / COARSE) for k in range(COARSE + 1)})
        see(first, 0.0, 0.6)
        best = peak(list(known.values()), home)
        place = first.index(best) if best in first else 0
        below, above = first[max(place - 1, 0)], first[min(place + 1, len(first) - 1)]
        see(sorted({round(below + k * (above - below) / (FINE + 1)) for k in range(1, FINE + 1)}), 0.6, 0.4)
    return peak(list(known.values()), home)


def peak(seen: Sequence[Seen], home: int) -> int:
    """The index of the most diverged state that is healthy and keeps `LEAST` of home's diversity."""
    before = next(one.look for one in seen if one.index == home)
    guard = Guard(before)
    able = [
        one for one in seen
        if one.look.finite and one.look.diversity >= LEAST * before.diversity and not guard.judge(one.look)
    ]  # fmt: skip
    return max(able, key=lambda one: (one.distance, one.index == home), default=Seen(home, before, 0.0)).index
