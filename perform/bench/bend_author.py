"""`perform bench bend --against PATH`: one layer through the author's bending code, from its own checkout, and ours.

His `transform_layers.py` (github.com/terrybroad/network-bending) is imported from the path into this process, so only
give a checkout that you trust. Its six operators in C++ fetch each channel to the processor, call OpenCV and copy the
result to an NVIDIA card. Here they are OpenCV's same functions called from Python: on a card with the same copies; on a
processor without them, so that he is faster there than on a stage of his. OpenCV is needed: pip install
opencv-python-headless.
"""

from __future__ import annotations

import importlib
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from models.bench import finisher
from perform.engine.clock import machine_time
from perform.engine.problems import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from perform.bench.report import Row

# His layers: 512 channels at 64 x 64 and 64 at 512 x 512 are those of his network for faces, 8 at 256 x 256 ours.
MAPS = ((512, 64), (128, 256), (8, 256))
CASES: dict[str, tuple[str, list[float], dict[str, float]]] = {
    "ablate": ("ablate", [], {}),
    "invert": ("invert", [], {}),
    "scalar-multiply": ("scalar_multiply", [1.3], {"factor": 1.3}),
    "binary-thresh": ("binary_thresh", [0.5], {"threshold": 0.5}),
    "flip-h": ("flip_h", [], {}),
    "flip-v": ("flip_v", [], {}),
    "rotate": ("rotate", [33.0], {"angle": 33.0}),
    "scale": ("scale", [1.2], {"factor": 1.2}),
    "translate": ("translate", [0.13, 0.2], {"right": 0.13, "down": 0.2}),
    "erode": ("erode", [2], {"radius": 2.0}),
    "dilate": ("dilate", [2], {"radius": 2.0}),
}
FRAMES = 7


def bench_against(checkout: Path, device: str, tell: Callable[[str], None]) -> list[Row]:
    """A row for each transform and size of map: his milliseconds, ours in float32 and in the bfloat16 that plays, the
    ratios, and how far the pictures are apart (fractional warps: he rounds places to 1/32 pixel). Medians; interleaved;
    on a card each call is waited for.

    All channels are bent, as `features: all` has it. Raises UserError if the path is no such checkout, the device is
    not there or OpenCV is not installed.
    """
    import torch

    from models.bending import native
    from models.bending.transforms import transforms
    from models.bending.warp import bounded
    from perform.engine.render import keep_memory, pick_device

    pick_device(device)
    finish = finisher(device)
    keep_memory()  # as a show does
    native.prepare()
    rows: list[Row] = []
    with _imported(checkout) as theirs, torch.inference_mode():
        layer = theirs.ManipulationLayer(1)
        for channels, side in MAPS:
            tell(f"{channels} maps of {side} x {side}")
            x = torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(0)).to(device)
            ours = {
                "float32": x.contiguous(memory_format=torch.channels_last),
                "bfloat16": x.bfloat16().contiguous(memory_format=torch.channels_last),
            }
            for name, (transform, params, knobs) in CASES.items():
                plan = [{"layerID": 1, "transformID": name, "params": params, "indicies": list(range(channels))}]
                known = transforms()[transform]
                hints = known.hints({knob.name: knobs.get(knob.name, knob.default) for knob in known.knobs})
                given: dict[str, Any] = {key: torch.tensor(value, device=device) for key, value in knobs.items()}
                given.update(hints)

                def bend(x: Tensor, known: Any = known, given: dict[str, Any] = given) -> Tensor:
                    return bounded(known.apply(x, **given))

                def author(plan: Any = plan, x: Tensor = x) -> Tensor:
                    made: Tensor = layer(x, plan)
                    return made

                apart = (author() - bend(ours["float32"])).abs().mean().item()
                spans: dict[str, list[float]] = {"author": [], "float32": [], "bfloat16": []}
                for _ in range(FRAMES):
                    spans["author"].append(_seconds(author, finish))
                    for kind, y in ours.items():
                        spans[kind] += [_seconds(partial(bend, y), finish) for _ in range(3)]
                median = {kind: statistics.median(times) for kind, times in spans.items()}
                row: Row = {"transform": name, "maps": f"{channels} x {side} x {side}"}
                row |= {"author ms": round(median["author"] * 1e3, 2)}
                for kind in ours:
                    row |= {f"{kind} ms": round(median[kind] * 1e3, 3)}
                    row |= {f"{kind} x": round(median["author"] / median[kind], 1)}
                rows.append(row | {"mean apart": round(apart, 5)})
    return rows


def _seconds(call: Callable[[], object], finish: Callable[[], None]) -> float:
    finish()
    start = machine_time()
    call()
    finish()
    return machine_time() - start


@contextmanager
def _imported(checkout: Path) -> Iterator[ModuleType]:
    """His `transform_layers`, with OpenCV where it asks for his libraries."""
    import torch

    if not (checkout / "transform_layers.py").is_file():
        raise UserError(f"{checkout} is no checkout of network-bending (no transform_layers.py)")
    try:
        cv2: Any = importlib.import_module("cv2")
    except ImportError as error:
        raise UserError("the author's code needs OpenCV: pip install opencv-python-headless") from error
    kept_load, kept_path, kept_modules = torch.ops.load_library, list(sys.path), set(sys.modules)
    ops: Any = torch.ops
    try:
        ops.load_library = lambda _: None  # his libraries; below is what is in them
        ops.my_ops = SimpleNamespace(**_operators(cv2))
        sys.path.insert(0, str(checkout))
        if importlib.util.find_spec("torchvision") is None:  # it only saves pictures there
            sys.modules["torchvision"] = ModuleType("torchvision")
            sys.modules["torchvision"].utils = None  # type: ignore[attr-defined]
        yield importlib.import_module("transform_layers")
    finally:
        ops.load_library, sys.path[:] = kept_load, kept_path
        del ops.my_ops
        for name in set(sys.modules) - kept_modules:
            if name in ("transform_layers", "torchvision"):
                del sys.modules[name]


def _operators(cv2: Any) -> dict[str, Callable[..., Tensor]]:
    """His six operators: the same calls of OpenCV on one map [H, W]."""
    import numpy as np
    import torch

    def on_numpy(work: Callable[..., Any]) -> Callable[..., Tensor]:
        def operate(image: Tensor, *numbers: float) -> Tensor:
            return torch.from_numpy(work(image.cpu().contiguous().numpy(), *numbers)).to(image.device)

        return operate

    def ellipse(radius: int) -> Any:
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1), (radius, radius))

    def turned(image: Any, angle: float, factor: float) -> Any:
        h, w = image.shape
        return cv2.warpAffine(image, cv2.getRotationMatrix2D((h / 2, w / 2), angle, factor), (w, h))

    def moved(image: Any, right: float, down: float) -> Any:
        h, w = image.shape
        return cv2.warpAffine(image, np.array([[1, 0, right * h], [0, 1, down * h]], np.float32), (w, h))

    return {
        "erode": on_numpy(lambda image, radius: cv2.erode(image, ellipse(radius))),
        "dilate": on_numpy(lambda image, radius: cv2.dilate(image, ellipse(radius))),
        "rotate": on_numpy(lambda image, angle: turned(image, angle, 1)),
        "scale": on_numpy(lambda image, factor: turned(image, 0, factor)),
        "translate": on_numpy(moved),
        "resize": on_numpy(lambda image, *_: image),
    }
