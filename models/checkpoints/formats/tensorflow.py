"""NVIDIA's TensorFlow pickles of StyleGAN2 and StyleGAN2-ADA: a triple of networks (G, D, Gs), of which Gs is shown.

Each network carries its options (`static_kwargs`), its variables by name, and its source text, which is dropped. The
table below leads from TensorFlow's names and layouts to ours: convolutions [kh, kw, I, O] are transposed, those that
upsample are also flipped in both directions (there they are true convolutions), and the 1 of a style's bias is added.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checkpoints import Refused
from models.checkpoints.converted import (
    MOST_RESOLUTION,
    MOST_WIDTH,
    Arrays,
    Converted,
    complete,
    stylegan2_shapes,
)
from models.checkpoints.inert import Array, Network
from models.checkpoints.sealed import damaged

ABOUT = "NVIDIA's TensorFlow pickles (.pkl) of StyleGAN2 and StyleGAN2-ADA"
Change = Callable[[NDArray[Any]], NDArray[Any]]
OTHER = "Only the networks of StyleGAN2 and StyleGAN2-ADA can be played."
MOST_VARIABLES = 2000

# Options that change the picture, and their only value that we play.
FIXED: dict[str, Any] = {
    "nonlinearity": "lrelu", "mapping_nonlinearity": "lrelu", "normalize_latents": True,
    "resample_kernel": [1, 3, 3, 1],
}  # fmt: skip


def matches(value: object) -> bool:
    """Whether this is such a file."""
    return isinstance(value, tuple | list) and len(value) == 3 and all(isinstance(v, Network) for v in value)


def read(value: object) -> Converted:
    """The averaged generator, Gs. Raises Refused."""
    if not (isinstance(value, tuple | list) and len(value) == 3 and isinstance(value[2], Network)):
        raise damaged("no triple of networks")
    network = value[2]
    variables = dict(_variables(network))
    _refuse_others(network, variables)
    config = _config(network, variables)
    notes = _unread(network.state.get("static_kwargs", {}))
    tensors: Arrays = {}
    for name in stylegan2_shapes(config):
        theirs, change = _table(name)
        found = variables.get(theirs)
        if isinstance(found, Array):
            array = found.array()
            part = theirs.rpartition("/")[2]
            if not theirs.startswith("mapping/") and array.ndim != DIMENSIONS.get(part, array.ndim):
                raise damaged(f"no proper {theirs}")
            tensors[name] = np.ascontiguousarray(change(array))
        elif isinstance(found, float):
            tensors[name] = np.asarray(found, np.float32)
    used = {_table(name)[0] for name in tensors} | {"lod"}
    rest = sorted(set(variables) - used)
    if rest:
        raise Refused(f"its network has a part {rest[0][:60]} that a StyleGAN2 does not have. {OTHER}")
    tensors = complete(tensors, config, notes)
    return Converted("stylegan2", config, tensors, "NVIDIA StyleGAN2 for TensorFlow", "", notes)


DIMENSIONS = {"const": 4, "weight": 4, "mod_weight": 2}  # what the table below takes for granted


def _variables(network: Network, prefix: str = "", depth: int = 0) -> list[tuple[str, object]]:
    """Name and value of every variable, those of components with their name in front."""
    variables, components = network.state.get("variables", []), network.state.get("components", {})
    if not isinstance(variables, list) or not isinstance(components, dict) or depth > 2:
        raise damaged("a network without variables")
    found: list[tuple[str, object]] = []
    for pair in variables[:MOST_VARIABLES]:
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise damaged("a variable without a name")
        found.append((prefix + pair[0], pair[1]))
    for name, part in list(components.items())[:8]:
        if not (isinstance(name, str) and isinstance(part, Network)):
            raise damaged("a component that is no network")
        found += _variables(part, f"{prefix}{name}/", depth + 1)
    return found


def _refuse_others(network: Network, variables: dict[str, object]) -> None:
    """Words for the relatives that are not StyleGAN2."""
    function = network.state.get("build_func_name")
    if any("/ToRGB_lod" in name for name in variables):
        old = function == "G_style" or any("StyleMod" in name or "AdaIN" in name for name in variables)
        raise Refused(
            f"it is a StyleGAN of the first generation (2018). {OTHER}"
            if old
            else f"it is an early StyleGAN2 (configurations a to d) with an RGB layer for each size. {OTHER}"
        )
    if "synthesis/4x4/Const/const" not in variables:
        raise Refused(f"its network begins with no constant picture, so it is no StyleGAN2. {OTHER}")
    if any(name.startswith("mapping/LabelConcat") for name in variables):
        raise Refused(f"its labels are joined as in the StyleGAN2 of 2019, which is not supported. {OTHER}")


def _config(network: Network, variables: dict[str, object]) -> dict[str, Any]:
    options = network.state.get("static_kwargs", {})
    if not isinstance(options, dict):
        raise damaged("a network without options")
    _refuse_options(options)
    resolution = _whole(options, "resolution", 1024, MOST_RESOLUTION)
    if resolution < 4 or resolution & (resolution - 1):
        raise Refused(f"its resolution {resolution} is no power of two. {OTHER}")
    const = variables.get("synthesis/4x4/Const/const")
    if not isinstance(const, Array) or len(const.shape) != 4:
        raise damaged("no constant")
    channels = {"4": const.shape[1]}
    for size in (1 << k for k in range(3, resolution.bit_length())):
        weight = variables.get(f"synthesis/{size}x{size}/Conv1/weight")
        if not isinstance(weight, Array) or len(weight.shape) != 4:
            raise damaged(f"no convolution at {size}x{size}")
        channels[str(size)] = weight.shape[3]
    return {
        "z_dim": _whole(options, "latent_size", 512, MOST_WIDTH),
        "w_dim": _whole(options, "dlatent_size", 512, MOST_WIDTH),
        "c_dim": _whole(options, "label_size", 0, MOST_WIDTH),
        "img_resolution": resolution,
        "img_channels": _whole(options, "num_channels", 3, 16),
        "mapping_layers": _whole(options, "mapping_layers", 8, 64),
        "mapping_lr": _real(options, "mapping_lrmul", 0.01),
        "architecture": options.get("architecture") or "skip",
        "channels": channels,
        "init_size": list(const.shape[2:]),
        "conv_clamp": _real(options, "conv_clamp", None),
    }


def _refuse_options(options: dict[Any, Any]) -> None:
    """Refused for an option that changes the picture in a way that we do not play."""
    for name, wanted in FIXED.items():
        value = options.get(name)
        value = list(value) if isinstance(value, tuple) else value
        if value is not None and _short(value) != _short(wanted):
            raise Refused(f"its option {name} is {_short(value)}; only {wanted} can be played exactly.")
    if _short(options.get("architecture") or "skip") not in ("skip", "resnet", "orig"):
        raise Refused("its architecture is neither skip, resnet nor orig. Only these can be played.")


# Options that are read, or that have no say over the picture at full size.
READ = FIXED.keys() | {
    "resolution", "latent_size", "dlatent_size", "label_size", "num_channels", "mapping_layers", "mapping_lrmul",
    "architecture", "conv_clamp", "fmap_base", "fmap_max", "fmap_min", "fmap_decay", "mapping_fmaps", "label_fmaps",
    "use_noise", "randomize_noise", "fused_modconv", "num_fp16_res", "w_avg_beta", "dlatent_avg_beta",
    "truncation_psi", "truncation_cutoff", "truncation_psi_val", "truncation_cutoff_val", "style_mixing_prob",
    "structure", "conditioning", "dtype", "impl", "is_validation", "is_training",
}  # fmt: skip


def _unread(options: dict[Any, Any]) -> list[str]:
    """A note about options that nobody here knows."""
    names = sorted(str(name)[:30] for name in options if isinstance(name, str) and name not in READ)
    return [f"It has options that are not known here: {', '.join(names[:5])}."] if names else []


def _short(value: object) -> str:
    """A value for a message, if it is a plain one."""
    plain = isinstance(value, str | int | float)
    if isinstance(value, list) and len(value) <= 8 and all(isinstance(v, int | float) for v in value):
        return str([float(v) for v in value])
    return str(value)[:40] if plain else "something else"


def _whole(options: dict[Any, Any], name: str, default: int, most: int) -> int:
    value = options.get(name)
    value = default if value is None else value
    if type(value) is not int or not 0 <= value <= most:
        raise Refused(f"its option {name} is {_short(value)}, which cannot be played.")
    return value


def _real(options: dict[Any, Any], name: str, default: float | None) -> float | None:
    value = options.get(name)
    value = default if value is None else value
    if value is not None and type(value) not in (int, float):
        raise Refused(f"its option {name} is {_short(value)}, which cannot be played.")
    return None if value is None else float(value)


# -- The table of names ----------------------------------------------------------------------------------------------


def _same(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _turned(array: NDArray[Any]) -> NDArray[Any]:
    """[kh, kw, I, O] -> [O, I, kh, kw]."""
    return array.transpose(3, 2, 0, 1)


def _flipped(array: NDArray[Any]) -> NDArray[Any]:
    """[kh, kw, I, O] -> [O, I, kh, kw], mirrored in both directions."""
    return array[::-1, ::-1].transpose(3, 2, 0, 1)


def _transposed(array: NDArray[Any]) -> NDArray[Any]:
    """[I, O] -> [O, I]."""
    return array.T


def _and_one(array: NDArray[Any]) -> NDArray[Any]:
    more: NDArray[Any] = np.add(array, 1, dtype=array.dtype)
    return more


def _picture(array: NDArray[Any]) -> NDArray[Any]:
    """[1, 1, H, W] -> [H, W]."""
    return array.reshape(array.shape[2:]) if array.ndim == 4 and array.shape[:2] == (1, 1) else array


def _drop(array: NDArray[Any]) -> NDArray[Any]:
    """[1, C, 4, 4] -> [C, 4, 4]."""
    return array.reshape(array.shape[1:]) if array.shape[0] == 1 else array


PARTS: dict[str, tuple[str, Change]] = {
    "weight": ("weight", _turned),
    "bias": ("bias", _same),
    "noise_strength": ("noise_strength", _same),
    "affine.weight": ("mod_weight", _transposed),
    "affine.bias": ("mod_bias", _and_one),
}


def _table(name: str) -> tuple[str, Change]:
    """TensorFlow's name for one of ours, and what is to be done to the numbers."""
    if name == "mapping.w_avg":
        return "dlatent_avg", _same
    if match := re.fullmatch(r"mapping\.(?:fc(\d+)|embed)\.(weight|bias)", name):
        layer = f"Dense{match[1]}" if match[1] else "LabelEmbed"
        return f"mapping/{layer}/{match[2]}", _transposed if match[2] == "weight" else _same
    match = re.fullmatch(r"synthesis\.b(\d+)\.(const|conv0|conv1|torgb|skip)\.?(.*)", name)
    if match is None:
        raise damaged(f"no {name}")
    resolution, layer, part = int(match[1]), match[2], match[3]
    if layer == "const":
        return "synthesis/4x4/Const/const", _drop
    if part == "noise_const":  # noise0 is at 4x4, then two for each resolution
        return f"synthesis/noise{2 * (resolution.bit_length() - 1) - (5 if layer == 'conv0' else 4)}", _picture
    theirs = {"conv0": "Conv0_up", "conv1": "Conv" if resolution == 4 else "Conv1", "torgb": "ToRGB", "skip": "Skip"}
    tail, change = PARTS[part]
    if part == "weight" and layer in ("conv0", "skip"):
        change = _flipped
    return f"synthesis/{resolution}x{resolution}/{theirs[layer]}/{tail}", change
