"""Native wide pictures: the map after one block is stretched and tiled, and the later layers draw on it (Pouliot 2020).

The layers of a StyleGAN2 after its constant are convolutions, so they draw as wide as they are given. Noise patterns
are tiled along. Several latents may share the picture: each draws its own stretch, and in between they are mixed in
every layer, so that the ends are what each alone would draw. Sizes are structure and no knobs: changing them changes
the shape of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from models.generators import Generator, Scalar, Tap, identity
from models.generators.stylegan2 import Block, StyledConv, StyleGAN2

SKIRT = 2  # pixels that are wrapped round before a layer, more than any of its kernels reaches


@dataclass(frozen=True)
class Enlarge:
    """How the map after the block of `layer` (a bR.conv1) is made larger, along x and y.

    First it is stretched by `stretch`, then padded by repeating its border, half of `pad` of its size on each side (the
    author's "resize"), then repeated `tile` times. `wrap`: from there on what leaves on one side comes in on the
    other, so the picture tiles without a seam. `seam` is the share of a latent's stretch in which it gives way to its
    neighbour.
    """

    layer: str = "b8.conv1"
    tile_x: int = 1
    tile_y: int = 1
    stretch_x: float = 1.0
    stretch_y: float = 1.0
    pad_x: float = 0.0
    pad_y: float = 0.0
    wrap_x: bool = False
    wrap_y: bool = False
    seam: float = 0.5

    def __post_init__(self) -> None:
        if min(self.tile_x, self.tile_y) < 1 or max(self.tile_x, self.tile_y) > 64:
            raise ValueError("tile_x and tile_y are whole numbers in 1..64")
        if not all(0 < value <= 64 for value in (self.stretch_x, self.stretch_y)):
            raise ValueError("stretch_x and stretch_y lie above 0 and are at most 64")
        if not all(0 <= value <= 64 for value in (self.pad_x, self.pad_y)):
            raise ValueError("pad_x and pad_y are shares of the map's size, 0..64")
        if not 0 < self.seam <= 1:
            raise ValueError("seam is a share above 0, at most 1")

    @property
    def is_home(self) -> bool:
        """Whether it changes nothing for a single latent."""
        return replace(self, layer=Enlarge.layer, seam=Enlarge.seam) == Enlarge()


@torch.no_grad()
def synthesize_wide(
    network: Generator,
    w: Tensor,
    enlarge: Enlarge,
    noise_mode: str = "const",
    tap: Tap = identity,
    noise_strength: Scalar = 1.0,
) -> Tensor:
    """w [K, num_ws, w_dim], K latents from left to right -> one picture [1, img_channels, H, W], float32.

    As `StyleGAN2.synthesize` otherwise; noise is "const" or "none". Before `enlarge.layer` a tap sees the K latents as
    a batch, from then on one wide map; where several latents share it, maps after each one's own layer, mixed.
    ValueError for a network that is no StyleGAN2, a layer that is no bR.conv1 of it, or another noise.
    """
    if not isinstance(network, StyleGAN2):
        raise ValueError(f"only a StyleGAN2 can be drawn wide, not {network.architecture}")  # noqa: TRY004  bad input
    blocks = [f"{name}.conv1" for name in network.synthesis]
    if enlarge.layer not in blocks[:-1]:
        raise ValueError(f"a picture is enlarged after one of {', '.join(blocks[:-1])}, not {enlarge.layer}")
    if noise_mode not in ("const", "none"):
        raise ValueError(f"noise_mode of a wide picture must be const or none, not {noise_mode!r}")
    if len(w) == 1 and enlarge.is_home:
        return network.synthesize(w, noise_mode, tap, noise_strength)
    return _Walk(network, w, enlarge, noise_strength if noise_mode == "const" else None, tap).picture()


class _Walk:
    """One wide picture in the making."""

    def __init__(self, network: StyleGAN2, w: Tensor, enlarge: Enlarge, noise: Scalar | None, tap: Tap) -> None:
        self.network, self.w, self.enlarge, self.noise, self.tap = network, w, enlarge, noise, tap
        self.wide = False
        self.one = (0, 0)  # height and width of one tile, once wide

    def picture(self) -> Tensor:
        network, styles = self.network, self.w.unbind(1)
        x = torch.empty(0)
        image: Tensor | None = None
        for k, (name, block) in enumerate(network.synthesis.items()):
            assert isinstance(block, Block)
            if k == 0:
                x = block.const.to(network.compute_dtype).expand(len(self.w), -1, -1, -1)
                x = x.contiguous(memory_format=torch.channels_last)
            else:
                self.one = (self.one[0] * 2, self.one[1] * 2)
            around = None if block.skip is None else self._wrapped(block.skip, x, 2)
            if k > 0:
                x = self.tap(f"{name}.conv0", self._styled(block.conv0, x, styles[2 * k - 1]))
            x = self.tap(f"{name}.conv1", self._styled(block.conv1, x, styles[2 * k]))
            x = x if around is None else x + around
            if block.torgb is not None:
                rgb = self.tap(f"{name}.torgb", self._mixed(block.torgb, x, styles[2 * k + 1]))
                image = rgb if image is None else rgb + self._upsampled(image)
            if f"{name}.conv1" == self.enlarge.layer:
                x, image = self._enlarged(x), None if image is None else self._enlarged(image)
                self.wide = True
        assert image is not None  # the last resolution has an RGB layer
        return image + network.settings.img_offset

    def _styled(self, layer: StyledConv, x: Tensor, w: Tensor) -> Tensor:
        scale = 2 if layer.up else 1
        noise: Tensor | None = None
        if self.noise is not None:
            noise = layer.noise_const * (layer.noise_strength * (self.noise * layer.gain))
            noise = self._tiled(noise)[None, None]

        def run(x: Tensor, w: Tensor) -> Tensor:
            return layer(x, w, None if noise is None else self._skirted(noise, scale))  # type: ignore[no-any-return]

        return self._mixed(lambda x, w: self._wrapped(lambda part: run(part, w), x, scale), x, w)

    def _mixed(self, layer: Callable[[Tensor, Tensor], Tensor], x: Tensor, w: Tensor) -> Tensor:
        """One map of all latents: each one's own, mixed across."""
        if not self.wide or len(w) == 1:
            return layer(x, w)
        return self._across(torch.cat([layer(x, one[None]) for one in w]))

    def _across(self, each: Tensor) -> Tensor:
        """[K, C, H, W], one for each latent -> [1, C, H, W]."""
        count, width = len(each), each.shape[3]
        middles = torch.arange(count, device=each.device)[:, None] + 0.5
        place = (torch.arange(width, device=each.device) + 0.5) * (count / width)  # in stretches
        far = (place - middles).abs()  # [K, W]
        if self.enlarge.wrap_x:
            far = torch.minimum(far, count - far)
        shares = ((0.5 - far) / self.enlarge.seam + 0.5).clamp(0, 1)
        if not self.enlarge.wrap_x:  # nothing beyond the outer latents
            shares[0] = shares[0].where(place > 0.5, 1)
            shares[-1] = shares[-1].where(place < count - 0.5, 1)
        shares = (shares / shares.sum(0)).to(each.dtype)
        return (each * shares[:, None, None]).sum(0, keepdim=True)

    def _enlarged(self, x: Tensor) -> Tensor:
        plan = self.enlarge
        height, width = x.shape[2:]
        size = [max(1, round(height * plan.stretch_y)), max(1, round(width * plan.stretch_x))]
        if size != [height, width]:
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=False)
        across, down = int(size[1] * plan.pad_x / 2), int(size[0] * plan.pad_y / 2)
        x = F.pad(x, (across, across, down, down), mode="replicate")
        self.one = (x.shape[2], x.shape[3])
        x = x.repeat(1, 1, plan.tile_y, plan.tile_x)
        x = self._across(x) if len(x) > 1 else x
        return x.contiguous(memory_format=torch.channels_last)

    def _tiled(self, noise: Tensor) -> Tensor:
        """A layer's pattern [h, w] over the wide map: cut or repeated to one tile, and that repeated."""
        if not self.wide:
            return noise
        height, width = self.one
        noise = noise.repeat(-(-height // noise.shape[0]), -(-width // noise.shape[1]))[:height, :width]
        return noise.repeat(self.enlarge.tile_y, self.enlarge.tile_x)

    def _skirts(self) -> tuple[int, int]:
        plan = self.enlarge
        return (SKIRT * plan.wrap_x, SKIRT * plan.wrap_y) if self.wide else (0, 0)

    def _skirted(self, x: Tensor, scale: int) -> Tensor:
        """x [N, C, H, W] with its other side attached on each side that wraps."""
        across, down = self._skirts()
        if not across and not down:
            return x
        across, down = across * scale, down * scale
        if down <= x.shape[2] and across <= x.shape[3]:
            return F.pad(x, (across, across, down, down), mode="circular")
        rows, columns = (  # a map of one pixel goes round twice, which `pad` refuses
            torch.arange(-skirt, size + skirt, device=x.device) % size
            for skirt, size in zip((down, across), x.shape[2:], strict=True)
        )
        return x[:, :, rows[:, None], columns]

    def _wrapped(self, layer: Callable[[Tensor], Tensor], x: Tensor, scale: int) -> Tensor:
        """A layer that enlarges by `scale`, run on x as if the sides that wrap were joined."""
        across, down = self._skirts()
        y = layer(self._skirted(x, 1))
        across, down = across * scale, down * scale
        return y[:, :, down : y.shape[2] - down, across : y.shape[3] - across]

    def _upsampled(self, image: Tensor) -> Tensor:
        def up(part: Tensor) -> Tensor:
            return F.pixel_shuffle(F.conv2d(part, self.network.rgb_kernel, padding=1), 2)

        return self._wrapped(up, image, 2)
