"""The official implementation with our weights, for comparing: from a checkout that the user has, given by its path.

Nothing of NVIDIA's code is here (its licence is non-commercial); their modules are imported from the path into this
process, so only give a checkout that you trust. Known are stylegan2-ada-pytorch and stylegan3
(https://github.com/NVlabs), which also holds a StyleGAN2. Only `perform bench generator --against` comes here.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator

THEIRS = ("dnnlib", "torch_utils", "training", "legacy")  # the checkout's top-level modules
BASES = [base for k in range(4, 20) for base in (1 << k, 3 << (k - 1))]  # channel_base that people use
HALF_RESOLUTIONS = 4  # how many of the highest resolutions the official code runs in float16 on a card

Synthesize = Callable[["Tensor"], "Tensor"]


def official(checkout: Path, generator: Generator, half: bool = False) -> Synthesize:
    """Their network with our weights: w [N, num_ws, w_dim] -> picture, with constant noise, on the generator's device.

    float32 throughout unless `half` (their mixture with float16; on a card only). ValueError if the path is no such
    checkout or the network is one that the official code cannot be.
    """
    with _imported(checkout) as ask, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = _twin(ask, generator, HALF_RESOLUTIONS if half else 0)
    extra = {"noise_mode": "const"} if generator.architecture == "stylegan2" else {}
    network = theirs.eval().requires_grad_(False).to(generator.w_avg.device)

    def synthesize(w: Tensor) -> Tensor:
        picture: Tensor = network.synthesis(w, force_fp32=not half, **extra)
        return picture

    return synthesize


@contextmanager
def _imported(checkout: Path) -> Iterator[Callable[[str], Any]]:
    """Their modules by name, for a while; then the names are free again, so that two checkouts do not mix."""
    if not (checkout / "torch_utils").is_dir() or not (checkout / "training").is_dir():
        raise ValueError(f"{checkout} is no checkout of stylegan2-ada-pytorch or stylegan3 (no torch_utils, training)")

    def forget() -> None:
        for name in [n for n in sys.modules if n.partition(".")[0] in THEIRS]:
            del sys.modules[name]

    forget()
    sys.modules.setdefault("pkg_resources", _versions())
    sys.path.insert(0, str(checkout.resolve()))
    try:
        yield importlib.import_module
    finally:
        sys.path.remove(str(checkout.resolve()))
        if not hasattr(sys.modules["pkg_resources"], "__file__"):
            del sys.modules["pkg_resources"]
        forget()


def _versions() -> ModuleType:
    """Stands for pkg_resources, which they compare versions with and which setuptools has no more."""
    from torch.torch_version import TorchVersion

    module = ModuleType("pkg_resources")
    module.parse_version = TorchVersion  # type: ignore[attr-defined]
    return module


def _twin(ask: Callable[[str], Any], generator: Generator, half: int) -> Any:
    """Their Generator, built alike, holding our weights."""
    if generator.architecture not in ("stylegan2", "stylegan3"):
        raise ValueError(f"there is no official {generator.architecture}")
    config, state = generator.config, generator.state_dict()
    common = {name: config[name] for name in ("z_dim", "w_dim", "c_dim", "img_resolution", "img_channels")}
    mapping = {"num_layers": config["mapping_layers"]}
    if generator.architecture == "stylegan2":
        synthesis = _stylegan2(config) | {"num_fp16_res": half}
        mapping["lr_multiplier"] = config["mapping_lr"]
        try:
            module = ask("training.networks_stylegan2")
            theirs = module.Generator(**common, mapping_kwargs=mapping, **synthesis)
        except ModuleNotFoundError:
            module = ask("training.networks")
            theirs = module.Generator(**common, mapping_kwargs=mapping, synthesis_kwargs=synthesis)
    else:
        module = ask("training.networks_stylegan3")
        synthesis = _stylegan3(config, state) | {"num_fp16_res": half}
        theirs = module.Generator(**common, mapping_kwargs=mapping, **synthesis)
    missing, foreign = theirs.load_state_dict(state, strict=False)
    if wrong := [name for name in missing if not name.endswith("resample_filter")] + list(foreign):
        raise ValueError(f"the official network is another: {wrong[0]}")
    return theirs


def _stylegan2(config: dict[str, Any]) -> dict[str, Any]:
    """Their settings of the synthesis; ValueError for what they cannot do."""
    if tuple(config["init_size"]) != (4, 4):
        raise ValueError("the official StyleGAN2 has no rectangular pictures")
    said = {name: config[name] for name in ("channel_base", "channel_max", "architecture", "conv_clamp")}
    if config["channels"] is None:
        return said
    widths = {int(resolution): width for resolution, width in config["channels"].items()}
    top = max(widths.values())
    bases = [base for base in BASES if all(min(base // r, top) == width for r, width in widths.items())]
    if not bases:
        raise ValueError("no channel_base of the official StyleGAN2 gives these channels")
    return said | {"channel_base": bases[0], "channel_max": top}


def _stylegan3(config: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """Their settings of the synthesis, found from the layers' sizes; ValueError where none fits."""
    layers = config["layers"]
    widths = [layer["out_channels"] for layer in layers[:-1]]
    count, top = len(layers) - 1, max(widths)
    last = config["img_resolution"] / 2
    cutoffs = [2 * (last / 2) ** min(k / (count - 2), 1) for k in range(count)]

    def gives(base: int) -> list[int]:
        return [round(min(base / 2 / cutoff, top)) for cutoff in cutoffs]

    bases = [base for base in BASES if gives(base) == widths]
    if not bases:
        raise ValueError("no channel_base of the official StyleGAN3 gives these widths")
    return {
        "channel_base": bases[0],
        "channel_max": top,
        "num_layers": count,
        "output_scale": config["output_scale"],
        "conv_kernel": layers[0]["conv_kernel"],
        "conv_clamp": layers[0]["conv_clamp"],
        "use_radial_filters": any(t.ndim == 2 for name, t in state.items() if name.endswith("down_filter")),
    }
