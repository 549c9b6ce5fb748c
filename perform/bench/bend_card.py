"""The pictures that `perform bench bend` measures on a card: one CUDA graph each, which share one pool of memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from models.bench import finisher
from models.bending.bender import Bender
from models.forms.cuda import Capture, CapturedForm, OnCard
from perform.bench.bend import Call, call, cases

if TYPE_CHECKING:
    from torch import Tensor

    from models.generators import Generator


def captured(
    network: Generator, w: Tensor, places: Mapping[str, str], tell: Callable[[str], None],
    capture: Capture | None = None,
) -> tuple[Call, dict[str, Call]]:  # fmt: skip
    """The unbent frame and the bent ones by name, each finished when it returns. `capture` stands for the card's."""
    device = w.device
    on_card = device.type == "cuda"
    finish = finisher(device)
    share = OnCard(device) if capture is None else capture
    dtype = "bfloat16" if on_card else "float32"
    whole = CapturedForm(network, dtype, capture=share)

    def plain(_: int) -> None:
        whole(w)
        finish()

    calls: dict[str, Call] = {}
    for name, transform, _, slots in cases(places):
        try:
            bender = Bender(slots, network, steady=True)
            form = CapturedForm(network, dtype, bender.frame(bender.defaults), share)
        except Exception as error:  # noqa: BLE001 - the other rows are worth having
            tell(f"{name}: {error}")
            continue
        calls[name] = call(partial(_play, form, bender, finish), w, bender, transform)
    return plain, calls


def _play(form: CapturedForm, bender: Bender, finish: Callable[[], None], w: Tensor, values: list[float]) -> None:
    bender.frame(values)
    form(w)
    finish()
