"""What is in the wheel, and that a program installed from it plays its own presets far from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(command: list[str], cwd: Path, **environment: str) -> str:
    """The output of a command that must end well."""
    result = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=170, check=False
    )
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built from a copy without the network."""
    copy = tmp_path_factory.mktemp("tree") / "perform"
    skip = shutil.ignore_patterns("__pycache__", ".*", "tests", "build", "dist", "recordings", "*.mp4")
    shutil.copytree(ROOT, copy, ignore=skip)
    shutil.copy(ROOT / ".gitignore", copy)  # hatchling leaves out what git ignores: weights must not be among it
    out = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)], cwd=copy)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (file,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(file).decode())


def shipped(folder: str) -> set[str]:
    """The files of a folder of this tree, without what Python leaves behind."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("folder", ["shaders", "presets"])
def test_the_wheel_holds_every_shader_and_preset(names: set[str], folder: str) -> None:
    wanted = shipped(folder)
    assert wanted
    assert {f"perform/share/{name}" for name in wanted} <= names


@pytest.mark.parametrize("package", ["perform", "models"])
def test_the_wheel_holds_every_file_of_the_packages(names: set[str], package: str) -> None:
    assert shipped(package) - names == set()


def test_the_wheel_holds_weights_and_each_has_its_card(names: set[str]) -> None:
    inside = {PurePosixPath(name) for name in names if name.startswith("models/weights/")}
    weights = {path for path in inside if path.suffix == ".safetensors"}
    assert weights
    # NAME.critic.safetensors is described in NAME.md, with the network that it judged.
    assert {path.with_name(path.name.split(".")[0] + ".md") for path in weights} <= inside


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in names} == {"perform", "models"}
    assert not [name for name in names if name.endswith((".pyc", ".pkl", ".pt", ".mp4"))]


def test_the_metadata_says_what_a_person_and_pip_need(metadata: Message, names: set[str]) -> None:
    from perform import __version__

    assert metadata["Name"] == "perform"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Summary"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert ">=3.11" in metadata["Requires-Python"]
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    required = {line.split(";")[0].split(">")[0].strip() for line in metadata.get_all("Requires-Dist", [])}
    assert {"torch", "numpy", "moderngl", "glfw", "sounddevice", "python-osc", "safetensors", "av"} <= required


def test_every_pin_is_one_that_pip_can_read_and_every_need_is_pinned(metadata: Message) -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    assert all(str(pin.specifier).startswith("==") and "+" not in str(pin.specifier) for pin in pins)
    assert not [name for name in versions if name.startswith(("nvidia-", "cuda-"))]
    for line in distribution("torch").requires or []:  # for CUDA it asks for one Triton: ours is that one
        need = Requirement(line)
        assert need.name != "triton" or versions["triton"] in need.specifier
    for line in metadata.get_all("Requires-Dist", []):
        need = Requirement(line)
        assert need.specifier.contains(versions[canonicalize_name(need.name)]), line


@pytest.mark.slow
def test_installed_from_the_wheel_it_finds_its_own_files(wheel: Path, tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(place), str(wheel)]
    run(pip, cwd=elsewhere)
    path = {"PYTHONPATH": str(place)}
    code = "import models, perform; print(perform.__file__, models.__file__)"
    assert run([sys.executable, "-c", code], elsewhere, **path).count(str(place)) == 2
    listed = run([sys.executable, "-m", "perform.cli", "presets"], elsewhere, **path)
    for preset in (ROOT / "presets").glob("*.toml"):
        assert preset.stem in listed
    models = run([sys.executable, "-m", "perform.cli", "models"], elsewhere, **path)
    for weights in (ROOT / "models" / "weights").glob("*.safetensors"):
        assert (f"\n{weights.stem} " in f"\n{models}") == (not weights.stem.endswith(".critic"))
    assert run([str(place / "bin" / "perform"), "presets"], elsewhere, **path) == listed
