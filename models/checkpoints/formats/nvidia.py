"""NVIDIA's PyTorch snapshots: StyleGAN2 (stylegan2-ada-pytorch and the StyleGAN3 repository) and StyleGAN3-T and -R.

The snapshot is a dict of networks; `G_ema` is the one to show. Each network is a tree of `inert.Node`: class name,
attributes, tensors. The family is told by what the synthesis network has, and numbers are read from the attributes of
each layer, since the defaults differ between the repositories. Whatever we do not play exactly (another activation,
another filter, a class we have no words for) is refused by name. Discriminators and augmentation may be of any kind:
nobody looks at them.
"""

from __future__ import annotations

import math
from typing import Any

from models.checkpoints import Refused
from models.checkpoints.converted import (
    MOST_RESOLUTION,
    MOST_WIDTH,
    Arrays,
    Converted,
    Shapes,
    complete,
    fit,
    is_fir,
    unfold,
)
from models.checkpoints.inert import Node, Tensor
from models.checkpoints.nodes import (
    KNOWN,
    attribute,
    child,
    children,
    clamp,
    dense,
    integer,
    must,
    number,
    pair,
    refuse_foreign,
    tensors,
    walk,
)
from models.checkpoints.sealed import Name, Opaque, damaged

ABOUT = "NVIDIA's PyTorch snapshots (.pkl) of StyleGAN2, StyleGAN2-ADA and StyleGAN3"
CLASSES = {
    "Generator", "MappingNetwork", "SynthesisNetwork", "SynthesisBlock", "SynthesisLayer", "ToRGBLayer",
    "SynthesisInput", "FullyConnectedLayer", "Conv2dLayer",
}  # fmt: skip
LRELU_GAIN = math.sqrt(2.0)
MOST_CONSTANT, MOST_LAYERS = 256, 64


def matches(value: object) -> bool:
    """Whether this is a snapshot, or the generator alone."""
    if isinstance(value, dict):
        value = value.get("G_ema") or value.get("G")
    return isinstance(value, Node | Opaque | Name)


def read(value: object) -> Converted:
    """The averaged generator. Raises Refused."""
    notes: list[str] = []
    generator = value
    if isinstance(value, dict):
        generator = value.get("G_ema")
        if generator is None and value.get("G") is not None:
            generator = value["G"]
            notes.append("There is no averaged network (G_ema) in the file; the raw one (G) is taken.")
    if isinstance(generator, Opaque | Name):
        name = generator.name if isinstance(generator, Opaque) else generator
        raise Refused(f"it asks for {name}, which this program does not know. Nothing was run. {KNOWN}")
    if not isinstance(generator, Node):
        raise damaged("no generator")
    refuse_foreign(generator)
    unknown = sorted({node.class_name for _, node in walk(generator)} - CLASSES)
    if unknown:
        raise Refused(f"its network has parts of class {unknown[0][:60]}, which this program does not know. {KNOWN}")
    synthesis, mapping = child(generator, "synthesis"), child(generator, "mapping")
    held = tensors(generator)
    depth, rate = _mapping(held, mapping)
    sizes = {name: integer(generator, name, MOST_WIDTH) for name in ("z_dim", "w_dim", "c_dim")}
    sizes |= {"img_resolution": integer(generator, "img_resolution", MOST_RESOLUTION)}
    sizes |= {"img_channels": integer(generator, "img_channels", 16), "mapping_layers": depth}
    if "layer_names" in synthesis.state and "input" in children(synthesis):
        return _stylegan3(sizes, rate, synthesis, held, notes)
    if "block_resolutions" in synthesis.state:
        return _stylegan2(sizes, rate, synthesis, held, notes)
    raise Refused(f"its generator is neither a StyleGAN2 nor a StyleGAN3. {KNOWN}")


def _mapping(held: dict[str, Tensor], mapping: Node) -> tuple[int, float]:
    """How many layers, and their learning-rate multiplier."""
    parts = children(mapping)
    depth = sum(name.startswith("fc") for name in parts)
    if not 1 <= depth <= MOST_LAYERS or set(parts) - {"embed"} != {f"fc{k}" for k in range(depth)}:
        raise Refused(f"its mapping network is built in another way. {KNOWN}")
    rates = {dense(held, f"mapping.fc{k}.", parts[f"fc{k}"], "lrelu") for k in range(depth)}
    if len(rates) != 1:
        raise Refused("the layers of its mapping learn at different rates. Only one rate can be played exactly.")
    if "embed" in parts and dense(held, "mapping.embed.", parts["embed"], "linear") != 1:
        raise Refused("its label embedding has a learning-rate multiplier. Only 1 can be played exactly.")
    return depth, rates.pop()


# -- StyleGAN2 -------------------------------------------------------------------------------------------------------


def _stylegan2(
    sizes: dict[str, Any], rate: float, synthesis: Node, held: dict[str, Tensor], notes: list[str]
) -> Converted:
    resolutions = synthesis.state["block_resolutions"]
    doubling = [4 << k for k in range(11)]
    if not (isinstance(resolutions, list) and resolutions and resolutions == doubling[: len(resolutions)]):
        raise Refused("its resolutions do not double from 4 up. Only such StyleGAN2 networks can be played.")
    const = held.get("synthesis.b4.const")
    if const is None or len(const.size) != 3 or max(const.size[1:]) > MOST_CONSTANT:
        raise damaged("no constant")
    architectures, clamps, channels = set(), set(), {}
    for resolution in resolutions:
        block, where = child(synthesis, f"b{resolution}"), f"synthesis.b{resolution}."
        architecture = attribute(block, "architecture")
        architectures.add(architecture if isinstance(architecture, str) else "")
        clamps |= {_styled(held, f"{where}{name}.", part) for name, part in children(block).items() if name != "skip"}
        if "skip" in children(block):
            _shortcut(held, f"{where}skip.", child(block, "skip"))
        weight = held.get(f"{where}conv1.weight")
        channels[str(resolution)] = weight.size[0] if weight is not None and weight.size else 0
    if len(architectures) != 1 or not architectures <= {"skip", "resnet", "orig"}:
        raise Refused("its blocks are neither all skip, all resnet nor all orig. Only these can be played.")
    if len(clamps) != 1:
        raise Refused("its layers clamp at different values. Only one value for all can be played.")
    if sizes["img_resolution"] != resolutions[-1]:
        raise damaged("an img_resolution that is not its last block's")
    config = {
        **sizes,
        "mapping_lr": rate,
        "architecture": architectures.pop(),
        "channels": channels,
        "init_size": list(const.size[1:]),
        "conv_clamp": clamps.pop(),
    }
    arrays = complete(_without_filters(unfold(held)), config, notes)
    return Converted("stylegan2", config, arrays, "NVIDIA StyleGAN2 snapshot", synthesis.source_sha(), notes)


def _styled(held: dict[str, Tensor], where: str, layer: Node) -> float | None:
    """Check a convolution or an RGB layer; its clamp."""
    if dense(held, f"{where}affine.", child(layer, "affine"), "linear") != 1:
        raise Refused(f"its {where}affine has a learning-rate multiplier. Only 1 can be played exactly.")
    if where.endswith("torgb."):
        inputs = held[f"{where}affine.weight"].size[0]
        must(layer, where, weight_gain=1 / math.sqrt(max(inputs, 1)))
    else:
        up = 2 if where.endswith("conv0.") else 1
        must(layer, where, activation="lrelu", up=up, padding=1, act_gain=LRELU_GAIN)
    return clamp(layer)


def _shortcut(held: dict[str, Tensor], where: str, layer: Node) -> None:
    """Check the 1x1 convolution around a residual block."""
    weight = held.get(f"{where}weight")
    if weight is None or len(weight.size) != 4 or not weight.size[1]:
        raise damaged(f"no {where}weight")
    gain = 1 / math.sqrt(weight.size[1])
    must(layer, where, activation="linear", up=2, down=1, padding=0, act_gain=1.0, weight_gain=gain)


def _without_filters(arrays: Arrays) -> Arrays:
    """The weights without the resampling filters, which must be the ones that we compute."""
    kept = {}
    for name, array in arrays.items():
        if not name.endswith("resample_filter"):
            kept[name] = array
        elif not is_fir(array):
            raise Refused("it resamples with another filter than [1, 3, 3, 1]. Only that one can be played exactly.")
    return kept


# -- StyleGAN3 -------------------------------------------------------------------------------------------------------

LAYER_NUMBERS = ("in_sampling_rate", "out_sampling_rate")
LAYER_INTEGERS = ("in_channels", "out_channels", "up_factor", "down_factor", "conv_kernel")


def _stylegan3(
    sizes: dict[str, Any], rate: float, synthesis: Node, held: dict[str, Tensor], notes: list[str]
) -> Converted:
    if abs(rate - 0.01) > 1e-9:
        raise Refused(f"its mapping learns at {rate:g} times the rate. Only 0.01 can be played exactly.")
    names = synthesis.state["layer_names"]
    named = isinstance(names, list) and all(isinstance(n, str) and 0 < len(n) < 40 and "." not in n for n in names)
    if not named or not 2 <= len(set(names)) == len(names) <= MOST_LAYERS:
        raise damaged("no layer_names")
    source = child(synthesis, "input")
    if dense(held, "synthesis.input.affine.", child(source, "affine"), "linear") != 1:
        raise Refused("its input has a learning-rate multiplier. Only 1 can be played exactly.")
    config: dict[str, Any] = {
        **sizes,
        "output_scale": number(synthesis, "output_scale"),
        "input": {
            "channels": integer(source, "channels"),
            "size": pair(source, "size"),
            "sampling_rate": number(source, "sampling_rate"),
            "bandwidth": number(source, "bandwidth"),
        },
        "layers": [_layer3(held, name, child(synthesis, name)) for name in names],
    }
    _chain(config)
    arrays = unfold(held)
    filters = {n: a for n, a in arrays.items() if n.endswith(("up_filter", "down_filter"))}
    if not all(
        1 <= a.ndim <= 2 and a.size and len(set(a.shape)) == 1 and a.dtype.kind == "f" for a in filters.values()
    ):
        raise damaged("a filter without a proper shape")
    shapes = _stylegan3_shapes(config) | {n: a.shape for n, a in filters.items() if n in _filter_names(config)}
    fit(arrays, shapes, "a StyleGAN3")
    radial = any(a.ndim == 2 for a in filters.values())
    kind = f"NVIDIA StyleGAN3-{'R' if radial else 'T'} snapshot"
    return Converted("stylegan3", config, arrays, kind, synthesis.source_sha(), notes)


def _layer3(held: dict[str, Tensor], name: str, layer: Node) -> dict[str, Any]:
    """One entry of `layers` in the configuration."""
    if dense(held, f"synthesis.{name}.affine.", child(layer, "affine"), "linear") != 1:
        raise Refused(f"its {name} has a learning-rate multiplier. Only 1 can be played exactly.")
    padding, is_torgb = attribute(layer, "padding"), attribute(layer, "is_torgb")
    whole = (
        isinstance(padding, list) and len(padding) == 4 and all(type(n) is int and abs(n) < 1 << 12 for n in padding)
    )
    if not whole or not isinstance(is_torgb, bool):
        raise damaged("a layer without padding")
    return {
        "name": name,
        "is_torgb": is_torgb,
        "in_size": pair(layer, "in_size"),
        "out_size": pair(layer, "out_size"),
        "padding": list(padding),
        "conv_clamp": clamp(layer),
        **{key: number(layer, key) for key in LAYER_NUMBERS},
        **{key: integer(layer, key) for key in LAYER_INTEGERS},
    }


def _chain(config: dict[str, Any]) -> None:
    """Refused unless each layer takes what the one before gives, and the last one gives the picture."""
    layers = config["layers"]
    channels, size = config["input"]["channels"], config["input"]["size"]
    for layer in layers:
        if layer["in_channels"] != channels or layer["in_size"] != size:
            raise damaged(f"a layer {layer['name']} that does not take what comes before it")
        channels, size = layer["out_channels"], layer["out_size"]
    if channels != config["img_channels"] or size != [config["img_resolution"]] * 2:
        raise damaged("layers that do not end in the picture")
    if [layer["is_torgb"] for layer in layers] != [False] * (len(layers) - 1) + [True]:
        raise damaged("an RGB layer in another place than the last")


def _filter_names(config: dict[str, Any]) -> set[str]:
    return {f"synthesis.{layer['name']}.{part}" for layer in config["layers"] for part in ("up_filter", "down_filter")}


def _stylegan3_shapes(config: dict[str, Any]) -> Shapes:
    """Every tensor of a StyleGAN3 but its filters."""
    w, channels = config["w_dim"], config["input"]["channels"]
    shapes: Shapes = {
        "synthesis.input.weight": (channels, channels),
        "synthesis.input.affine.weight": (4, w),
        "synthesis.input.affine.bias": (4,),
        "synthesis.input.transform": (3, 3),
        "synthesis.input.freqs": (channels, 2),
        "synthesis.input.phases": (channels,),
        "mapping.w_avg": (w,),
    }
    for layer in config["layers"]:
        name, inputs, outputs = f"synthesis.{layer['name']}", layer["in_channels"], layer["out_channels"]
        shapes |= {f"{name}.weight": (outputs, inputs, layer["conv_kernel"], layer["conv_kernel"])}
        shapes |= {f"{name}.bias": (outputs,), f"{name}.magnitude_ema": ()}
        shapes |= {f"{name}.affine.weight": (inputs, w), f"{name}.affine.bias": (inputs,)}
    embedded = w if config["c_dim"] else 0
    for k in range(config["mapping_layers"]):
        inputs = config["z_dim"] + embedded if k == 0 else w
        shapes |= {f"mapping.fc{k}.weight": (w, inputs), f"mapping.fc{k}.bias": (w,)}
    if config["c_dim"]:
        shapes |= {"mapping.embed.weight": (w, config["c_dim"]), "mapping.embed.bias": (w,)}
    return shapes
