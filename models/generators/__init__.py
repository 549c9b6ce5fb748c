"""Architectures, one file each; the folder is the registry.

A file here has `ARCHITECTURE` (its name in checkpoints), `DESCRIPTION` (one line) and `build(config, tensors) ->
Generator`. To add an architecture is to add its file: `tests/models/test_generators.py` walks the folder.
A sub-folder holds what one architecture needs beside its file. Nothing here imports torch until asked to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Protocol, Self, Union

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Tap = Callable[[str, "Tensor"], "Tensor"]
Scalar = Union[float, "Tensor"]  # a number that may move: a 0-d tensor on the network's device during the show


def identity(layer: str, x: Tensor) -> Tensor:  # noqa: ARG001  the face of a tap
    """The tap that changes nothing."""
    return x


class Generator(Protocol):
    """A network that can be played. Not thread-safe: one thread (the generator worker) calls it."""

    architecture: str
    layers: tuple[str, ...]
    z_dim: int
    w_dim: int
    c_dim: int
    num_ws: int
    img_resolution: int
    img_channels: int
    compute_dtype: torch.dtype

    @property
    def w_avg(self) -> Tensor:
        """[w_dim], the centre of truncation."""

    @property
    def config(self) -> dict[str, Any]:
        """What `build` needs, as JSON can hold it."""

    def map(
        self, z: Tensor, c: Tensor | None = None, truncation_psi: Scalar = 0.7, truncation_cutoff: int | None = None
    ) -> Tensor:
        """z [N, z_dim] -> w [N, num_ws, w_dim]; psi = 1 as a Python float leaves w as it is, bit for bit.

        Raises ValueError if a label is missing or not wanted.
        """

    def synthesize(
        self,
        w: Tensor,
        noise_mode: str = "const",
        tap: Tap = identity,
        noise_strength: Scalar = 1.0,
        rng: torch.Generator | None = None,
        transform: Tensor | None = None,
    ) -> Tensor:
        """w [N, num_ws, w_dim] -> [N, img_channels, H, W] float32, about -1..1.

        `transform` [3, 3] says where the picture lies, for architectures that can move it; others pass over it.

        `tap(layer, x)` is called once after each of `layers`, in order. `rng` draws the noise of noise_mode "random".
        Raises ValueError for a noise_mode other than const, random, none.
        """

    def state_dict(self) -> dict[str, Any]:
        """The weights by name."""

    def to(self, device: Any) -> Self:
        """The network moved to a device."""


@cache
def architectures() -> Mapping[str, Any]:
    """The modules of this folder by their ARCHITECTURE. Imports torch."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__) if not found.ispkg]
    return {module.ARCHITECTURE: module for module in modules}


def build(architecture: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None) -> Generator:
    """A network from what a checkpoint says. ValueError names an unknown architecture or setting, or weights that do
    not fit.
    """
    known = architectures()
    if architecture not in known:
        raise ValueError(f"no architecture {architecture!r}; there are {', '.join(sorted(known))}")
    try:
        with nullcontext() if tensors is None else _undrawn():
            made: Generator = known[architecture].build(dict(config), tensors)
    except TypeError as error:
        raise ValueError(f"{architecture} cannot be built from these settings: {error}") from error
    return made


def _undrawn() -> AbstractContextManager[Any]:
    """While a network is built that will get its weights at once: what would be drawn is a shape without memory
    (torch's "meta" tensors), in whose place `plain.fill` puts weights. That saves a second copy, and a second for the
    largest.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    class Undrawn(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            del types
            if func is torch.randn:
                return torch.empty(*args, **(kwargs or {}), device="meta")
            if func is torch.Tensor.div and args[0].is_meta:
                return args[0]  # a scaled nothing; for torch to say so it would import its compiler: seconds
            return func(*args, **(kwargs or {}))

    return Undrawn()


def has_fast_bf16() -> bool:
    """Whether this processor multiplies bfloat16 natively; without it bfloat16 is slower than float32."""
    import torch

    ask: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    has = ask()
    return any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
