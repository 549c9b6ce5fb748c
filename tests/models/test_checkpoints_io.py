"""Our checkpoints: what is written is what is read, and a bad file is refused in words."""

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import models
from models.checkpoints import Refused, io
from models.generators import build

CONFIG = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 64, "channel_max": 8, "mapping_layers": 2}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    path = tmp_path / "small.safetensors"
    io.save(path, build("stylegan2", CONFIG), {"description": "a small one"})
    return path


def test_round_trip_is_bit_exact(path: Path, tmp_path: Path) -> None:
    network = io.load(path)
    assert network.config == {**build("stylegan2", CONFIG).config}
    again = tmp_path / "again.safetensors"
    io.save(again, network, {"description": "a small one"})
    assert again.read_bytes() == path.read_bytes()
    torch.manual_seed(2)
    first = build("stylegan2", CONFIG).state_dict()
    assert all(torch.equal(first[name], t) for name, t in network.state_dict().items())


def test_half_is_stored_rounded_and_read_as_float32(path: Path, tmp_path: Path) -> None:
    network = io.load(path)
    small = tmp_path / "half.safetensors"
    io.save(small, network, {}, half=True)
    assert small.stat().st_size < 0.7 * path.stat().st_size
    read = io.load(small).state_dict()
    for name, t in network.state_dict().items():
        assert torch.equal(read[name], t.half().float())


def test_a_network_without_weights(tmp_path: Path) -> None:
    path = tmp_path / "field.safetensors"
    io.save(path, build("cppn", {"seed": 11}), {})
    assert models.load(path).config["seed"] == 11


@pytest.mark.parametrize("keep", [0, 5, 60, 0.5, 0.999])
def test_cut_short(path: Path, keep: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(len(whole) * keep)])
    with pytest.raises(Refused, match=r"small\.safetensors: .*cut short.*Copy it again"):
        models.load(path)


def test_not_ours(tmp_path: Path, path: Path) -> None:
    other = tmp_path / "other.safetensors"
    for header in (b"{" + b"[" * 100_000, b'{"a": 3}', b'{"a": {"data_offsets": [0, "x"]}}', b'{"__metadata__": []}'):
        other.write_bytes(len(header).to_bytes(8, "little") + header)
        with pytest.raises(Refused, match="not a safetensors file"):
            models.load(other)
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    other.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    with pytest.raises(Refused, match=r"without perform's configuration.*perform import FILE"):
        models.load(other)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    with pytest.raises(Refused, match=r"newer perform \(format 9"):
        models.load(path)
    path.write_bytes(whole.replace(b'\\"w_dim\\": 8', b'\\"w_dim\\": 9'))
    with pytest.raises(Refused, match="do not fit"):
        models.load(path)
    path.write_bytes(whole.replace(b'\\"stylegan2\\"', b'\\"stylegan9\\"'))
    with pytest.raises(Refused, match="no architecture 'stylegan9'"):
        models.load(path)


@pytest.mark.parametrize("z_dim", [1 << 60, 9e99, 1 << 30, [[[[[[[8]]]]]]], 0, -3, "8", None, {}, 0.5])
def test_a_configuration_out_of_all_proportion(path: Path, z_dim: object) -> None:
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    about = json.loads(header["__metadata__"]["perform"])
    about["config"]["z_dim"] = z_dim
    header["__metadata__"]["perform"] = json.dumps(about)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])
    with pytest.raises(Refused, match=r"numbers that no network has|made by another version"):
        models.load(path)


def test_mutated_files_of_ours_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    length = 8 + int.from_bytes(whole[:8], "little")
    pieces = [b"Infinity", b"-1", b"1e999", b"null", b"[[[[", b"}", b'"', b"\\", b"9" * 30, b"NaN", b"\xff", b"{}"]
    rng = random.Random(3)
    for number in range(600):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3))):
            at, piece = rng.randrange(length), rng.choice(pieces)
            data[at : at + rng.choice((0, len(piece)))] = piece
        data[:8] = (len(data) - len(whole) + length - 8).to_bytes(8, "little")  # the header is found, whatever it is
        path.write_bytes(data)
        with contextlib.suppress(Refused):
            models.load(path) if number % 20 == 0 else io.read_header(path)


def test_unknown_name() -> None:
    with pytest.raises(Refused, match=r"cpnn: neither a shipped model .* nor a file\. Did you mean cppn\?"):
        models.load("cpnn")


def test_the_menu_needs_no_torch() -> None:
    code = "import sys, models; models.available(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
