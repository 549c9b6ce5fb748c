"""What every foreign reader makes: an architecture of ours, its configuration and its weights under NVIDIA's names,
with the checks that the three StyleGAN2 formats share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checkpoints import Refused
from models.checkpoints.inert import Storage, Tensor

Arrays = dict[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]

FIR = (
    np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype(np.float32) / 64
)  # StyleGAN2's resampling filter, the only one we play
MOST_RESOLUTION, MOST_WIDTH = 4096, 4096
MEAN_OF = 10_000  # mapped z that a missing centre of truncation is the mean of
GAIN = np.float32(math.sqrt(2.0))


@dataclass(frozen=True)
class Converted:
    """A network out of a foreign file.

    `tensors` have the names and shapes that `models.generators.<architecture>.build` wants with `config` (plain JSON
    values). `format` says in a few words what the file was; `network_code` is the beginning of the sha256 of the
    network code inside it ("" if there is none): a hint at who made it. `notes` are sentences about what was left out
    or filled in.
    """

    architecture: str
    config: dict[str, Any]
    tensors: Arrays
    format: str
    network_code: str = ""
    notes: list[str] = field(default_factory=list)


def unfold(tensors: Mapping[str, Tensor]) -> Arrays:
    """The numbers of each tensor, as arrays of their own.

    Refused if together they are more than twice their storages: no state dict is, and a small file could otherwise
    fill the memory by naming one storage again and again.
    """
    storages: dict[int, Storage] = {id(t.storage): t.storage for t in tensors.values()}
    asked = sum(math.prod(t.size) * t.storage.width for t in tensors.values())
    if asked > 2 * sum(s.count * s.width for s in storages.values()):
        raise Refused("its tensors claim more numbers than the file holds. It is damaged or made to harm.")
    return {name: t.array() for name, t in tensors.items()}


def stylegan2_shapes(config: Mapping[str, Any]) -> Shapes:
    """Every tensor of a StyleGAN2 of this configuration, by NVIDIA's names, in their order (filters left out)."""
    z, w, c, rgb = (config[name] for name in ("z_dim", "w_dim", "c_dim", "img_channels"))
    shapes: Shapes = {}

    def dense(name: str, inputs: int, outputs: int) -> None:
        shapes.update({f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)})

    def conv(name: str, inputs: int, outputs: int, resolution: int) -> None:
        height, width = (n * resolution // 4 for n in config["init_size"])
        shapes.update({f"{name}.weight": (outputs, inputs, 3, 3), f"{name}.noise_strength": ()})
        shapes.update({f"{name}.bias": (outputs,), f"{name}.noise_const": (height, width)})
        dense(f"{name}.affine", w, inputs)

    before = 0
    for resolution, channels in ((int(r), n) for r, n in config["channels"].items()):
        block = f"synthesis.b{resolution}"
        if before:
            conv(f"{block}.conv0", before, channels, resolution)
        else:
            shapes[f"{block}.const"] = (channels, *config["init_size"])
        conv(f"{block}.conv1", channels, channels, resolution)
        if config["architecture"] == "skip" or resolution == config["img_resolution"]:
            shapes.update({f"{block}.torgb.weight": (rgb, channels, 1, 1), f"{block}.torgb.bias": (rgb,)})
            dense(f"{block}.torgb.affine", w, channels)
        if config["architecture"] == "resnet" and before:
            shapes[f"{block}.skip.weight"] = (channels, before, 1, 1)
        before = channels
    if c:
        dense("mapping.embed", c, w)
    for k in range(config["mapping_layers"]):
        dense(f"mapping.fc{k}", z + (w if c else 0) if k == 0 else w, w)
    shapes["mapping.w_avg"] = (w,)
    return shapes


def fit(tensors: Arrays, shapes: Shapes, what: str) -> Arrays:
    """The tensors as they are, if their names and shapes are exactly these and they are floats; Refused with the first
    few that are not.
    """
    wrong = [f"{name} is missing" for name in shapes if name not in tensors]
    wrong += [f"{name} is unknown" for name in tensors if name not in shapes]
    for name in (n for n in tensors if n in shapes):
        if tensors[name].shape != shapes[name]:
            wrong.append(f"{name} is {list(tensors[name].shape)}, not {list(shapes[name])}")
        elif tensors[name].dtype.kind != "f":
            wrong.append(f"{name} is not of floating point")
    if wrong:
        more = f" ({len(wrong)} such)" if len(wrong) > 3 else ""
        raise Refused(f"its weights do not fit {what}: {'; '.join(w[:120] for w in wrong[:3])}{more}. A fork made it?")
    return tensors


def complete(arrays: Arrays, config: dict[str, Any], notes: list[str]) -> Arrays:
    """A StyleGAN2's weights with what may be missing filled in: noise (none) and the centre of truncation."""
    shapes = stylegan2_shapes(config)
    noise = [n for n in shapes if n.endswith(("noise_const", "noise_strength")) and n not in arrays]
    if noise:  # use_noise=False; noise of no strength is the same picture
        arrays = arrays | {name: np.zeros(shapes[name], np.float32) for name in noise}
        notes.append("It has layers without noise.")
    if "mapping.w_avg" in arrays:
        return fit(arrays, shapes, "a StyleGAN2")
    arrays = arrays | {"mapping.w_avg": np.zeros(shapes["mapping.w_avg"], np.float32)}
    fit(arrays, shapes, "a StyleGAN2")
    notes.append("It has no centre of truncation; the mean of 10,000 mapped z (seed 0) is taken.")
    return arrays | {"mapping.w_avg": mean_w(arrays, config)}


def is_fir(filter_2d: NDArray[Any]) -> bool:
    """Whether this is StyleGAN2's standard filter, up to a gain."""
    if filter_2d.shape != FIR.shape or not np.isfinite(filter_2d).all():
        return False
    total = float(np.sum(filter_2d, dtype=np.float64))
    return bool(total > 1e-6 and np.abs(filter_2d / total - FIR).max() < 1e-6)


@np.errstate(all="ignore")  # weights that are no numbers give a centre that is none; that is no reason to stop
def mean_w(tensors: Arrays, config: Mapping[str, Any]) -> NDArray[np.float32]:
    """[w_dim], the mean of 10,000 mapped z from a fixed seed: the centre of truncation where a file has none.

    Karras et al. 2019, section B. Labels, if there are any, are taken in turn.
    """
    rng = np.random.RandomState(0)
    x = _normalised(rng.randn(MEAN_OF, config["z_dim"]).astype(np.float32))
    if config["c_dim"]:
        labels = np.eye(config["c_dim"], dtype=np.float32)[np.arange(MEAN_OF) % config["c_dim"]]
        width = np.float32(1 / math.sqrt(config["c_dim"]))
        embedded = labels @ (tensors["mapping.embed.weight"].T * width) + tensors["mapping.embed.bias"]
        x = np.concatenate([x, _normalised(embedded)], axis=1)
    rate = np.float32(config["mapping_lr"])
    for k in range(config["mapping_layers"]):
        weight, bias = tensors[f"mapping.fc{k}.weight"], tensors[f"mapping.fc{k}.bias"]
        x = x @ (weight.T * (rate / np.float32(math.sqrt(weight.shape[1])))) + bias * rate
        x = np.where(x < 0, x * np.float32(0.2), x) * GAIN
    mean: NDArray[np.float32] = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def _normalised(x: NDArray[Any]) -> NDArray[Any]:
    """Each row to mean square 1."""
    y: NDArray[Any] = x / np.sqrt(np.mean(np.square(x), axis=1, keepdims=True) + np.float32(1e-8))
    return y
