"""StyleGAN2's kernels for cards, where there is no card: their numbers by Triton's interpreter, their machine code by
Triton's compiler. Both take a process of their own, because Triton is told at its first import which of the two it is.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="there is no Triton here (it is for Linux on x86-64)"
)


@pytest.mark.timeout(400)  # half a minute, where nothing else runs
@pytest.mark.parametrize(
    ("files", "interpreted"), [(["fused_formulas.py", "fused_interpreted.py"], "1"), (["fused_built.py"], "0")]
)
def test_kernels(files: list[str], interpreted: str, tmp_path: Path) -> None:
    told = {**os.environ, "TRITON_INTERPRET": interpreted, "TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        *(str(HERE / file) for file in files),
    ]
    done = subprocess.run(
        command, cwd=HERE.parent.parent, env=told, timeout=380, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
