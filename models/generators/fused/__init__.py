"""StyleGAN2's forward pass on a card in few passes: what surrounds cuDNN's convolutions, as kernels in Triton.

    fused.ready("cuda")             # when a network is loaded, off the frame path: builds and checks the kernels
    fused.play(network, w, ...)     # the picture, or None where torch's own operators shall make it

Torch's chain of operators goes over each map once for every step: at 1024x1024 with 32 channels in bfloat16 that is
130 MB each time. Here a layer is folding its weight (one launch), cuDNN's convolution, and one pass in which blur,
noise, bias, leaky ReLU, gain and clamp happen (`operations`); all affine layers of a frame are one launch (`styles`).
Numbers and weights that move are read on the device, so a captured graph follows them.

The kernels play one picture without gradient on a card where Triton can be imported and where each of them has made
torch's numbers once (`check`). In every other case, and for good after anything went wrong, torch's way plays. A show
never waits for a compiler: what plays on the card's default stream is played by torch until a thread has built what it
needs. On another stream, where graphs are warmed up, kernels are built on the way.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import torch

from models.generators import identity
from models.generators.fused.launch import Unbuilt, Unplayable, patience

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Scalar, Tap
    from models.generators.stylegan2 import StyleGAN2

log = logging.getLogger("models")

KINDS = {"cuda"}  # kinds of devices that have kernels; tests add "cpu", where Triton's interpreter runs them

_verdicts: dict[torch.device, bool] = {}
_lock = threading.Lock()
_building = threading.Lock()


def ready(device: torch.device | str) -> bool:
    """Whether the kernels play on this device. At first asking they are built and held against torch's numbers: some
    seconds, with synchronisation, so off the frame path and never while a graph is captured. Any thread.
    """
    device = torch.device(device)
    if device.type not in KINDS or (device.type == "cuda" and not torch.cuda.is_available()):
        return False
    if device == torch.device("cuda"):
        device = torch.device("cuda", torch.cuda.current_device())
    with _lock:
        if device not in _verdicts:
            _verdicts[device] = _checked(device)
        return _verdicts[device]


def play(
    network: StyleGAN2, w: Tensor, noise_mode: str, tap: Tap, strength: Scalar, rng: torch.Generator | None
) -> Tensor | None:
    """`StyleGAN2.synthesize` by the kernels; None where they shall not or cannot play. The network's own thread."""
    if not _may_play(network, w, strength):
        return None
    from models.generators.fused.picture import picture

    waits = _waits(w.device)
    if w.device in _verdicts or (waits and ready(w.device)):
        try:
            # torch's operators find their tensors' device by themselves, a launch does not
            with torch.cuda.device_of(w), patience(waits):  # type: ignore[no-untyped-call]
                return picture(network, network.compute_dtype, w, noise_mode, tap, strength, rng)
        except Unplayable as error:  # layers before this one have been tapped; they are tapped once more
            _give_up(w.device, str(error))
            return None
        except Unbuilt:
            pass
    if not waits and not _captures(w.device):
        _build_beside(network, w, noise_mode, tap, strength)
    return None


def _may_play(network: StyleGAN2, w: Tensor, strength: Scalar) -> bool:
    if torch.compiler.is_compiling() or torch.is_grad_enabled() or len(w) != 1 or w.device.type not in KINDS:
        return False
    if type(w) is not torch.Tensor or w.dtype != torch.float32:  # a tensor that only stands for one has no memory
        return False
    if network.compute_dtype not in (torch.float32, torch.bfloat16):
        return False
    if isinstance(strength, torch.Tensor) and (strength.device != w.device or strength.ndim):
        return False
    return _verdicts.get(w.device, True)


def _captures(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _waits(device: torch.device) -> bool:
    """Whether this thread may wait for a compiler now: not in a show, and not while a graph is captured."""
    if device.type != "cuda":
        return True
    return torch.cuda.current_stream(device) != torch.cuda.default_stream(device) and not _captures(device)


def _build_beside(network: StyleGAN2, w: Tensor, noise_mode: str, tap: Tap, strength: Scalar) -> None:
    """Start a thread that plays such a picture once, for the kernels that it needs; one thread at a time."""
    if not _building.acquire(blocking=False):
        return
    from models.generators.fused.picture import picture

    dtype, device = network.compute_dtype, w.device
    noise_mode = "const" if noise_mode == "random" else noise_mode  # the show's dice are not thrown here

    def untouched(layer: str, x: Tensor) -> Tensor:  # noqa: ARG001  the face of a tap
        return x

    def build() -> None:
        try:
            with torch.no_grad(), torch.cuda.device_of(w):  # type: ignore[no-untyped-call]
                if ready(device):
                    same = identity if tap is identity else untouched
                    picture(network, dtype, w, noise_mode, same, strength, None)
        except Exception as error:  # noqa: BLE001 - whatever it is, it would come again at the next frame
            _give_up(device, str(error))
        finally:
            _building.release()

    threading.Thread(target=build, name="fused", daemon=True).start()


def _checked(device: torch.device) -> bool:
    from models.generators.fused.check import fault

    try:
        wrong = fault(device)
    except Exception as error:  # noqa: BLE001 - compilers and drivers fail in every way; torch plays on
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        log.warning("StyleGAN2 plays by torch's own operators on %s: %s", device, wrong)
    return not wrong


def _give_up(device: torch.device, why: str) -> None:
    with _lock:
        if _verdicts.get(device):
            log.warning("StyleGAN2 goes on by torch's own operators on %s: %s", device, why)
        _verdicts[device] = False
