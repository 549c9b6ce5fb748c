"""StyleGAN3: Fourier features, modulated convolutions, filtered nonlinearities; pictures that do not stick to pixels.

Karras et al., "Alias-Free Generative Adversarial Networks" (NeurIPS 2021), configurations T (moves well) and R (turns
well too), written from the paper. Read it from the top: the layers in the order of the picture's way, then
`StyleGAN3`, the face that the rest of the program knows; `alias_free/` holds the plan of sizes, the filters and the
nonlinearity. Tensors are named as in NVIDIA's checkpoints (`synthesis.L3_52_64.weight`, ...), so importers need no
table for them.

The network begins with waves in continuous space, so moving, turning and scaling the picture costs one 3 x 3 matrix
(`picture_transform`). There is no noise. Maps carry a margin of 10 pixels on each side (`margin`), which a tap sees.

A modulated convolution is computed as in `stylegan2.py`: for one picture with the weights scaled, for several with
the maps scaled. The layer's fixed input gain, the normalisation of its weights and the style's own are factors of one
scale, so that they cost nothing. Memory layout is channels-last; `compute_dtype` may be bfloat16 or float16:
the maps are then kept in it, and styles, waves and the picture stay float32.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators import Scalar, Tap, identity
from models.generators.alias_free import native
from models.generators.alias_free.config import Config, InputConfig, LayerConfig, design_config, fresh
from models.generators.alias_free.filtered_lrelu import Resampling, filtered_lrelu
from models.generators.alias_free.native import result_size
from models.generators.alias_free.transform import picture_transform
from models.generators.plain import fill
from models.generators.style_modulated.mapping import GAIN, SLOPE, Dense, MappingNetwork

__all__ = ["ARCHITECTURE", "DESCRIPTION", "StyleGAN3", "build", "picture_transform"]

ARCHITECTURE = "stylegan3"
DESCRIPTION = "StyleGAN3, T and R: pictures that move, turn and scale freely (Karras et al. 2021)"


class Waves(nn.Module):
    """Fourier features: waves of fixed random frequency over continuous space, turned and moved by w, then mixed."""

    freqs: Tensor
    phases: Tensor
    transform: Tensor
    x: Tensor
    y: Tensor

    def __init__(self, config: InputConfig, w_dim: int) -> None:
        super().__init__()
        self.bandwidth, self.sampling_rate = config.bandwidth, config.sampling_rate
        channels = config.channels
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = Dense(w_dim, 4)
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))  # upright, in the middle
        angle = torch.rand(channels) * (2 * math.pi)
        radius = torch.rand(channels).sqrt() * config.bandwidth  # evenly over the disc that the map's rate can hold
        self.register_buffer("freqs", torch.stack([angle.cos(), angle.sin()], 1) * radius[:, None])
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))  # the file's own; a moving one is an argument
        for axis, count in zip("xy", config.size, strict=True):
            centres = (torch.arange(count) + 0.5 - count / 2) / config.sampling_rate
            self.register_buffer(axis, centres, persistent=False)

    def forward(self, w: Tensor, transform: Tensor) -> Tensor:
        """w [N, w_dim], transform [3, 3] from places in the picture to places in the plane -> [N, C, h, w], float32,
        channels-last.
        """
        pose = self.affine(w)  # cosine, sine, x, y
        pose = pose / torch.linalg.vector_norm(pose[:, :2], dim=1, keepdim=True)
        cosine, sine = pose[:, :1], pose[:, 1:2]  # [N, 1]
        # freqs @ turn, for each sample: [N, C]
        fx = cosine * self.freqs[:, 0] + sine * self.freqs[:, 1]
        fy = cosine * self.freqs[:, 1] - sine * self.freqs[:, 0]
        phases = self.phases + fx * (transform[0, 2] - pose[:, 2:3]) + fy * (transform[1, 2] - pose[:, 3:])
        fx, fy = fx * transform[0, 0] + fy * transform[1, 0], fx * transform[0, 1] + fy * transform[1, 1]
        # Waves that the map's rate cannot hold fade out.
        reach = (self.sampling_rate / 2 - self.bandwidth) or 1.0
        amplitude = (1 - (torch.hypot(fx, fy) - self.bandwidth) / reach).clamp(0, 1)
        across = fx[:, None, :] * self.x[:, None] + phases[:, None, :]  # [N, w, C]
        along = fy[:, None, :] * self.y[:, None]  # [N, h, C]
        waves = torch.sin((across[:, None] + along[:, :, None]) * (2 * math.pi)) * amplitude[:, None, None]
        mixed = waves @ (self.weight.t() / math.sqrt(len(self.weight)))  # [N, h, w, C]
        return mixed.permute(0, 3, 1, 2)


class Layer(nn.Module):
    """Modulated convolution, bias, filtered leaky ReLU; the last one, to RGB, is linear and not demodulated."""

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(
        self, config: LayerConfig, w_dim: int, up_filter: Tensor | None = None, down_filter: Tensor | None = None
    ) -> None:
        super().__init__()
        self.is_torgb, self.clamp, self.kernel = config.is_torgb, config.conv_clamp, config.conv_kernel
        self.rates = Resampling(config.up_factor, config.down_factor, config.padding)
        self.affine = Dense(w_dim, config.in_channels, bias_init=1.0)
        shape = (config.out_channels, config.in_channels, self.kernel, self.kernel)
        self.weight = nn.Parameter(torch.randn(shape).to(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.zeros(config.out_channels))
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.register_buffer("up_filter", up_filter)
        self.register_buffer("down_filter", down_filter)
        self._kept: tuple[tuple[tuple[int, int], ...], Tensor, Tensor] | None = None
        self._check_filters(config)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, I, h, w], w [N, w_dim] -> [N, O, H, W] in x's type; x is untouched."""
        before, after = self._scales(self.affine(w))
        if len(x) == 1 and not torch.is_grad_enabled():
            weight = self.weight * (before.view(1, -1, 1, 1) * after.view(-1, 1, 1, 1))
            y = F.conv2d(x, weight.to(x.dtype), self.bias.to(x.dtype), padding=self.kernel - 1)
        else:
            y = F.conv2d(x * before.to(x.dtype)[:, :, None, None], self.weight.to(x.dtype), padding=self.kernel - 1)
            bias = self.bias.to(x.dtype)[None, :, None, None]
            y = torch.addcmul(bias, y, after.to(x.dtype)[:, :, None, None])
        if self.up_filter is None or self.down_filter is None:  # to RGB
            return y
        return filtered_lrelu(y, self.up_filter, self.down_filter, self.rates, GAIN, SLOPE, self.clamp)

    def _scales(self, style: Tensor) -> tuple[Tensor, Tensor]:
        """What every input channel [N, I] and every output channel [N or 1, O] is multiplied by.

        With s the style, each filter W at mean square 1 and s' = s / r at mean square 1 (over the batch too), an output
        is divided by sqrt(sum (W s')^2 + 1e-8); r is moved into the root, where it only meets the 1e-8.
        """
        power, gain = self._still()
        if self.is_torgb:
            return style, gain.expand(1, len(self.bias))
        square = style.square()
        return style, torch.rsqrt(torch.add(square @ power, square.mean(), alpha=1e-8)) * gain

    def _still(self) -> tuple[Tensor, Tensor]:
        """What depends on weights alone, kept while they stay as they are: sum of W^2 [I, O], and the layer's gain for
        each output channel [O] or for all []. A third of a layer's calls, each of which another thread may delay.
        """
        # What is recorded now and run later must follow changed weights by itself.
        recorded = torch.is_grad_enabled() or torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if recorded or self.weight.device.type != "cpu" or self.weight.is_inference():
            return self._weigh()
        now = tuple((t.data_ptr(), t._version) for t in (self.weight, self.magnitude_ema))
        if self._kept is None or self._kept[0] != now:
            self._kept = (now, *self._weigh())
        return self._kept[1:]

    def _weigh(self) -> tuple[Tensor, Tensor]:
        gain, size = torch.rsqrt(self.magnitude_ema), self.weight[0].numel()
        if self.is_torgb:
            return gain, gain / math.sqrt(size)
        power = self.weight.square().sum(dim=(2, 3))  # [O, I]
        # [O], what brings each filter to mean square 1; a filter of zeros, as glitches leave it, stays silent
        unit = torch.rsqrt((power.sum(dim=1) / size).clamp_min(1e-20))
        return (power * unit.square()[:, None]).t().contiguous(), unit * gain

    def _check_filters(self, config: LayerConfig) -> None:
        """ValueError if the filters and the padding do not lead from one size to the other."""
        up, down = self.up_filter, self.down_filter
        size = [side + self.kernel - 1 for side in (config.in_size[1], config.in_size[0])]
        if not self.is_torgb:
            if up is None or down is None or up.ndim != 1 or down.ndim not in (1, 2):
                raise ValueError(f"{config.name} has no up_filter [taps] or no down_filter [taps] or [taps, taps]")
            rates = [self.rates.up, self.rates.down, *self.rates.padding]
            size = list(result_size((size[0], size[1]), len(up), len(down), rates))
        if size != [config.out_size[1], config.out_size[0]]:
            raise ValueError(
                f"{config.name}: its filters, factors and padding give maps of {size[::-1]}; out_size is"
                f" {list(config.out_size)}"
            )


class StyleGAN3(nn.Module):
    """The generator as the program plays it. Randomly initialised by torch's own generator; filters by name."""

    architecture = ARCHITECTURE

    def __init__(self, config: Config, filters: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.settings = config
        self.z_dim, self.w_dim, self.c_dim = config.z_dim, config.w_dim, config.c_dim
        self.img_resolution, self.img_channels = config.img_resolution, config.img_channels
        self.num_ws = len(config.layers) + 1
        self.compute_dtype = torch.float32
        self.mapping = MappingNetwork(config.z_dim, config.w_dim, config.c_dim, config.mapping_layers)
        self.synthesis = nn.ModuleDict({"input": Waves(config.input, config.w_dim)})
        for layer in config.layers:
            ends = ("up", "down") if not layer.is_torgb else ()
            taps = [filters.get(f"synthesis.{layer.name}.{end}_filter") for end in ends]
            self.synthesis[layer.name] = Layer(layer, config.w_dim, *taps)
        self.layers = tuple(self.synthesis)

    @property
    def config(self) -> dict[str, Any]:
        """What `build` needs, with the weights, to make this network again."""
        return self.settings.as_json()

    @property
    def w_avg(self) -> Tensor:
        """[w_dim], the centre of truncation."""
        return self.mapping.w_avg

    def prepare(self, wait: bool = True) -> bool:
        """Make it fast on a processor: the nonlinearity as machine code, compiled the first time on this machine.

        Some seconds then (a millisecond later), so on a loading thread; `wait` False does it in a thread of its own,
        and pictures meanwhile come slower and differ in the seventh digit. Whether it is there.
        """
        return native.prepare(wait)

    def margin(self, layer: str) -> float:
        """Pixels on each side of this layer's map that lie outside the picture: 10, for the last two 0."""
        if layer == "input":
            return (self.settings.input.size[0] - self.settings.input.sampling_rate) / 2
        return next(found.margin for found in self.settings.layers if found.name == layer)

    def map(
        self, z: Tensor, c: Tensor | None = None, truncation_psi: Scalar = 0.7, truncation_cutoff: int | None = None
    ) -> Tensor:
        """z [N, z_dim] (standard normal), c [N, c_dim] if the network has labels -> w [N, num_ws, w_dim].

        Truncation is w_avg + psi (w - w_avg) on the first `truncation_cutoff` of the num_ws (None: all). psi = 1 as a
        Python float leaves w as it is, bit for bit; a 0-d tensor may move every frame. ValueError if the label is
        missing or too many.
        """
        return self.mapping.truncated(z, c, self.num_ws, truncation_psi, truncation_cutoff)

    def synthesize(
        self,
        w: Tensor,
        noise_mode: str = "const",
        tap: Tap = identity,
        noise_strength: Scalar = 1.0,
        rng: torch.Generator | None = None,
        transform: Tensor | None = None,
        anchor: Scalar = 0.0,
    ) -> Tensor:
        """w [N, num_ws, w_dim] -> pictures [N, img_channels, H, W], float32, about -1..1, channels-last.

        `transform` [3, 3] says where the picture lies (see `picture_transform`; None: as the file has it). `anchor`
        0..1 takes from w its say over place and turn: at 1 the picture stays where the average w has it. Both may be
        tensors that move every frame. `tap(layer, x)` is called once after each name of `layers`, in that order; x is
        [N, C, h, w] with its margins, for the last layer float32 RGB before `output_scale`. There is no noise:
        `noise_strength` and `rng` do nothing. ValueError for an unknown noise_mode.
        """
        if noise_mode not in ("const", "random", "none"):
            raise ValueError(f"noise_mode must be const, random or none, not {noise_mode!r}")
        waves = self.synthesis["input"]
        assert isinstance(waves, Waves)
        pose = w[:, 0]
        if isinstance(anchor, Tensor) or anchor:
            pose = torch.lerp(pose, self.w_avg.expand_as(pose), anchor)
        x = waves(pose, waves.transform if transform is None else transform)
        x = tap("input", x.to(self.compute_dtype))
        for name, style in zip(self.layers[1:], w.unbind(1)[1:], strict=True):
            x = self.synthesis[name](x, style)
            if name == self.layers[-1]:
                x = x.float()
                clamp = self.settings.layers[-1].conv_clamp
                x = x if clamp is None else x.clamp(-clamp, clamp)
            x = tap(name, x)
        return x * self.settings.output_scale


def build(config: dict[str, Any], tensors: Mapping[str, Tensor] | None = None) -> StyleGAN3:
    """A network from its configuration and weights.

    Without weights the network is random, and the configuration may be hyper-parameters (`alias_free.config.Design`;
    {} is a T of 256 x 256). ValueError names what is missing, foreign, of another shape, or cannot be.
    """
    if tensors is None:
        made, designed = fresh(config) if "layers" in config else design_config(**config)
        return StyleGAN3(made, {name: torch.from_numpy(taps) for name, taps in designed.items()}).eval()
    network = StyleGAN3(Config.read(config), {name: t for name, t in tensors.items() if name.endswith("_filter")})
    fill(network, tensors, "StyleGAN3")
    return network.eval()
