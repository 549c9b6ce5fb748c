"""Files that the official programs wrote (tests/golden/official: tiny networks of random weights, without source
text) give the official weights bit for bit and the official pictures to the last digits.

Each `.npz` holds what the official code made of the network: z, c, w at psi 0.7 (not for rosinality), the picture at
psi 0.7 with constant noise, and the sha256 of its state dict.
"""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

import models
from models.checkpoints import containers, streams
from models.checkpoints.converted import Converted
from models.checkpoints.formats import formats
from models.generators import build

OFFICIAL = Path(__file__).parent.parent / "golden" / "official"
NAMES = sorted(path.name for path in OFFICIAL.glob("*.p[kt]*"))
CLOSE = 2e-5

FORMATS = {
    "ros-converted.pt": "rosinality StyleGAN2 (.pt)",
    "ros-training-legacy.pt": "rosinality StyleGAN2 (.pt)",
    "sg2ada-cond.pkl": "NVIDIA StyleGAN2 snapshot",
    "sg2ada-orig.pkl": "NVIDIA StyleGAN2 snapshot",
    "sg2ada-resnet.pkl": "NVIDIA StyleGAN2 snapshot",
    "sg2ada-skip.pkl": "NVIDIA StyleGAN2 snapshot",
    "sg3-r.pkl": "NVIDIA StyleGAN3-R snapshot",
    "sg3-t.pkl": "NVIDIA StyleGAN3-T snapshot",
    "sg3repo-sg2.pkl": "NVIDIA StyleGAN2 snapshot",
    "tf-resnet.pkl": "NVIDIA StyleGAN2 for TensorFlow",
    "tf-skip.pkl": "NVIDIA StyleGAN2 for TensorFlow",
}


def read(name: str) -> Converted:
    return containers.read(memoryview((OFFICIAL / name).read_bytes()))


def reference(name: str) -> dict[str, np.ndarray]:
    with np.load((OFFICIAL / name).with_suffix(".npz")) as arrays:
        return dict(arrays)


def test_every_family_is_here() -> None:
    assert set(FORMATS) == set(NAMES)


def test_every_format_has_a_file_by_its_own_program() -> None:
    """One more file in models/checkpoints/formats is covered with no other edit than its file in golden/official."""
    for form in formats():
        assert form.ABOUT
        assert any(form.matches(held(name)) for name in NAMES), form.__name__
    for name in NAMES:
        assert sum(form.matches(held(name)) for form in formats()) == 1, name
    for odd in (None, 3, {}, [], (), {"G_ema": None}, {"g_ema": {}}, {"g_ema": 3}, (1, 2, 3)):
        assert not any(form.matches(odd) for form in formats())


def held(name: str) -> object:
    """What the container holds."""
    data = memoryview((OFFICIAL / name).read_bytes())
    read_it = {"zip": streams.read_zip, "legacy": streams.read_legacy, "pickle": streams.read_plain}
    value, _ = read_it[containers.kind(bytes(data[: containers.HEAD]))](data)
    return value


@pytest.mark.parametrize("name", NAMES)
def test_weights_bit_for_bit(name: str) -> None:
    made, want = read(name), reference(name)
    assert made.format == FORMATS[name]
    if name.startswith("ros"):
        return  # the convolutions are scaled; the pictures below say that it is done right
    digest = sha256()
    for tensor in sorted(made.tensors):
        digest.update(tensor.encode())
        digest.update(made.tensors[tensor].tobytes())
    assert digest.digest() == want["digest"].tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_pictures(name: str) -> None:
    made, want = read(name), reference(name)
    network = build(made.architecture, made.config, {n: torch.from_numpy(a) for n, a in made.tensors.items()})
    c = torch.from_numpy(want["c"]).float() if want["c"].shape[1] else None
    with torch.inference_mode():
        w = network.map(torch.from_numpy(want["z"]).float(), c, truncation_psi=float(want.get("psi", 0.7)))
        image = network.synthesize(w)
    if "w" in want:
        assert float((w[:, 0] - torch.from_numpy(want["w"])).abs().max()) <= CLOSE
    assert float((image - torch.from_numpy(want["img"])).abs().max()) <= CLOSE
    assert float(image.std()) > 0.02


def test_what_is_missing_is_filled_in_and_said() -> None:
    made = read("ros-training-legacy.pt")
    assert made.notes == ["It has no centre of truncation; the mean of 10,000 mapped z (seed 0) is taken."]
    network = build(made.architecture, made.config, {n: torch.from_numpy(a) for n, a in made.tensors.items()})
    z = torch.from_numpy(np.random.RandomState(0).randn(10_000, network.z_dim).astype(np.float32))
    mean = network.map(z, truncation_psi=1.0)[:, 0].mean(dim=0)
    assert float((mean - network.w_avg).abs().max()) <= CLOSE
    assert float(network.w_avg.abs().max()) > 0.01


def test_what_is_left_closed_is_said() -> None:
    [note] = read("sg2ada-skip.pkl").notes  # its discriminator holds torch.nn layers
    assert "torch.nn.modules.container.Sequential" in note
    assert "left closed" in note


@pytest.mark.parametrize("name", ["sg2ada-resnet.pkl", "sg3-r.pkl", "ros-converted.pt", "tf-skip.pkl"])
def test_load_takes_any_of_them_under_any_name(name: str, tmp_path: Path, cache: Path) -> None:
    renamed = tmp_path / "model.safetensors"  # containers are told by their first bytes, never by the name
    renamed.write_bytes((OFFICIAL / name).read_bytes())
    steps: list[float] = []
    first = models.load(renamed, progress=steps.append)
    assert steps == sorted(steps)
    assert len(steps) > 10
    assert steps[-1] == 1.0
    made = read(name)
    assert {n: t.numpy().tobytes() for n, t in first.state_dict().items() if not n.endswith("resample_filter")} == {
        n: a.tobytes() for n, a in made.tensors.items()
    }
    [kept] = (cache / "models").glob(f"{sha256(renamed.read_bytes()).hexdigest()}.safetensors")
    before = kept.stat().st_mtime_ns
    steps.clear()
    again = models.load(renamed, progress=steps.append)
    assert kept.stat().st_mtime_ns == before
    assert steps == [1.0]
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in first.state_dict().items())
