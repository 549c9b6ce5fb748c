"""The discriminator of a DCGAN, with a head for styles: one network of convolutions that says two things.

Radford et al. 2016 for the convolutions (4 x 4 of stride 2, leaky ReLU, batch normalisation but at the first),
Elgammal et al. 2017 and Ahn et al. for the heads: is it art, and of which style. At 64 x 64 there are five
convolutions: four halve the picture to 4 x 4, one looks at all of that.

`minibatch` adds minibatch discrimination (Salimans et al., "Improved Techniques for Training GANs", 2016, section
3.2): the head for real and made sees how near each picture's features are to those of the others, so a generator that
paints one picture over and over is found out.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators.dcgan import normalisation, start

DEPTH = 4  # numbers of each projection of minibatch discrimination


class DCGANDiscriminator(nn.Module):
    """Pictures [N, 3, grid, grid] in -1..1 -> logits [N, 1] (positive: real), and of styles [N, classes].

    `channels` maps after the first convolution, twice as many after each other, at most `channel_max`; `minibatch`
    projections of minibatch discrimination, 0 for none.
    """

    def __init__(
        self, grid: int, channels: int = 64, channel_max: int = 512, classes: int = 0, minibatch: int = 0,
        normal: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        halvings = grid.bit_length() - 3
        widths = [min(channels << k, channel_max) for k in range(halvings)]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 4, 2, 1, bias=k == 0 or not normal)
            for k, (a, b) in enumerate(zip([3, *widths], widths, strict=False))
        )
        self.convs.append(nn.Conv2d(widths[-1], widths[-1], 4, bias=not normal))
        self.norms = nn.ModuleList(
            normalisation(width) if normal else nn.Identity() for width in [*widths[1:], widths[-1]]
        )
        self.closeness = nn.Parameter(torch.randn(widths[-1], minibatch, DEPTH) * 0.02) if minibatch else None
        self.real = nn.Linear(widths[-1] + minibatch, 1)
        self.style = nn.Linear(widths[-1], classes) if classes else None
        start(self)
        if not normal:
            for conv in self.convs:  # nothing sets the scale again, so each layer has to keep it (He et al. 2015)
                nn.init.kaiming_normal_(torch.as_tensor(conv.weight), 0.2)

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, 3, grid, grid] -> logits [N, 1] float32."""
        return self.real_of(self.features(pictures))

    def features(self, pictures: Tensor) -> Tensor:
        """[N, 3, grid, grid] -> [N, C], what both heads see (and what feature matching compares)."""
        first, *rest = self.convs
        x = F.leaky_relu(first(pictures), 0.2)
        for conv, norm in zip(rest, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), 0.2)
        return x.flatten(1)

    def real_of(self, features: Tensor) -> Tensor:
        """[N, C] -> logits [N, 1] float32; a batch is judged together if there is minibatch discrimination."""
        if self.closeness is not None:
            features = torch.cat([features, closeness(features, self.closeness)], 1)
        return torch.as_tensor(self.real(features)).float()

    def style_of(self, features: Tensor) -> Tensor:
        """[N, C] -> logits of the styles [N, classes] float32. ValueError without a head for styles."""
        if self.style is None:
            raise ValueError("this discriminator has no head for styles: it was made without classes")
        return torch.as_tensor(self.style(features)).float()


def closeness(features: Tensor, projections: Tensor) -> Tensor:
    """features [N, A], projections [A, B, C] -> [N, B]: the mean over the others of exp(-L1 distance) of the projected
    features (Salimans et al. 2016, section 3.2; a mean where they have a sum, so that batches of any size agree).
    """
    count = len(features)
    rows = torch.einsum("na,abc->nbc", features, projections.to(features.dtype))
    apart = (rows[:, None] - rows[None]).abs().sum(3)  # [N, N, B]
    near = torch.exp(-apart).sum(1) - 1  # without itself
    return near / max(1, count - 1)
