"""The peak of a trajectory whose healthy, diverged and collapsed states are known."""

from pathlib import Path

import torch

from models.guard.look import Look
from models.tuning.peak import Seen, find_peak, peak
from tests.models.playing import playing
from tests.models.tuning.tuning_tools import State, network, write

__all__ = ["playing"]


def seen(index: int, diversity: float, distance: float, finite: bool = True) -> Seen:
    return Seen(index, Look(diversity, 0.0, 0.0, finite), distance)


def test_the_most_diverged_that_keeps_half() -> None:
    states = [seen(0, 0.6, 0.0), seen(1, 0.5, 0.4), seen(2, 0.31, 0.9), seen(3, 0.29, 1.5), seen(4, 0.6, 2.0, False)]
    assert peak(states, 0) == 2


def test_home_where_all_else_collapsed() -> None:
    assert peak([seen(0, 0.6, 0.0), seen(1, 0.1, 2.0), seen(2, 0.0, 3.0)], 0) == 0


def test_it_is_found_before_the_collapse(tmp_path: Path) -> None:
    """Pictures drift to other colours until state 20 of 40; from there on they lose their difference."""
    torch.manual_seed(0)
    generator = network()
    home = {name: t.clone() for name, t in generator.state_dict().items()}
    for name, t in home.items():
        if name.endswith("torgb.weight"):
            t.mul_(0.5)
    states: list[State] = []
    for k in range(41):
        now = {name: t.clone() for name, t in home.items()}
        left = max(0.0, 1.0 - 0.1 * max(k - 20, 0))
        for name, t in now.items():
            if name.endswith("torgb.bias"):
                now[name] = t + 0.012 * k * torch.tensor([1.0, -1.0, 0.5])
            elif name.endswith("torgb.weight"):
                now[name] = t * left
        states.append(now)
    found = find_peak(write(tmp_path / "a", generator, states))
    assert 20 <= found <= 27
    assert find_peak(write(tmp_path / "b", generator, [states[0], *states[35:]])) == 0
