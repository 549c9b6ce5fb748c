"""The plan of a StyleGAN3: what a checkpoint says about sizes and rates, and the same worked out from hyper-parameters.

A layer's map covers the picture and a margin of `MARGIN` pixels of its own around it, so that what is outside the
picture's edge can move in; only the last layer before RGB and RGB itself have none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.generators.alias_free.filters import lowpass

MARGIN = 10  # pixels on each side of a map, at the map's own rate
Filters = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class InputConfig:
    """The Fourier features: `channels` waves of at most `bandwidth` cycles per picture width, `size` (w, h) samples."""

    channels: int
    size: tuple[int, int]
    sampling_rate: float
    bandwidth: float

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "InputConfig":
        """From a checkpoint's words; ValueError names what is wrong."""
        _only(cls, given, "input")
        made = cls(given["channels"], _pair(given["size"], "input.size"), given["sampling_rate"], given["bandwidth"])
        _positive("input", channels=made.channels, size=min(made.size), sampling_rate=made.sampling_rate)
        return made


@dataclass(frozen=True)
class LayerConfig:
    """One layer. Sizes are (width, height); rates are samples per picture width; `padding` is (x0, x1, y0, y1) at the
    raised rate, negative where the map is cut.
    """

    name: str
    is_torgb: bool
    in_channels: int
    out_channels: int
    in_size: tuple[int, int]
    out_size: tuple[int, int]
    in_sampling_rate: float
    out_sampling_rate: float
    up_factor: int
    down_factor: int
    padding: tuple[int, int, int, int]
    conv_kernel: int
    conv_clamp: float | None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "LayerConfig":
        """From a checkpoint's words; ValueError names what is wrong."""
        name = str(given.get("name", ""))
        if not name.isidentifier() or name == "input":
            raise ValueError(f"a layer of this StyleGAN3 is named {name!r}; it needs a plain name of its own")
        _only(cls, given, name)
        padding = tuple(int(p) for p in given["padding"])
        if len(padding) != 4:
            raise ValueError(f"{name}.padding has {len(padding)} numbers, not 4")
        sizes = {key: _pair(given[key], f"{name}.{key}") for key in ("in_size", "out_size")}
        made = cls(**{**given, **sizes, "padding": padding})
        _positive(
            name,
            in_channels=made.in_channels, out_channels=made.out_channels, in_size=min(made.in_size),
            out_size=min(made.out_size), up_factor=made.up_factor, down_factor=made.down_factor,
            conv_kernel=made.conv_kernel, out_sampling_rate=made.out_sampling_rate,
        )  # fmt: skip
        return made

    @property
    def margin(self) -> float:
        """Pixels of this layer's map on each side that lie outside the picture."""
        return (self.out_size[0] - self.out_sampling_rate) / 2


@dataclass(frozen=True)
class Config:
    """What a StyleGAN3 is made of."""

    z_dim: int
    w_dim: int
    c_dim: int
    img_resolution: int
    img_channels: int
    mapping_layers: int
    output_scale: float
    input: InputConfig
    layers: tuple[LayerConfig, ...]

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Config":
        """From a checkpoint's words; ValueError names what is missing, foreign or does not fit together."""
        _only(cls, given, "the network")
        if not isinstance(given["layers"], Sequence) or not given["layers"]:
            raise ValueError("layers of this StyleGAN3 is not a list of layers")
        layers = tuple(LayerConfig.read(layer) for layer in given["layers"])
        made = cls(**{**given, "input": InputConfig.read(given["input"]), "layers": layers})
        _positive(
            "the network",
            z_dim=made.z_dim, w_dim=made.w_dim, img_resolution=made.img_resolution, img_channels=made.img_channels,
            mapping_layers=made.mapping_layers,
        )  # fmt: skip
        made._check_joints()
        return made

    def _check_joints(self) -> None:
        """ValueError where one layer does not give what the next one takes."""
        channels, size = self.input.channels, self.input.size
        for layer in self.layers:
            if (layer.in_channels, layer.in_size) != (channels, size):
                raise ValueError(
                    f"{layer.name} takes {layer.in_channels} channels of {list(layer.in_size)}; what comes before it"
                    f" gives {channels} of {list(size)}"
                )
            channels, size = layer.out_channels, layer.out_size
        if len({layer.name for layer in self.layers}) < len(self.layers):
            raise ValueError("two layers of this StyleGAN3 have the same name")
        if [layer.is_torgb for layer in self.layers] != [False] * (len(self.layers) - 1) + [True]:
            raise ValueError("the last layer of a StyleGAN3, and no other, has is_torgb")
        if (channels, size) != (self.img_channels, (self.img_resolution, self.img_resolution)):
            raise ValueError(
                f"the last layer gives {channels} channels of {list(size)}; img_channels is {self.img_channels} and"
                f" img_resolution {self.img_resolution}"
            )

    def as_json(self) -> dict[str, Any]:
        """What `read` takes, in lists and numbers."""
        listed: dict[str, Any] = _lists(asdict(self))
        return listed


@dataclass(frozen=True)
class Design:
    """Hyper-parameters of a network; the defaults are configuration T of the paper, R has conv_kernel 1, radial
    filters and twice the channels.
    """

    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    img_resolution: int = 256
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    mapping_layers: int = 2
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    output_scale: float = 0.25
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0


@dataclass(frozen=True)
class Band:
    """The signal after one layer: cutoff and half width of the transition band in cycles per picture width, samples
    per picture width, samples with the margins, channels.
    """

    cutoff: float
    half_width: float
    rate: int
    size: int
    channels: int


def bands(design: Design) -> list[Band]:
    """The bandwidths of layers 0..num_layers (the last is RGB): they grow by a fixed factor a layer until the last
    `num_critical` before RGB, which use the picture's rate to the full (section 3.2 of the paper).
    """
    last_cutoff, made = design.img_resolution / 2, []
    last_stopband = last_cutoff * design.last_stopband_rel
    for k in range(design.num_layers + 1):
        share = min(k / (design.num_layers - design.num_critical), 1.0)
        cutoff = design.first_cutoff * (last_cutoff / design.first_cutoff) ** share
        stopband = design.first_stopband * (last_stopband / design.first_stopband) ** share
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, design.img_resolution)))
        size = rate + 2 * MARGIN if k < design.num_layers - 1 else design.img_resolution
        channels = round(min(design.channel_base / 2 / cutoff, design.channel_max))
        channels = channels if k < design.num_layers else design.img_channels
        made.append(Band(cutoff, max(stopband, rate / 2) - cutoff, rate, size, channels))
    return made


def design_config(**hyper_parameters: Any) -> tuple[Config, Filters]:
    """A plan and its filters from hyper-parameters (the fields of `Design`); ValueError names what cannot be."""
    _only(Design, hyper_parameters, "the network", optional=True)
    design = Design(**hyper_parameters)
    resolution = design.img_resolution
    if resolution < 16 or resolution & (resolution - 1):
        raise ValueError(f"img_resolution must be a power of two >= 16, not {resolution}")
    if not 0 <= design.num_critical < design.num_layers:
        raise ValueError(f"num_critical must be 0..num_layers - 1 ({design.num_layers - 1}), not {design.num_critical}")
    signal, layers = bands(design), []
    filters: Filters = {}
    for k, after in enumerate(signal):
        before = signal[max(k - 1, 0)]
        layer, up, down = _layer(design, k, before, after)
        layers.append(layer)
        for name, taps in (("up_filter", up), ("down_filter", down)):
            if taps is not None:
                filters[f"synthesis.{layer.name}.{name}"] = taps
    start = signal[0]
    own = {key: value for key, value in asdict(design).items() if key in {field.name for field in fields(Config)}}
    waves = InputConfig(start.channels, (start.size, start.size), float(start.rate), start.cutoff)
    return Config.read({**own, "input": asdict(waves), "layers": [asdict(layer) for layer in layers]}), filters


def fresh(given: Mapping[str, Any]) -> tuple[Config, Filters]:
    """A whole configuration, as a checkpoint gives it, and filters for it where there are no weights to bring them.

    The widths of the bands, which a configuration does not hold, are taken to be the usual ones. ValueError if the
    configuration is not sound or its layers are not those of a usual design.
    """
    config = Config.read(given)
    kernel = config.layers[0].conv_kernel
    usual, filters = design_config(
        img_resolution=config.img_resolution,
        num_layers=len(config.layers) - 1,
        conv_kernel=kernel,
        use_radial_filters=kernel == 1,
    )
    renamed: Filters = {}
    for ours, theirs in zip(usual.layers, config.layers, strict=True):
        if (ours.up_factor, ours.down_factor, ours.padding) != (theirs.up_factor, theirs.down_factor, theirs.padding):
            raise ValueError(f"{theirs.name} is of an unusual design, whose filters only its weights can bring")
        for end in ("up_filter", "down_filter"):
            if (taps := filters.get(f"synthesis.{ours.name}.{end}")) is not None:
                renamed[f"synthesis.{theirs.name}.{end}"] = taps
    return config, renamed


def _layer(
    design: Design, k: int, before: Band, after: Band
) -> tuple[LayerConfig, NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Layer k between two signals, with its filters."""
    is_torgb = k == design.num_layers
    raised = max(before.rate, after.rate) * (1 if is_torgb else design.lrelu_upsampling)
    up, down = raised // before.rate, raised // after.rate
    kernel = 1 if is_torgb else design.conv_kernel
    up_taps, down_taps = (design.filter_size * factor if factor > 1 and not is_torgb else 1 for factor in (up, down))
    # The raised map is as large as the result needs; the odd sample goes to the near side.
    pad = (after.size - 1) * down + 1 - (before.size + kernel - 1) * up + up_taps + down_taps - 2
    near = (pad + up) // 2
    padding = (near, pad - near, near, pad - near)
    layer = LayerConfig(
        f"L{k}_{after.size}_{after.channels}", is_torgb, before.channels, after.channels, (before.size, before.size),
        (after.size, after.size), float(before.rate), float(after.rate), up, down, padding, kernel, design.conv_clamp,
    )  # fmt: skip
    critical = k >= design.num_layers - design.num_critical
    radial = design.use_radial_filters and not critical
    return (
        layer,
        lowpass(up_taps, before.cutoff, before.half_width, raised) if up_taps > 1 else None,
        lowpass(down_taps, after.cutoff, after.half_width, raised, radial) if down_taps > 1 else None,
    )


def _only(kind: type, given: Mapping[str, Any], where: str, optional: bool = False) -> None:
    known = {field.name for field in fields(kind)}
    wrong = [f"no {key!r}" for key in sorted(known - set(given)) if not optional]
    wrong += [f"unknown {key!r}" for key in sorted(set(given) - known)]
    if wrong:
        raise ValueError(f"the configuration of a StyleGAN3 has, for {where}: {', '.join(wrong)}")


def _pair(given: Sequence[int], what: str) -> tuple[int, int]:
    if not isinstance(given, Sequence) or len(given) != 2:
        raise ValueError(f"{what} is {given!r}, not [width, height]")
    return int(given[0]), int(given[1])


def _positive(where: str, **numbers: float) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ValueError(f"{name} of {where} must be a number above 0, not {value!r}")


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(part) for key, part in value.items()}
    return [_lists(part) for part in value] if isinstance(value, tuple | list) else value
