"""From z and a label to w, the same in StyleGAN2 and StyleGAN3. Karras et al. 2018, 2020 and 2021."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  its name everywhere

from models.generators import Scalar

GAIN = math.sqrt(2.0)  # keeps the variance through leaky ReLU
SLOPE = 0.2


class Dense(nn.Module):
    """Fully connected layer with equalised learning rate: W * lr / sqrt(in), b * lr."""

    def __init__(self, inputs: int, outputs: int, lr: float = 1.0, bias_init: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr)
        self.bias = nn.Parameter(torch.full([outputs], bias_init / lr))
        self.weight_gain, self.bias_gain = lr / math.sqrt(inputs), lr

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs] -> [N, outputs]."""
        bias = self.bias if self.bias_gain == 1.0 else self.bias * self.bias_gain
        return torch.addmm(bias, x, self.weight.t(), alpha=self.weight_gain)


class MappingNetwork(nn.Module):
    """z and label -> w. A label is any real vector: one-hot for a class, in between for a mixture."""

    w_avg: Tensor

    def __init__(self, z_dim: int, w_dim: int, c_dim: int, depth: int, lr: float = 0.01) -> None:
        super().__init__()
        self.depth, self.c_dim = depth, c_dim
        width = z_dim
        if c_dim:
            self.embed = Dense(c_dim, w_dim)
            width += w_dim
        for k in range(depth):
            setattr(self, f"fc{k}", Dense(width if k == 0 else w_dim, w_dim, lr=lr))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor, c: Tensor | None) -> Tensor:
        """z [N, z_dim], c [N, c_dim] or None -> [N, w_dim], before truncation."""
        x = _normalise(z.float())
        if c is not None:
            x = torch.cat([x, _normalise(self.embed(c.float()))], dim=1)
        for k in range(self.depth):
            x = F.leaky_relu(getattr(self, f"fc{k}")(x), SLOPE) * GAIN
        return x

    def truncated(self, z: Tensor, c: Tensor | None, num_ws: int, psi: Scalar, cutoff: int | None) -> Tensor:
        """z [N, z_dim] (standard normal), c [N, c_dim] if the network has labels -> w [N, num_ws, w_dim].

        Truncation is w_avg + psi (w - w_avg) on the first `cutoff` of the num_ws (None: all). psi = 1 as a Python float
        leaves w as it is, bit for bit; a 0-d tensor may move every frame. ValueError if the label is missing or too
        many.
        """
        if (c is None) != (self.c_dim == 0):
            raise ValueError(
                f"this network takes labels of c_dim={self.c_dim}; c is {'missing' if c is None else 'not wanted'}"
            )
        ws: Tensor = self(z, c).unsqueeze(1).expand(-1, num_ws, -1)
        if not isinstance(psi, Tensor) and psi == 1:
            return ws.clone()
        near = self.w_avg + psi * (ws - self.w_avg)
        return near if cutoff is None else torch.cat([near[:, :cutoff], ws[:, cutoff:]], 1)


def _normalise(x: Tensor) -> Tensor:
    """Each row to mean square 1."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)
