"""rosinality's stylegan2-pytorch (and what descends from it): `.pt` files of its train.py and convert_weight.py, and
bare state dicts.

Nothing but the tensors says what the network is, so everything is inferred from names and shapes. A table of names
leads to NVIDIA's; three things differ in the numbers. Convolutions are scaled by 1/sqrt(fan in) before demodulation
there and not here (it matters through demodulation's 1e-8 only, and is applied so that the pictures agree); the first
dimension of weights and constants is one; training files have no centre of truncation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checkpoints import Refused
from models.checkpoints.converted import Arrays, Converted, fit, is_fir, mean_w, stylegan2_shapes, unfold
from models.checkpoints.inert import Tensor
from models.checkpoints.sealed import Opaque, damaged

ABOUT = "StyleGAN2 of rosinality's stylegan2-pytorch (.pt)"
NOISE_SEED = 0
MOST_DEPTH = 64

Change = Callable[[NDArray[Any]], NDArray[Any]]


def matches(value: object) -> bool:
    """Whether this is such a file: `g_ema` (or a bare state dict) that begins as this generator does."""
    return _state(value) is not None


def _state(value: object) -> dict[str, Any] | None:
    """The averaged generator's state dict, names without the prefix that parallel training leaves."""
    if not isinstance(value, dict):
        return None
    held = value.get("g_ema", value)
    if not isinstance(held, dict):
        return None
    names = {k.removeprefix("module."): v for k, v in held.items() if isinstance(k, str) and len(k) < 120}
    return names if "input.input" in names and "conv1.conv.weight" in names else None


def read(value: object) -> Converted:
    """The averaged generator. Raises Refused."""
    state = _state(value)
    if state is None or not isinstance(value, dict):
        raise damaged("no generator")
    for tensor in state.values():
        if isinstance(tensor, Opaque):
            raise Refused(f"its generator uses {tensor.name}, which this program does not know. A fork made it?")
        if not isinstance(tensor, Tensor):
            raise damaged("a tensor that is no tensor")
    given = unfold(state)
    notes: list[str] = []
    config = _config(given)
    tensors: Arrays = {}
    for name, array in given.items():
        renamed, change = _rename(name, array)
        if renamed:
            tensors[renamed] = change(array)
    shapes = stylegan2_shapes(config)
    silent = [n for n in shapes if n.endswith("noise_const") and n not in tensors]
    if silent:
        rng = np.random.RandomState(NOISE_SEED)
        tensors |= {name: rng.standard_normal(shapes[name]).astype(np.float32) for name in silent}
        notes.append(f"Its noise patterns are not in the file; new ones were drawn (seed {NOISE_SEED}).")
    average = value.get("latent_avg")
    tensors["mapping.w_avg"] = np.zeros(config["w_dim"], np.float32)
    if isinstance(average, Tensor):
        tensors["mapping.w_avg"] = unfold({"latent_avg": average})["latent_avg"].reshape(-1)
        fit(tensors, shapes, WHAT)
    else:
        fit(tensors, shapes, WHAT)
        tensors["mapping.w_avg"] = mean_w(tensors, config)
        notes.append("It has no centre of truncation; the mean of 10,000 mapped z (seed 0) is taken.")
    ordered = {name: tensors[name] for name in shapes}
    return Converted("stylegan2", config, ordered, "rosinality StyleGAN2 (.pt)", "", notes)


WHAT = "a StyleGAN2 by rosinality"


def _config(given: Arrays) -> dict[str, Any]:
    """Everything from shapes: people patch the channel table, so it is read off the layers."""
    upsampled = [k for k in range(MOST_DEPTH) if f"convs.{2 * k}.conv.weight" in given]
    depth = sum(f"style.{k + 1}.weight" in given for k in range(MOST_DEPTH))
    const, first, style = (_needed(given, n) for n in ("input.input", "conv1.conv.weight", "style.1.weight"))
    rgb, last_style = _needed(given, "to_rgb1.bias"), _needed(given, f"style.{max(depth, 1)}.weight")
    if const.ndim != 4 or first.ndim != 5 or style.ndim != 2 or rgb.ndim != 4 or last_style.ndim != 2:
        raise damaged("layers without proper shapes")
    if upsampled != list(range(len(upsampled))) or len(upsampled) > 10:
        raise Refused(f"its layers are not those of {WHAT}; a fork made it. Export it with the original names.")
    channels = {"4": first.shape[1]}
    for k in upsampled:
        weight = given[f"convs.{2 * k}.conv.weight"]
        channels[str(8 << k)] = weight.shape[1] if weight.ndim == 5 else 0
    return {
        "z_dim": style.shape[1], "w_dim": last_style.shape[0], "c_dim": 0, "img_resolution": 4 << len(upsampled),
        "img_channels": rgb.shape[1], "mapping_layers": depth, "mapping_lr": 0.01, "architecture": "skip",
        "channels": channels, "init_size": list(const.shape[2:]), "conv_clamp": None,
    }  # fmt: skip


def _needed(given: Arrays, name: str) -> NDArray[Any]:
    if name not in given:
        raise Refused(f"its weights do not fit {WHAT}: {name} is missing. A fork made it?")
    return given[name]


# -- The table of names ----------------------------------------------------------------------------------------------


def _same(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _first(array: NDArray[Any]) -> NDArray[Any]:
    """[1, ...] -> [...]."""
    return array.reshape(array.shape[1:]) if array.ndim and array.shape[0] == 1 else array


def _scaled(array: NDArray[Any]) -> NDArray[Any]:
    """[1, O, I, 3, 3] -> [O, I, 3, 3] divided by sqrt(fan in)."""
    if array.ndim != 5:
        return array
    scale = 1 / math.sqrt(max(math.prod(array.shape[2:]), 1))
    scaled: NDArray[Any] = np.multiply(_first(array), array.dtype.type(scale))
    return scaled


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """[1, 3, 1, 1] -> [3]."""
    return array.reshape(-1)


def _picture(array: NDArray[Any]) -> NDArray[Any]:
    """[1, 1, H, W] -> [H, W]."""
    return array.reshape(array.shape[2:]) if array.ndim == 4 and array.shape[:2] == (1, 1) else array


def _scalar(array: NDArray[Any]) -> NDArray[Any]:
    """[1] -> []."""
    return array.reshape(()) if array.size == 1 else array


CONV: dict[str, tuple[str, Change]] = {
    "conv.weight": ("weight", _scaled),
    "conv.modulation.weight": ("affine.weight", _same),
    "conv.modulation.bias": ("affine.bias", _same),
    "noise.weight": ("noise_strength", _scalar),
    "activate.bias": ("bias", _same),
}
RGB: dict[str, tuple[str, Change]] = {
    "conv.weight": ("weight", _first),
    "conv.modulation.weight": ("affine.weight", _same),
    "conv.modulation.bias": ("affine.bias", _same),
    "bias": ("bias", _flat),
}


def _conv(number: int) -> str:
    """The name of convs.`number`: pairs of an upsampling and a plain convolution, from 8x8 on."""
    return f"synthesis.b{8 << number // 2}.conv{number % 2}"


def _rename(name: str, array: NDArray[Any]) -> tuple[str, Change]:
    """NVIDIA's name and what is to be done to the numbers; "" for filters, which we compute. Refused if unknown."""
    if name.endswith((".kernel", ".blur.kernel")):
        if not is_fir(array):
            raise Refused("it resamples with another filter than [1, 3, 3, 1]. Only that one can be played exactly.")
        return "", _same
    if name == "input.input":
        return "synthesis.b4.const", _first
    if match := re.fullmatch(r"style\.(\d{1,2})\.(weight|bias)", name):
        return f"mapping.fc{int(match[1]) - 1}.{match[2]}", _same
    if match := re.fullmatch(r"noises\.noise_(\d{1,2})", name):
        k = int(match[1])
        return (f"{_conv(k - 1)}.noise_const" if k else "synthesis.b4.conv1.noise_const"), _picture
    if match := re.fullmatch(r"(conv1|convs\.(\d{1,2}))\.(.+)", name):
        layer = _conv(int(match[2])) if match[2] else "synthesis.b4.conv1"
        table, part = CONV, match[3]
    elif match := re.fullmatch(r"(to_rgb1|to_rgbs\.(\d{1,2}))\.(.+)", name):
        layer = f"synthesis.b{8 << int(match[2])}.torgb" if match[2] else "synthesis.b4.torgb"
        table, part = RGB, match[3]
    else:
        raise Refused(f"its weights do not fit {WHAT}: {name[:80]} is unknown. A fork made it?")
    if part not in table:
        raise Refused(f"its weights do not fit {WHAT}: {name[:80]} is unknown. A fork made it?")
    renamed, change = table[part]
    return f"{layer}.{renamed}", change
