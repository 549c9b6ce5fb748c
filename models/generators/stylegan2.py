"""StyleGAN2: mapping, modulated convolutions, noise, skip connections to RGB.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020), written from the paper. Read it
from the top: small layers first, then the two networks, then `StyleGAN2`, the face that the rest of the program
knows. Parameters are named as in NVIDIA's checkpoints (`synthesis.b8.conv0.weight`, `mapping.fc0.bias`, ...), so
importers need no table for them.

A modulated convolution is a convolution with its own weights for every sample, W'_oik = W_oik s_i d_o. Two equal
forms are used, and only shapes choose between them, never a value, so a moving fader cannot switch paths:

- *scaled activations*: conv(x * s, W) * d. One plain convolution for the whole batch; it is what training uses.
- *folded*: conv(x, W * s * d). With one picture and no gradient, and where the weight is smaller than the activation,
  it saves two passes over the picture; at 256x256 the passes cost more than the arithmetic. Not where a compiler looks
  on (`models.forms`): it fuses those passes with noise, bias and activation, and weights that stand still are packed
  once.

Upsampling is the paper's transposed convolution of stride 2 and a 4x4 blur. (Their product as one polyphase
convolution and a pixel shuffle, four times the multiplications in one pass, was tried on two cores and was slower at
every size, for playing and training.)

On a card one picture is made by fused kernels, where they can be had (`models.generators.fused`; same formulas, few
passes). What follows is what they are held against, and what plays everywhere else.

Memory layout is channels-last throughout. `compute_dtype` may be bfloat16 (see `models.generators.has_fast_bf16`): the
convolutions then run in it, while styles, noise, the RGB sum and the result stay float32.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators import Scalar, Tap, fused, identity
from models.generators.fused.styles import Styles
from models.generators.plain import fill
from models.generators.style_modulated.config import Config
from models.generators.style_modulated.mapping import GAIN, Dense, MappingNetwork

ARCHITECTURE = "stylegan2"
DESCRIPTION = "StyleGAN2: skip, residual or plain (Karras et al. 2020)"

RESIDUAL = math.sqrt(0.5)  # keeps the variance through the sum of a residual block


def _upsample_kernel(channels: int) -> Tensor:
    """[4 * channels, channels, 3, 3]: zero-stuff, blur with [1, 3, 3, 1] and gain 4, as a polyphase convolution."""
    line = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.75, 0.25]])  # [phase, tap]
    phases = torch.einsum("pt,qu->pqtu", line, line).reshape(4, 3, 3)
    kernel = torch.zeros(channels, 4, channels, 3, 3)
    for k in range(channels):
        kernel[k, :, k] = phases
    return kernel.reshape(4 * channels, channels, 3, 3)


def _blur(channels: int) -> Tensor:
    """[channels, 1, 4, 4]: [1, 3, 3, 1] in both directions with the gain 4 that zero-stuffing asks for."""
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    return torch.outer(line, line).expand(channels, 1, 4, 4).clone()


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU; `up` doubles the resolution; `gain` is 1 but in residual
    blocks.
    """

    noise_const: Tensor
    blur: Tensor

    def __init__(
        self, config: Config, inputs: int, outputs: int, resolution: int, up: bool = False, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.up, self.size, self.gain = up, config.size(resolution), GAIN * gain
        self.clamp = None if config.conv_clamp is None else config.conv_clamp * gain
        self.affine = Dense(config.w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3).to(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(self.size))
        if up:
            self.register_buffer("blur", _blur(outputs), persistent=False)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """x [N, I, h, h], w [N, w_dim], noise [1 or N, 1, H, H] already scaled, or None -> [N, O, H, H]; x is
        untouched.
        """
        style = self.affine(w)  # [N, I]
        power = self.weight.square().sum(dim=(2, 3))  # [O, I]
        # The activation's gain is moved before it (leaky ReLU is homogeneous), where it costs nothing.
        demod = torch.rsqrt(style.square() @ power.t() + 1e-8) * self.gain  # [N, O]
        bias = self.bias * self.gain
        folded = _alone(x) and self.weight.numel() < x.numel()
        if folded:
            weight = self.weight * (demod.view(-1, 1, 1, 1) * style.view(1, -1, 1, 1))
            y = self._convolve(x, weight.to(x.dtype), bias.to(x.dtype))
        else:
            y = self._convolve(x * style.to(x.dtype)[:, :, None, None], self.weight.to(x.dtype), None)
            y = torch.addcmul(bias.to(x.dtype)[None, :, None, None], y, demod.to(x.dtype)[:, :, None, None])
        if noise is not None:
            y = _add_noise(y, noise.to(y.dtype))
        y = F.leaky_relu_(y, 0.2)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The linear part, [N, I, h, h] -> [N, O, H, H]."""
        if not self.up:
            return F.conv2d(x, weight, bias, padding=1)
        y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        return F.conv2d(y, self.blur.to(x.dtype), bias, padding=1, groups=len(weight))


def _alone(x: Tensor) -> bool:
    """Whether one picture is played as it is: no gradient, and no compiler that fuses passes better by itself."""
    return len(x) == 1 and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def _add_noise(y: Tensor, noise: Tensor) -> Tensor:
    """The same noise [1 or N, 1, H, W] in every channel of y [N, C, H, W], in place.

    For one picture it is a product of rank one: with the few channels of a large layer that is up to ten times faster
    than broadcasting (0.14 ms against 1.7 ms at 8 x 256 x 256 in bfloat16).
    """
    if not _alone(y) or not y.is_contiguous(memory_format=torch.channels_last):
        return y.add_(noise)
    rows = y.permute(0, 2, 3, 1).view(-1, y.shape[1])  # [H * W, C], the same memory
    rows.addmm_(noise.view(-1, 1), y.new_ones(1, y.shape[1]))
    return y


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to the picture's channels, without demodulation."""

    def __init__(self, config: Config, inputs: int) -> None:
        super().__init__()
        self.clamp = config.conv_clamp
        self.affine = Dense(config.w_dim, inputs, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(config.img_channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.img_channels))
        self.gain = 1.0 / math.sqrt(inputs)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x [N, I, H, W], w [N, w_dim] -> [N, img_channels, H, W] float32."""
        style = self.affine(w) * self.gain
        if _alone(x):
            y = F.conv2d(x, (self.weight * style[:, :, None, None]).to(x.dtype), self.bias.to(x.dtype))
        else:
            y = F.conv2d(x * style.to(x.dtype)[:, :, None, None], self.weight.to(x.dtype), self.bias.to(x.dtype))
        y = y.float()
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class Shortcut(nn.Module):
    """The way around a residual block: 1x1 convolution, enlarged to twice the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.gain = RESIDUAL / math.sqrt(inputs)
        self.register_buffer("blur", _blur(outputs), persistent=False)

    blur: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """[N, I, h, w] -> [N, O, 2h, 2w]."""
        y = F.conv2d(x, (self.weight * self.gain).to(x.dtype))
        return F.conv_transpose2d(y, self.blur.to(x.dtype), stride=2, padding=1, groups=len(self.weight))


class Block(nn.Module):
    """The layers of one resolution."""

    def __init__(self, config: Config, resolution: int) -> None:
        super().__init__()
        channels, residual = config.width(resolution), config.architecture == "resnet" and resolution > 4
        if resolution == 4:
            self.const = nn.Parameter(torch.randn(channels, *config.init_size))
        else:
            self.conv0 = StyledConv(config, config.width(resolution // 2), channels, resolution, up=True)
        self.conv1 = StyledConv(config, channels, channels, resolution, gain=RESIDUAL if residual else 1.0)
        self.torgb = ToRGB(config, channels) if config.has_rgb(resolution) else None
        self.skip = Shortcut(config.width(resolution // 2), channels) if residual else None


class StyleGAN2(nn.Module):
    """The generator as the program plays it, and as `models.training` trains it. Randomly initialised by torch's own
    generator.
    """

    rgb_kernel: Tensor
    architecture = ARCHITECTURE

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.settings = config
        self.z_dim, self.w_dim, self.c_dim = config.z_dim, config.w_dim, config.c_dim
        self.img_resolution, self.img_channels = config.img_resolution, config.img_channels
        self.num_ws = 2 * len(config.resolutions)
        self.compute_dtype = torch.float32
        self.mapping = MappingNetwork(
            config.z_dim, config.w_dim, config.c_dim, config.mapping_layers, config.mapping_lr
        )
        self.synthesis = nn.ModuleDict({f"b{r}": Block(config, r) for r in config.resolutions})
        self.register_buffer("rgb_kernel", _upsample_kernel(config.img_channels), persistent=False)
        self.styles = Styles()
        self.layers = tuple(
            f"b{r}.{part}"
            for r in config.resolutions
            for part in ("conv0", "conv1", "torgb")
            if (part != "conv0" or r > 4) and (part != "torgb" or config.has_rgb(r))
        )

    @property
    def config(self) -> dict[str, Any]:
        """What `build` needs to make this network again, as JSON holds it."""
        return {**asdict(self.settings), "init_size": list(self.settings.init_size)}

    @property
    def w_avg(self) -> Tensor:
        """[w_dim], the centre of truncation."""
        return self.mapping.w_avg

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
    ) -> Tensor:
        """w [N, num_ws, w_dim] -> pictures [N, img_channels, H, W], float32, about -1..1, channels-last.

        `noise_mode`: "const" (the network's own pattern), "random" (drawn from `rng`), "none". `noise_strength`
        multiplies every layer's noise. `tap(layer, x)` is called once after each name of `layers`, in that order, and
        gives what the network goes on with; x is [N, C, h, h] (for torgb: float32, before it joins the picture).
        ValueError for an unknown mode.
        """
        if noise_mode not in ("const", "random", "none"):
            raise ValueError(f"noise_mode must be const, random or none, not {noise_mode!r}")
        if (played := fused.play(self, w, noise_mode, tap, noise_strength, rng)) is not None:
            return played

        def styled(name: str, layer: StyledConv, x: Tensor, w: Tensor) -> Tensor:
            noise = None
            if noise_mode == "const":
                noise = layer.noise_const * (layer.noise_strength * (noise_strength * layer.gain))
                noise = noise[None, None]
            elif noise_mode == "random":
                noise = torch.randn([len(x), 1, *layer.size], generator=rng, device=x.device) * (
                    layer.noise_strength * (noise_strength * layer.gain)
                )
            return tap(name, layer(x, w, noise))

        styles = w.unbind(1)
        x = torch.empty(0)
        image: Tensor | None = None
        for k, (name, block) in enumerate(self.synthesis.items()):
            assert isinstance(block, Block)
            if k == 0:
                x = block.const.to(self.compute_dtype).expand(len(w), -1, -1, -1)
                x = x.contiguous(memory_format=torch.channels_last)
            around = None if block.skip is None else block.skip(x)
            if k > 0:
                x = styled(f"{name}.conv0", block.conv0, x, styles[2 * k - 1])
            x = styled(f"{name}.conv1", block.conv1, x, styles[2 * k])
            x = x if around is None else x + around
            if block.torgb is None:
                continue
            rgb = tap(f"{name}.torgb", block.torgb(x, styles[2 * k + 1]))
            image = rgb if image is None else rgb + F.pixel_shuffle(F.conv2d(image, self.rgb_kernel, padding=1), 2)
        assert image is not None  # the last resolution has an RGB layer
        offset = self.settings.img_offset
        return image if offset == 0 else image + offset


def build(config: dict[str, Any], tensors: Mapping[str, Tensor] | None = None) -> StyleGAN2:
    """A network from its configuration and weights; without weights, a random one for training.

    `resample_filter` buffers are passed over (ours are computed). ValueError names what is missing, foreign or of
    another shape.
    """
    network = StyleGAN2(Config(**config))
    if tensors is None:
        return network
    given = {name: t for name, t in tensors.items() if not name.endswith("resample_filter")}
    fill(network, given, "StyleGAN2")
    return network.eval()
