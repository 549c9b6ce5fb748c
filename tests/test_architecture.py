"""The rules of the house, held by a machine: what may read a clock, print, import what, and where things lie.

`make check` holds the rest (ruff: broad excepts, complexity; mypy: types; import-linter: the direction of imports).
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLOCK = "perform/engine/clock.py"
SPEAKS = ("perform/cli.py", "perform/commands/")
LONGEST = 400

REQUIRED = {
    "pyproject.toml", "README.md", "perform", "models", "shaders", "presets", "tests",
    "LICENSE", "Makefile", "constraints.txt", "CHANGELOG.md",
}  # fmt: skip

# A folder that is a registry -> the test that walks all of it, so that one new file is covered with no other edit.
REGISTRIES = {
    "shaders": "tests/output/test_shaders.py",
    "presets": "tests/test_presets.py",
    "perform/commands": "tests/test_commands.py",
    "perform/audio/features": "tests/audio/test_features.py",
    "models/checkpoints/formats": "tests/models/test_checkpoints_official.py",
    "models/generators": "tests/models/test_generators.py",
    "models/bending/transforms": "tests/models/bending/test_bending_transforms.py",
    "models/rewriting/operations": "tests/models/rewriting/test_rewriting_operations.py",
    "models/training/inspirations": "tests/models/test_inspirations.py",
    "models/training/recipes": "tests/models/training/test_training_recipes.py",
    "models/studies": "tests/models/studies/test_studies.py",
    "models/weights": "tests/test_weights.py",
}

DEVICES = {"sounddevice", "soundfile", "moderngl", "glfw", "pythonosc", "rtmidi", "av"}


def files() -> list[Path]:
    """The files of the repository, new ones too; outside a git checkout all that is not in a dot-folder."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        skip = {"__pycache__", "build", "dist"}
        found = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if not any(part.startswith(".") or part in skip for part in path.relative_to(ROOT).parts)
        ]
    return sorted(ROOT / name for name in set(found) if name and (ROOT / name).is_file())


def sources() -> list[Path]:
    """The Python files that are the program."""
    return sorted([*ROOT.glob("perform/**/*.py"), *ROOT.glob("models/**/*.py")])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def faults(rule: Callable[[ast.AST], str], besides: tuple[str, ...] = ()) -> list[str]:
    """Every place in the program where `rule` finds something, as `file:line: what`."""
    return [
        f"{name(path)}:{getattr(node, 'lineno', 0)}: {fault}"
        for path in sources()
        if not name(path).startswith(besides)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (fault := rule(node))
    ]


def imported(node: ast.AST) -> Iterator[str]:
    """The top names that an import statement brings in; relative imports bring in nothing foreign."""
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.module.split(".")[0]


def called(node: ast.AST) -> str:
    """`a.b.c` for a call of it, "" for anything else."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def reads_a_clock(node: ast.AST) -> str:
    for module in imported(node):
        if module in {"time", "timeit", "sched"}:
            return f"imports {module}"
    call = called(node)
    if re.search(r"(^|\.)(datetime|date)\.(now|utcnow|today)$", call) or call in {"os.times", "glfw.get_time"}:
        return f"calls {call}()"
    return ""


def prints(node: ast.AST) -> str:
    return f"calls {called(node)}()" if called(node) in {"print", "pprint", "pprint.pprint"} else ""


def runs_data(node: ast.AST) -> str:
    call = called(node)
    if call in {"eval", "exec", "compile", "__import__"} or re.search(
        r"(^|\.)c?[pP]ickle\.(load|loads|Unpickler)$", call
    ):
        return f"calls {call}()"
    if isinstance(node, ast.Call) and call == "torch.load":
        safe = any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in node.keywords)
        return "" if safe else "calls torch.load() without weights_only=True"
    return ""


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (reads_a_clock, "import time", "import timeline"),
        (reads_a_clock, "from time import perf_counter", "from perform.engine.clock import machine_time"),
        (reads_a_clock, "datetime.datetime.now()", "clock.now()"),
        (prints, "print('x')", "log.info('x')"),
        (runs_data, "eval(text)", "model.eval()"),
        (runs_data, "exec(text)", "pool.exec(text)"),
        (runs_data, "pickle.load(file)", "json.load(file)"),
        (runs_data, "torch.load(file)", "torch.load(file, weights_only=True)"),
    ],
)
def test_the_rules_see_what_they_are_for(rule: Callable[[ast.AST], str], bad: str, good: str) -> None:
    assert any(rule(node) for node in ast.walk(ast.parse(bad)))
    assert not any(rule(node) for node in ast.walk(ast.parse(good)))


def test_only_the_clock_reads_time() -> None:
    assert faults(reads_a_clock, besides=(CLOCK,)) == []


def test_only_the_command_line_prints() -> None:
    assert faults(prints, besides=SPEAKS) == []


def test_no_data_is_run_as_code() -> None:
    assert faults(runs_data) == []


def test_models_know_nothing_of_sound_hands_or_screens() -> None:
    wrong = [
        f"{name(path)}:{node.lineno}: imports {module}"
        for path in ROOT.glob("models/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in imported(node)
        if module in DEVICES
    ]
    assert wrong == []


def test_the_engine_knows_no_device() -> None:
    wrong = [
        f"{name(path)}:{node.lineno}: imports {module}"
        for path in ROOT.glob("perform/engine/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in imported(node)
        if module in DEVICES - {"av", "soundfile"}  # files are no devices
    ]
    assert wrong == []


def test_imports_go_one_way() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("module", ["models", "perform.app", "perform.cli", "perform.doctor"])
def test_what_is_slow_to_import_waits_until_after_the_first_picture(module: str) -> None:
    code = f"import sys, {module}; print(*(sys.modules.keys() & {{'torch', 'librosa', 'numba', 'scipy', 'skimage'}}))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "", f"importing {module} imports {result.stdout.strip()}"


def test_a_file_is_one_idea() -> None:
    long = [
        f"{name(path)}: {lines} lines"
        for path in files()
        if path.suffix in {".py", ".fs", ".glsl", ".sh"} or path.parent.name == ".ci"
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    ]
    assert long == []


def test_the_top_level_is_fixed() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {part for part in found if not part.startswith(".")} == REQUIRED


def test_no_file_tells_of_the_machine_it_was_made_on() -> None:
    place = re.compile(rb"(?<![\w.~:/-])/(?:work|root|home|Users)/[\w.-]+|[A-Z]:\\\\?Users\\\\?\w+")
    told = [
        f"{name(path)}: {match.group().decode()}"
        for path in files()
        if path != Path(__file__).resolve()
        for match in place.finditer(path.read_bytes())
    ]
    assert told == []


@pytest.mark.parametrize("registry", REGISTRIES)
def test_every_registry_has_a_test_that_walks_it(registry: str) -> None:
    assert (ROOT / registry).is_dir()
    assert (ROOT / REGISTRIES[registry]).is_file(), f"{registry}/ needs the test that covers each new file in it"


def test_every_package_says_what_it_is_for() -> None:
    assert [
        name(path) for path in sources() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ] == []
