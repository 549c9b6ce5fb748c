"""Writes checkpoints as other programs do: a small emulation of their layouts, for tests of many sizes and kinds.

The official programs' own files are in tests/golden; here the same layouts are made for any network, pickle protocol
and age of numpy. `Call` and `Name` stand for what the pickle names; nothing of the official code is needed.
"""

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
KINDS = {"float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage", "int64": "LongStorage"}


@dataclass(eq=False)
class Name:
    module: str
    name: str


@dataclass(eq=False)
class Call:
    """What a REDUCE makes, with a state for BUILD if there is one."""

    name: Name
    args: tuple[Any, ...]
    state: Any = None


@dataclass(eq=False)
class Storage:
    """Numbers that are named by a persistent id."""

    key: str
    array: np.ndarray
    members: int = 6  # of the id: 6 in the legacy stream, 5 in the zip archive


class Writer(pickle._Pickler):  # type: ignore[name-defined]  # Python's own, in Python, so that `save` can be overridden
    """A pickler that writes Names, Calls and Storages, and numpy's values under numpy's old or new names."""

    def __init__(self, file: io.BytesIO, protocol: int, core: str = "numpy._core") -> None:
        super().__init__(file, protocol)
        self.core = core

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Storage):
            return None
        kind = Name("torch", KINDS[value.array.dtype.name])
        return ("storage", kind, value.key, "cpu", value.array.size, None)[: value.members]

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        known = self.memo.get(id(value))
        if isinstance(value, Name):
            if self.proto >= 4:
                super().save(value.module)
                super().save(value.name)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Call) and known is None:
            self.save(value.name)
            self.save(value.args)
            self.write(pickle.REDUCE)
            self.memoize(value)
            if value.state is not None:
                self.save(value.state)
                self.write(pickle.BUILD)
        elif isinstance(value, np.ndarray | np.generic | np.dtype) and known is None:
            self.keep = [*getattr(self, "keep", []), made := self.numpy(value)]  # ids in the memo must stay alive
            self.save(made)
        elif isinstance(value, Call):
            self.write(self.get(known[0]))
        else:
            super().save(value, save_persistent_id)

    def numpy(self, value: Any) -> Call:
        """The call that makes a numpy value."""
        if isinstance(value, np.dtype):
            return Call(Name("numpy", "dtype"), (value.str[1:], False, True), (3, "<", None, None, None, -1, -1, 0))
        dtype = self.numpy(value.dtype)
        multiarray = f"{self.core}.multiarray"
        if isinstance(value, np.generic):
            return Call(Name(multiarray, "scalar"), (dtype, value.tobytes()))
        state = (1, value.shape, dtype, False, value.tobytes())
        return Call(Name(multiarray, "_reconstruct"), (Name("numpy", "ndarray"), (0,), b"b"), state)


def pickled(value: Any, protocol: int, core: str = "numpy._core") -> bytes:
    file = io.BytesIO()
    Writer(file, protocol, core).dump(value)
    return file.getvalue()


def storage_stream(array: np.ndarray) -> bytes:
    """torch's legacy stream of one storage, as it lies inside NVIDIA's pickles."""
    return legacy(Storage("94520", array.reshape(-1)), [Storage("94520", array.reshape(-1))])


def legacy(value: Any, storages: list[Storage]) -> bytes:
    """torch's legacy stream."""
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickled(v, 2) for v in (MAGIC, PROTOCOL, system, value, [s.key for s in storages])]
    numbers = [struct.pack("<q", s.array.size) + s.array.tobytes() for s in storages]
    return b"".join(parts + numbers)


def archive(value: Any, storages: list[Storage], compression: int = zipfile.ZIP_STORED) -> bytes:
    """torch's zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as members:
        members.writestr("archive/data.pkl", pickled(value, 2))
        members.writestr("archive/byteorder", b"little")
        for storage in storages:
            members.writestr(f"archive/data/{storage.key}", storage.array.tobytes())
        members.writestr("archive/version", b"3\n")
    return file.getvalue()


def strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))


def rebuilt(storage: Any, array: np.ndarray) -> Call:
    args = (storage, 0, array.shape, strides(array.shape), False, OrderedDict())
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), args)


# -- NVIDIA ----------------------------------------------------------------------------------------------------------


def node(class_name: str, attributes: Mapping[str, Any], source: str = "# no source\n") -> Call:
    meta = {"type": "class", "version": 6, "module_src": source, "class_name": class_name, "state": dict(attributes)}
    return Call(Name("torch_utils.persistence", "_reconstruct_persistent_obj"), (meta,))


class Nvidia:
    """Writes our networks as NVIDIA's snapshots. `plain` writes groups as dict (newer torch) instead of OrderedDict."""

    def __init__(self, arrays: Arrays, plain: bool = True, frozen: tuple[str, ...] = ()) -> None:
        self.arrays, self.frozen = arrays, frozen
        self.group: Any = dict if plain else OrderedDict

    def tensor(self, name: str) -> Call:
        array = self.arrays[name]
        return rebuilt(Call(Name("torch.storage", "_load_from_bytes"), (storage_stream(array),)), array)

    def layer(self, class_name: str, where: str, parts: Mapping[str, Call], **attributes: Any) -> Call:
        """A node with the tensors directly under `where` and these parts."""
        names = [n[len(where) :] for n in self.arrays if n.startswith(where) and "." not in n[len(where) :]]
        ours = {"noise_const", "w_avg", "transform", "freqs", "phases", "magnitude_ema", "up_filter", "down_filter"}
        buffers = self.group((n, self.tensor(where + n)) for n in names if n in ours or where + n in self.frozen)
        if class_name in ("SynthesisLayer", "SynthesisBlock", "Conv2dLayer") and "is_torgb" not in attributes:
            fir = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype(np.float32) / 64
            stream = Call(Name("torch.storage", "_load_from_bytes"), (storage_stream(fir),))
            buffers["resample_filter"] = rebuilt(stream, fir)
        parameters = self.group()
        for n in (n for n in names if n not in buffers):
            wrapped = (self.tensor(where + n), True, OrderedDict())
            parameters[n] = Call(Name("torch._utils", "_rebuild_parameter"), wrapped)
        hooks = {"_backward_hooks": OrderedDict(), "_non_persistent_buffers_set": set(), "training": False}
        groups = {"_parameters": parameters, "_buffers": buffers, "_modules": self.group(parts)}
        return node(class_name, hooks | groups | attributes)

    def dense(self, where: str, activation: str = "linear", rate: float = 1.0) -> Call:
        gain = np.float64(rate / math.sqrt(self.arrays[f"{where}weight"].shape[1]))
        bias_gain = 1 if rate == 1 else rate
        return self.layer(
            "FullyConnectedLayer", where, {}, activation=activation, weight_gain=gain, bias_gain=bias_gain
        )

    def mapping(self, config: Mapping[str, Any]) -> Call:
        parts = {"embed": self.dense("mapping.embed.")} if config["c_dim"] else {}
        for k in range(config["mapping_layers"]):
            parts[f"fc{k}"] = self.dense(f"mapping.fc{k}.", "lrelu", config.get("mapping_lr", 0.01))
        return self.layer("MappingNetwork", "mapping.", parts, num_layers=config["mapping_layers"], w_avg_beta=0.995)

    def generator(self, config: Mapping[str, Any], synthesis: Call) -> Call:
        sizes = {n: config[n] for n in ("z_dim", "w_dim", "c_dim", "img_resolution", "img_channels")}
        return self.layer("Generator", "", {"synthesis": synthesis, "mapping": self.mapping(config)}, **sizes)

    def stylegan2(self, config: Mapping[str, Any], **oddities: Any) -> Call:
        """The generator; `oddities` replace attributes of all its convolutions."""
        blocks = {}
        for name in config["channels"]:
            where = f"synthesis.b{name}."
            parts = {}
            for part in ("conv0", "conv1"):
                if f"{where}{part}.weight" in self.arrays:
                    numbers = {"up": 2 if part == "conv0" else 1, "padding": 1, "use_noise": True}
                    numbers |= {"activation": "lrelu", "act_gain": np.float64(math.sqrt(2))}
                    numbers |= {"conv_clamp": config["conv_clamp"]}
                    affine = {"affine": self.dense(f"{where}{part}.affine.")}
                    parts[part] = self.layer("SynthesisLayer", f"{where}{part}.", affine, **numbers | oddities)
            if f"{where}torgb.weight" in self.arrays:
                affine = {"affine": self.dense(f"{where}torgb.affine.")}
                parts["torgb"] = self.layer("ToRGBLayer", f"{where}torgb.", affine, conv_clamp=config["conv_clamp"])
            if f"{where}skip.weight" in self.arrays:
                parts["skip"] = self.layer("Conv2dLayer", f"{where}skip.", {}, activation="linear", up=2, act_gain=1)
            blocks[f"b{name}"] = self.layer("SynthesisBlock", where, parts, architecture=config["architecture"])
        resolutions = [int(name) for name in config["channels"]]
        return self.generator(
            config, self.layer("SynthesisNetwork", "synthesis.", blocks, block_resolutions=resolutions)
        )

    def stylegan3(self, config: Mapping[str, Any]) -> Call:
        source = {k: np.array(v) if k == "size" else v for k, v in config["input"].items()}
        affine = {"affine": self.dense("synthesis.input.affine.")}
        parts = {"input": self.layer("SynthesisInput", "synthesis.input.", affine, **source)}
        for layer in config["layers"]:
            where = f"synthesis.{layer['name']}."
            numbers = {k: np.array(v) if k.endswith("_size") else v for k, v in layer.items() if k != "name"}
            parts[layer["name"]] = self.layer(
                "SynthesisLayer", where, {"affine": self.dense(f"{where}affine.")}, **numbers
            )
        names = [layer["name"] for layer in config["layers"]]
        attributes = {"layer_names": names, "output_scale": config["output_scale"]}
        return self.generator(config, self.layer("SynthesisNetwork", "synthesis.", parts, **attributes))


# -- rosinality and TensorFlow ---------------------------------------------------------------------------------------


def _place(name: str) -> tuple[int, str]:
    """synthesis.b16.conv1.weight -> 16, conv1.weight."""
    block, _, rest = name.removeprefix("synthesis.b").partition(".")
    return int(block), rest


def rosinality(arrays: Arrays) -> dict[str, np.ndarray]:
    """Its state dict of one of our StyleGAN2s (skip, without labels)."""
    state = {}
    parts = {"weight": "conv.weight", "affine.weight": "conv.modulation.weight", "affine.bias": "conv.modulation.bias",
             "noise_strength": "noise.weight", "bias": "activate.bias"}  # fmt: skip
    for name, a in arrays.items():
        if name.startswith("mapping."):
            if name != "mapping.w_avg":
                state[f"style.{int(name[10]) + 1}.{name.rpartition('.')[2]}"] = a
            continue
        resolution, rest = _place(name)
        level = resolution.bit_length() - 3
        layer, _, part = rest.partition(".")
        if layer == "const":
            state["input.input"] = a[None]
        elif layer == "torgb":
            there = f"to_rgbs.{level - 1}" if level else "to_rgb1"
            shaped = {"weight": a[None], "bias": a[None, :, None, None] if part == "bias" else a}.get(part, a)
            state[f"{there}.{'bias' if part == 'bias' else parts[part]}"] = shaped
        else:
            number = 2 * level - (2 if layer == "conv0" else 1)
            there = f"convs.{number}" if level else "conv1"
            if part == "noise_const":
                state[f"noises.noise_{number + 1 if level else 0}"] = a[None, None]
            elif part == "weight":
                state[f"{there}.conv.weight"] = a[None] * np.float32(math.sqrt(a[0].size))
            else:
                state[f"{there}.{parts[part]}"] = a.reshape(1) if part == "noise_strength" else a
    return state


def torch_state(state: Arrays, members: int) -> tuple[dict[str, Call], list[Storage]]:
    """A state dict for `archive` (5) or `legacy` (6), and its storages."""
    storages = [Storage(str(k), np.ascontiguousarray(a), members) for k, a in enumerate(state.values())]
    return {n: rebuilt(s, s.array) for n, s in zip(state, storages, strict=True)}, storages


def tensorflow(arrays: Arrays, config: Mapping[str, Any], **options: Any) -> Call:
    """Its network of one of our StyleGAN2s."""
    parts = {"affine.weight": "mod_weight", "affine.bias": "mod_bias"}
    layers = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB", "skip": "Skip"}
    mapping, synthesis = [], []
    for name, a in arrays.items():
        if name == "mapping.w_avg":
            continue
        if name.startswith("mapping."):
            layer = name.split(".")[1].replace("fc", "Dense").replace("embed", "LabelEmbed")
            mapping.append((f"{layer}/{name.rpartition('.')[2]}", a.T))
            continue
        resolution, rest = _place(name)
        layer, _, part = rest.partition(".")
        where = f"{resolution}x{resolution}/" + (
            "Conv" if resolution == 4 and layer == "conv1" else layers.get(layer, "")
        )
        if layer == "const":
            synthesis.append(("4x4/Const/const", a[None]))
        elif part == "noise_const":
            level = resolution.bit_length() - 1
            synthesis.append((f"noise{2 * level - (5 if layer == 'conv0' else 4)}", a[None, None]))
        elif part == "weight":
            turned = a.transpose(2, 3, 1, 0)
            synthesis.append((f"{where}/weight", turned[::-1, ::-1] if layer in ("conv0", "skip") else turned))
        else:
            value = a.T if part == "affine.weight" else a - 1 if part == "affine.bias" else a
            synthesis.append((f"{where}/{parts.get(part, part)}", value if a.ndim else np.float32(a)))
    theirs = {"resolution": "img_resolution", "label_size": "c_dim", "latent_size": "z_dim", "dlatent_size": "w_dim",
              "num_channels": "img_channels"}  # fmt: skip
    same = ("conv_clamp", "mapping_layers", "architecture")
    kwargs = {n: config[ours] for n, ours in theirs.items()} | {n: config[n] for n in same} | options
    return network(
        "G_main",
        [("lod", np.float32(0)), ("dlatent_avg", arrays["mapping.w_avg"])],
        {"synthesis": network("G_synthesis_stylegan2", synthesis), "mapping": network("G_mapping", mapping)},
        Call(Name("dnnlib.util", "EasyDict"), (kwargs,)),
    )


def network(
    function: str, variables: list[Any], components: dict[str, Call] | None = None, options: Any = None
) -> Call:
    """A dnnlib network."""
    variables = [(n, np.ascontiguousarray(v) if isinstance(v, np.ndarray) else v) for n, v in variables]
    state = {"version": 4, "name": "Gs", "static_kwargs": options or {}, "components": components or {},
             "build_module_src": "raise SystemExit", "build_func_name": function, "variables": variables}  # fmt: skip
    return Call(Name("dnnlib.tflib.network", "Network"), (), state)
