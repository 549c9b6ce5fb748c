"""Every file that is no network of ours to play has its own sentence, with the file's name and what to do."""

import gzip
import io
import json
import re
import zipfile
from pathlib import Path

import foreign_files as ff
import numpy as np
import pytest

import models
from models.checkpoints import Refused, importing

OFFICIAL = Path(__file__).parent.parent / "golden" / "official"
Name, Call = ff.Name, ff.Call
SMALL = np.zeros((2, 2), np.float32)


def torch_zip(names: list[str], **beside: object) -> bytes:
    """A torch file of a state dict with these names."""
    state, storages = ff.torch_state(dict.fromkeys(names, SMALL), 5)
    return ff.archive(beside | {"state_dict": state} if beside else state, storages)


def safetensors(names: list[str]) -> bytes:
    header = {n: {"dtype": "F32", "shape": [2, 2], "data_offsets": [16 * k, 16 * k + 16]} for k, n in enumerate(names)}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(16 * len(names))


def an_archive(compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def triple(*variables: str, mapping: str = "Dense0/weight") -> bytes:
    parts = {"synthesis": ff.network("G_synthesis", [(name, SMALL) for name in variables])}
    parts["mapping"] = ff.network("G_mapping", [(mapping, SMALL)])
    empty = ff.network("D", [])
    return ff.pickled((empty, empty, ff.network("G_main", [], parts)), 4)


def generator(class_name: str, part: str = "synthesis") -> bytes:
    inner = ff.node("TriPlaneSynthesis", {"_modules": {}})
    return ff.pickled({"G_ema": ff.node(class_name, {"_modules": {part: inner, "mapping": inner}})}, 4)


WORDS = {
    "empty.pkl": (b"", "an empty file"),
    "three-bytes.pkl": (b"abc", "cut short: 3 bytes"),
    "page.pkl": (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", r"a web page, not a model.*Download it again"),
    "error.pkl": (b'{"error": "quota exceeded"}', "JSON"),
    "pointer.pkl": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
    "packed.pkl.gz": (gzip.compress(b"x" * 99), r"gzip archive\. Unpack it"),
    "picture.pkl": (b"\x89PNG\r\n\x1a\n" + bytes(99), "a picture"),
    "noise.pkl": (bytes(range(7, 200)), "no model of a kind that is known"),
    "zeros.pkl": (bytes(200), "no checkpoint of a kind"),
    "keras.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
    "packed.zip": (an_archive(model=b"x"), "compressed or locked zip .* unpack it first"),
    "deflated.pt": (an_archive(**{"archive/data.pkl": b"x" * 999}), "compressed or locked zip archive"),
    "script.pt": (an_archive(zipfile.ZIP_STORED, **{"a/data.pkl": b"", "a/constants.pkl": b""}), "TorchScript program"),
    "pictures.zip": (an_archive(zipfile.ZIP_STORED, **{"one.png": b"x" * 200}), "not one of torch's"),
    "protocol0.pkl": (b"(dp0\nS'G_ema'\np1\nNs.", "no model of a kind"),
    "lora.pt": (torch_zip(["unet.down.lora_down.weight", "unet.down.lora_up.weight"]), "it is a LoRA"),
    "diffusion.ckpt": (torch_zip(["model.diffusion_model.input_blocks.0.weight"], epoch=1), "it is a diffusion model"),
    "lightning.ckpt": (torch_zip(["encoder.weight"], epoch=1), "a training state, but of no network"),
    "toolbox.pth": (torch_zip(["generator_ema.style_mapping.1.weight"], meta={}), "another toolbox"),
    "classifier.pth": (torch_zip(["conv1.weight", "fc.weight"]), r"no generator in it \(found: conv1\.weight, fc"),
    "lucid.pt": (ff.archive({"GAN": {}, "version": "1.8"}, []), "lucidrains"),
    "eg3d.pkl": (generator("TriPlaneGenerator"), "parts of class TriPlaneGenerator"),
    "half.pkl": (generator("Generator", "decoder"), "parts of class TriPlaneSynthesis"),
    "keys.pkl": (ff.pickled({"weights": 1, "optimizer": 2}, 4), r"found: weights, optimizer"),
    "number.pkl": (ff.pickled(3, 4), "no generator in it"),
    "object.pkl": (ff.pickled(Call(Name("my.package", "Model"), ()), 4), r"asks for my\.package\.Model"),
    "progan.pkl": (ff.pickled((Call(Name("tfutil", "Network"), ()),) * 3, 3), "Progressive GAN"),
    "stylegan1.pkl": (triple("4x4/Const/StyleMod/weight", "ToRGB_lod0/weight"), r"first generation \(2018\)"),
    "stylegan2-a.pkl": (triple("4x4/Const/const", "ToRGB_lod0/weight"), r"early StyleGAN2 \(configurations a to d\)"),
    "stylegan2-labels.pkl": (triple("4x4/Const/const", mapping="LabelConcat/weight"), "labels are joined as in"),
    "tf-other.pkl": (triple("4x4/Dense/weight"), "begins with no constant picture"),
    "lora.safetensors": (safetensors(["lora_te_text_model.lora_down.weight"]), "it is a LoRA"),
    "unet.safetensors": (safetensors(["down_blocks.0.resnets.0.conv1.weight"]), "it is a diffusion model"),
    "bare.safetensors": (safetensors(["a", "b"]), r"without perform's configuration.*perform import"),
    "cut.safetensors": (safetensors(["a", "b"])[:-5], "cut short"),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_words(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, match = WORDS[name]
    path = tmp_path / name
    path.write_bytes(data)
    monkeypatch.setattr(importing, "_run", _run_here)  # the child says the same, slowly
    with pytest.raises(Refused, match=match) as caught:
        models.load(path)
    said = str(caught.value)
    assert said.count(name) >= 1
    assert said.startswith((f"{name}: ", f"{path}: "))
    assert len(said) < 330, "a person reads this in the dark"


def _run_here(file: io.BufferedReader, name: str, target: object, progress: object) -> None:
    """The child's reading, in this process."""
    from models.checkpoints import containers

    file.seek(0)
    containers.read(memoryview(file.read()))
    raise AssertionError(f"{name} was read")


def test_each_has_its_own_sentence() -> None:
    matches = [match for _, match in WORDS.values()]
    assert len(set(matches)) >= len(matches) - 5


def test_a_folder_and_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=re.escape(f"{tmp_path.name}: a folder. Name the model file inside it.")):
        models.load(tmp_path)
    with pytest.raises(Refused, match="neither a shipped model"):
        models.load(tmp_path / "none.pkl")


@pytest.mark.parametrize("size", [3_000_000_000, 3 << 30])
def test_three_gigabytes(size: int, tmp_path: Path) -> None:
    path = tmp_path / "large.pkl"
    with path.open("wb") as file:
        file.write(b"\x80\x04")
        file.truncate(size)  # takes no room: nothing is written
    with pytest.raises(Refused, match=rf"large\.pkl: {size / 1e9:.1f} GB\. No StyleGAN is that large"):
        models.load(path)


@pytest.mark.parametrize("name", ["sg2ada-cond.pkl", "ros-converted.pt", "ros-training-legacy.pt", "tf-skip.pkl"])
def test_downloads_that_did_not_finish(name: str) -> None:
    from models.checkpoints import containers

    whole = (OFFICIAL / name).read_bytes()
    for share in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999):
        with pytest.raises(Refused, match="cut short"):
            containers.read(memoryview(whole[: max(int(len(whole) * share), 12)]))


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.pkl"
    path.symlink_to(path)
    with pytest.raises(Refused, match=r"neither a shipped model|cannot be read"):
        models.load(path)
