"""A short soak; `soak_bends.py` is the long one."""

import pytest
from soak_bends import networks, soak

from models.generators import Generator


@pytest.mark.parametrize("network", networks(), ids=["float32", "bfloat16"])
def test_random_frames_stay_finite_and_lead_home(network: Generator) -> None:
    assert soak(network, 200, seed=1) >= 200
