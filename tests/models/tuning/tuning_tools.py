"""A small network and its way, shared by the tests of tuning."""

from pathlib import Path

import torch
from torch import Tensor

from models.generators import Generator, build
from models.tuning.trajectory import Writer

SMALL = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 16, "mapping_layers": 2}
State = dict[str, Tensor]


def network(seed: int = 0) -> Generator:
    torch.manual_seed(seed)
    return build("stylegan2", SMALL)


def way(generator: Generator, count: int = 5, seed: int = 1) -> list[State]:
    """States as training leaves them: parameters and w_avg move, other buffers stay."""
    rng = torch.Generator().manual_seed(seed)
    states = [{name: t.clone() for name, t in generator.state_dict().items()}]
    for _ in range(count - 1):
        now = {name: t.clone() for name, t in states[-1].items()}
        for name, t in now.items():
            if not name.endswith(("noise_const", "blur")):
                now[name] = t + 0.1 * torch.randn(t.shape, generator=rng)
        states.append(now)
    return states


def write(path: Path, generator: Generator, states: list[State]) -> Path:
    header = {"architecture": generator.architecture, "config": generator.config, "parent_name": "mother"}
    with Writer(path, states[0], header) as writer:
        for k, state in enumerate(states[1:], 1):
            writer.add(50 * k, state)
    return path
