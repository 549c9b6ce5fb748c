"""`perform bench texture` on the GL of this machine."""

import pytest
import torch

from perform.bench.texture import SIDES, bench_texture
from perform.engine.problems import UserError

pytestmark = pytest.mark.gl


def test_each_size_of_picture_is_measured() -> None:
    rows = bench_texture(seconds=0.1)
    assert [row["picture"] for row in rows] == [f"{side} x {side}" for side in SIDES]
    for row in rows:
        assert row["path"] == "upload"
        assert 0 < row["call_ms"] <= row["there_ms"] <= row["there_p99_ms"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card here")
def test_a_card_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match="is not there"):
        bench_texture("cuda", seconds=0.1)
