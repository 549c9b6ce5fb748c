"""What decks take in memory, in copies of the weights: a fresh process, as the bench has it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from perform.bench.memory import STATUS, random_model

pytestmark = pytest.mark.skipif(not STATUS.is_file(), reason="no /proc")


def test_a_deck_that_rests_has_its_weights_once(tmp_path: Path) -> None:
    files = [str(random_model(tmp_path / f"{k}.safetensors", k, img_resolution=32)) for k in range(2)]  # 90 MB each
    command = [sys.executable, "-m", "perform.bench.memory", "eager float32", *files]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    row = json.loads(done.stdout)
    assert 0.9 < row["one_deck"] < 1.2
    assert 1.9 < row["two_decks"] < 2.3
    assert row["peak_loading_first"] < 1.9, "no random weights beside those of the file, no copy for home"
    assert row["all_layers_rewritten"] < 1.4, "what is written moves once"
    assert row["blend_of_two"] < 2.7, "the relative, the mixture, and little besides"
