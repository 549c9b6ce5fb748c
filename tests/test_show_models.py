"""A model changed during a real show: over real UDP, with both networks on the wall in between."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from show_tools import SMALL, play_until

from perform.app import Show, open_show


def say(show: Show, address: str, word: str) -> None:
    port = str(show.hands[0].port)
    subprocess.run(["oscsend", "localhost", port, address, "s", word], check=True, timeout=30)


def test_a_model_comes_in_on_stage_and_a_file_that_is_none_does_not(tmp_path: Path) -> None:
    if shutil.which("oscsend") is None:
        if os.environ.get("CI"):
            pytest.fail("oscsend is missing: apt install liblo-tools")
        pytest.skip("oscsend is not installed (liblo-tools)")
    with open_show(SMALL) as show:
        assert play_until(show, lambda: show.worker.made > 2 and show.chain.ready, 60)
        show.parameters.set("deck.fade", 1.0)
        first = show.loader.loaded
        other = "first-light" if first == "cppn" else "cppn"
        say(show, "/model/load", other)
        mixes: set[float] = set()

        def arrived() -> bool:
            mixes.add(show.parameters.get("deck.mix"))
            return show.parameters.get("deck.mix") == 1.0

        assert play_until(show, arrived, 60)
        assert show.loader.names == (first, other)
        assert any(0.0 < mix < 1.0 for mix in mixes), "it faded"
        (tmp_path / "faces.pkl").write_text("<html>404</html>")
        say(show, "/model/load", str(tmp_path / "faces.pkl"))
        assert play_until(show, lambda: "faces.pkl" in getattr(show.problems.current.get("model"), "text", ""), 60)
        made = show.worker.made
        assert play_until(show, lambda: show.worker.made > made + 3, 60)
        assert show.loader.loaded == other
