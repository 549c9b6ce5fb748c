"""Triton's LLVM beside the one that Mesa draws with, in a process of their own: without care it is a SIGSEGV."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.gl

SHOW = """
from models.llvm import keep_apart
from perform.output.wall import open_offscreen
wall = open_offscreen((16, 16))
wall.target.clear(1.0, 0.0, 0.0, 1.0)
wall.present()
{care}
import triton, triton.language
wall.target.clear(0.0, 1.0, 0.0, 1.0)
print(wall.read()[0, 0, :3].tolist(), wall.name)
"""


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_a_wall_is_drawn_on_after_triton_came() -> None:
    command = [sys.executable, "-c", SHOW.replace("{care}", "keep_apart()")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[0, 255, 0]")


def test_nothing_happens_where_there_is_no_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    from models import llvm

    monkeypatch.setattr(llvm, "find_spec", lambda _: None)
    llvm.keep_apart.cache_clear()
    llvm.keep_apart()
    llvm.keep_apart.cache_clear()
