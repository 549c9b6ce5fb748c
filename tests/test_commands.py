"""Every command of the folder: it has its help, its arguments and its run, and costs nothing heavy to know of."""

import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest

from perform import cli, commands

NAMES = sorted(found.name for found in iter_modules(commands.__path__) if found.name != "words")


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_its_parts_and_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = import_module(f"perform.commands.{name}")
    assert command.ABOUT
    assert command.ABOUT.strip(". ") == command.ABOUT
    assert f"perform {name.rstrip('_')}" in (command.__doc__ or "")
    with pytest.raises(SystemExit) as ended:
        cli.main([name.rstrip("_"), "--help"])
    assert ended.value.code == 0
    assert "usage: perform" in capsys.readouterr().out


def test_knowing_the_commands_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'librosa', 'moderngl', 'numpy', 'sounddevice'}"
    said = f"import sys; from perform import cli; cli.parser(); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
