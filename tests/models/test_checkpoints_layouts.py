"""Every family, size, pickle protocol and age of numpy, written by our own emulation of the layouts and read back."""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import foreign_files as ff
import numpy as np
import pytest

from models.checkpoints import Refused, containers
from models.checkpoints.converted import Arrays, Converted, mean_w, stylegan2_shapes

SMALL = {"z_dim": 6, "w_dim": 8, "c_dim": 0, "img_resolution": 16, "img_channels": 3, "mapping_layers": 2,
         "mapping_lr": 0.01, "architecture": "skip", "channels": {"4": 7, "8": 5, "16": 4}, "init_size": [4, 4],
         "conv_clamp": None}  # fmt: skip
Name = ff.Name
OFFICIAL = Path(__file__).parent.parent / "golden" / "official"


def weights(config: Mapping[str, Any], seed: int = 1) -> Arrays:
    rng = np.random.default_rng(seed)
    return {n: rng.standard_normal(s).astype(np.float32) for n, s in stylegan2_shapes(config).items()}


def read(data: bytes) -> Converted:
    return containers.read(memoryview(data))


def same(made: Converted, config: Mapping[str, Any], arrays: Arrays) -> None:
    assert made.config == dict(config)
    assert made.tensors.keys() == arrays.keys()
    for name, array in arrays.items():
        assert made.tensors[name].dtype == array.dtype, name
        assert np.array_equal(made.tensors[name], array), name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
@pytest.mark.parametrize("plain", [True, False], ids=["dict", "OrderedDict"])
def test_protocols_and_ages(protocol: int, core: str, plain: bool) -> None:
    arrays, other = weights(SMALL), weights(SMALL, seed=2)
    networks = {
        "G": ff.Nvidia(other, plain).stylegan2(SMALL),
        "D": None,
        "G_ema": ff.Nvidia(arrays, plain).stylegan2(SMALL),
    }
    made = read(ff.pickled(networks | {"augment_pipe": None}, protocol, core))
    same(made, SMALL, arrays)
    assert made.notes == []


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "resnet"},
        {"architecture": "orig", "conv_clamp": 256.0},
        {"c_dim": 4, "mapping_layers": 8},
        {"mapping_lr": 0.1},
        {"img_resolution": 4, "channels": {"4": 3}},
        {"img_channels": 1, "w_dim": 5},
        {"init_size": [3, 8]},  # Autolume's rectangular constants
        {"img_resolution": 64, "channels": {"4": 8, "8": 8, "16": 2, "32": 9, "64": 1}},
    ],
    ids=str,
)
def test_stylegan2_of_many_kinds(change: dict[str, Any]) -> None:
    config = SMALL | change
    arrays = weights(config)
    same(read(ff.pickled({"G_ema": ff.Nvidia(arrays).stylegan2(config)}, 4)), config, arrays)
    if "init_size" not in change:
        networks = (
            ff.network("G_main", []),
            ff.network("D", []),
            ff.tensorflow(arrays, config, mapping_lrmul=config["mapping_lr"]),
        )
        made = read(ff.pickled(networks, 3, "numpy.core"))
        assert all(np.allclose(made.tensors[n], a, atol=1e-6) for n, a in arrays.items())
        assert {n for n, a in arrays.items() if not np.array_equal(made.tensors[n], a)} <= {
            n
            for n in arrays
            if n.endswith("affine.bias")  # minus one and plus one again
        }
        assert made.config == config


@pytest.mark.parametrize("kind", ["t", "r"])
@pytest.mark.parametrize("protocol", [3, 4])
def test_stylegan3(kind: str, protocol: int) -> None:
    official = read((OFFICIAL / f"sg3-{kind}.pkl").read_bytes())
    arrays = {n: a + np.float32(1) if n.endswith("weight") else a for n, a in official.tensors.items()}
    made = read(ff.pickled({"G_ema": ff.Nvidia(arrays).stylegan3(official.config)}, protocol, "numpy.core"))
    same(made, official.config, arrays)
    assert made.format == f"NVIDIA StyleGAN3-{kind.upper()} snapshot"


def test_only_g_is_taken_with_a_warning() -> None:
    arrays = weights(SMALL)
    made = read(ff.pickled({"G": ff.Nvidia(arrays).stylegan2(SMALL), "G_ema": None}, 3))
    same(made, SMALL, arrays)
    assert made.notes == ["There is no averaged network (G_ema) in the file; the raw one (G) is taken."]
    same(read(ff.pickled(ff.Nvidia(arrays).stylegan2(SMALL), 4)), SMALL, arrays)  # the generator alone


def test_frozen_layers_and_odd_neighbours() -> None:
    arrays = weights(SMALL)
    frozen = ("mapping.fc0.weight", "synthesis.b4.conv1.weight")
    odd = ff.Call(
        Name("pg_modules.discriminator", "ProjectedDiscriminator"), (), {"x": Name("torch.nn.functional", "relu")}
    )
    made = read(
        ff.pickled({"D": odd, "augment_pipe": odd, "G_ema": ff.Nvidia(arrays, frozen=frozen).stylegan2(SMALL)}, 4)
    )
    assert all(np.array_equal(made.tensors[n], a) for n, a in arrays.items())
    assert "pg_modules.discriminator.ProjectedDiscriminator" in made.notes[0]


def test_halves_and_doubles_keep_their_bits() -> None:
    for kind in (np.float16, np.float64):
        arrays = {n: a.astype(kind) for n, a in weights(SMALL).items()}
        made = read(ff.pickled({"G_ema": ff.Nvidia(arrays).stylegan2(SMALL)}, 4))
        assert all(np.array_equal(made.tensors[n], a) and made.tensors[n].dtype == kind for n, a in arrays.items())


def test_missing_noise_and_centre_are_filled_in() -> None:
    arrays = {n: a for n, a in weights(SMALL).items() if "noise" not in n and n != "mapping.w_avg"}
    made = read(ff.pickled({"G_ema": ff.Nvidia(arrays).stylegan2(SMALL)}, 4))
    assert len(made.notes) == 2
    assert all(not made.tensors[n].any() for n in made.tensors if "noise" in n)
    assert np.array_equal(made.tensors["mapping.w_avg"], mean_w(made.tensors, SMALL))


@pytest.mark.parametrize(
    ("oddity", "match"),
    [
        ({"activation": "relu"}, "activation relu; only lrelu"),
        ({"padding": 0}, "padding 0; only 1"),
        ({"up": 4}, "up 4"),
        ({"act_gain": 1.0}, r"act_gain 1\.0"),
        ({"activation": Name("torch.nn.functional", "relu")}, r"uses torch\.nn\.functional\.relu"),
        ({"conv_clamp": 3.0}, "clamp at different values"),
        ({"conv_clamp": "x"}, "does not say its conv_clamp"),
    ],
)
def test_what_is_not_played_exactly_is_refused(oddity: dict[str, Any], match: str) -> None:
    with pytest.raises(Refused, match=match):
        read(ff.pickled({"G_ema": ff.Nvidia(weights(SMALL)).stylegan2(SMALL, **oddity)}, 4))


@pytest.mark.parametrize("change", ["gone", "shape", "more", "integers", "filter"])
def test_weights_that_do_not_fit_are_named(change: str) -> None:
    arrays = weights(SMALL)
    name = "synthesis.b8.conv1.weight"
    if change == "gone":
        del arrays["synthesis.b8.conv1.bias"]
    elif change == "shape":
        arrays[name] = arrays[name][:, :4]
    elif change == "more":
        arrays["synthesis.b8.conv1.attention"] = arrays[name]
    elif change == "integers":
        arrays[name] = arrays[name].astype(np.int64)
    else:
        arrays["synthesis.resample_filter"] = np.eye(4, dtype=np.float32)
    words = "another filter" if change == "filter" else r"do not fit a StyleGAN2: synthesis\.b8\.conv1"
    with pytest.raises(Refused, match=words):
        read(ff.pickled({"G_ema": ff.Nvidia(arrays).stylegan2(SMALL)}, 4))


@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize("size", [{"channels": {"4": 3}, "img_resolution": 4}, {}, {"init_size": [5, 4], "z_dim": 8}])
def test_rosinality(container: str, size: dict[str, Any]) -> None:
    config = SMALL | size
    arrays = weights(config)
    members = 5 if container == "zip" else 6
    average = arrays["mapping.w_avg"]
    state, storages = ff.torch_state(ff.rosinality(arrays) | {"latent_avg": average}, members)
    latent_avg = state.pop("latent_avg")
    value = {
        "g_ema": OrderedDict(state),
        "latent_avg": latent_avg,
        "args": ff.Call(Name("argparse", "Namespace"), (), {"a": 1}),
    }
    made = read(ff.archive(value, storages) if container == "zip" else ff.legacy(value, storages))
    assert made.config == config
    assert all(np.allclose(made.tensors[n], a, rtol=1e-6) for n, a in arrays.items())
    assert made.notes == []
    quiet = {n: a for n, a in ff.rosinality(arrays).items() if not n.startswith("noises.")}
    bare, storages = ff.torch_state(quiet, members)  # old files have no noise in them
    again = read(ff.archive(bare, storages) if container == "zip" else ff.legacy(bare, storages))
    assert len(again.notes) == 2
    noise = again.tensors["synthesis.b4.conv1.noise_const"]
    assert 0.4 < noise.std() < 1.6


def test_words_of_rosinality_forks() -> None:
    state, storages = ff.torch_state(ff.rosinality(weights(SMALL)), 5)
    for name, match in [("convs.0.conv.blur.kernel", "another filter"), ("convs.0.attention", "attention is unknown")]:
        with pytest.raises(Refused, match=match):
            read(ff.archive({"g_ema": state | {name: state["style.1.weight"]}}, storages))
    with pytest.raises(Refused, match=r"style\.1\.weight is missing"):
        read(ff.archive({"g_ema": {n: t for n, t in state.items() if not n.startswith("style.1")}}, storages))
