"""Large pages are asked for once, where they are there for the asking."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from perform.large_pages import SYSTEM, TUNABLE, VARIABLE, tell, worth_asking

PROGRAM = f"""
import os
from perform.commands import presets
from perform.cli import program

presets.run = lambda _: print(repr(os.environ.get({VARIABLE!r})), os.getpid())
program()
"""


def test_what_is_told_already_stays() -> None:
    assert tell({}) == {VARIABLE: f"{TUNABLE}=1"}
    assert tell({VARIABLE: "glibc.malloc.perturb=1", "A": "b"})[VARIABLE] == f"glibc.malloc.perturb=1:{TUNABLE}=1"


def test_nothing_is_asked_where_it_changes_nothing(tmp_path: Path) -> None:
    assert not worth_asking(f"{TUNABLE}=0"), "the user said no"
    assert not worth_asking("", tmp_path / "absent")
    for system in ("[always] madvise never", "always madvise [never]"):
        (tmp_path / "enabled").write_text(system)
        assert not worth_asking("", tmp_path / "enabled")


@pytest.mark.skipif(not worth_asking(""), reason=f"this system gives no large pages for asking ({SYSTEM})")
def test_the_program_begins_once_more_in_the_same_process_with_the_same_words() -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-c", PROGRAM, "presets"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    said, _ = child.communicate(timeout=60)
    assert said.split() == [f"'{TUNABLE}=1'", str(child.pid)]
    assert child.returncode == 0
