"""The compiled kernel and torch's way give the same, and there is torch's way wherever there is no kernel."""

from collections.abc import Callable

import pytest
import torch
from decoding_tools import known
from torch import Tensor

from models.decoding import native
from models.decoding.decoder import Decoder
from models.machine_code import MachineCode

LAST = torch.channels_last


@pytest.fixture(autouse=True)
def _kernel() -> None:
    if not native.KERNELS.prepare():
        pytest.skip(native.KERNELS.problem)


EACH_TYPE = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
EACH_SIZE = pytest.mark.parametrize("size", [(1, 4, 4), (2, 9, 5), (1, 70, 33), (1, 1, 1)])


def both(tap: Callable[[Tensor], Tensor], x: Tensor, monkeypatch: pytest.MonkeyPatch) -> tuple[Tensor, Tensor]:
    """What a tap makes of x with a kernel and without: new tensors of x's type and layout, and x stays as it is."""
    before = x.clone(memory_format=torch.preserve_format)
    with monkeypatch.context() as without:
        without.setattr(native.KERNELS, "library", None)
        expected = tap(x)
    made = tap(x)
    assert torch.equal(x, before)
    assert not torch.equal(made, x)
    assert made.dtype == x.dtype
    assert made.stride() == x.stride()
    return made, expected


@EACH_TYPE
@EACH_SIZE
def test_it_is_what_torch_makes(
    dtype: torch.dtype, size: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, statistics = known("stylegan2")
    decoder = Decoder(network, statistics)
    for k, layer in enumerate(decoder.layers):
        values = {"method": 1.0 + k % 2, "layer": k / (len(decoder.layers) - 1), "amount": 0.7, "n_neurons": 9.0}
        tap = decoder.frame(values)[layer]
        n, h, w = size
        x = torch.randn(n, len(statistics.layers[layer].rates), h, w, generator=torch.Generator().manual_seed(k))
        x = (x * 0.3 + 0.2).to(dtype).contiguous(memory_format=LAST)
        made, expected = both(tap, x, monkeypatch)
        room = 1e-5 if dtype == torch.float32 else 2**-7  # of one that is rounded otherwise
        assert torch.allclose(made.float(), expected.float(), atol=room * float(expected.abs().max()), rtol=room)
        silent = tap._shares == 0
        assert 0 < int(silent.sum()) < len(silent)
        for picture in (made, expected):
            assert torch.equal(picture[:, silent], x[:, silent]), "who does not speak is left as it is, bit for bit"
        if h * w > 1:  # one pixel above its level is its own mean: whether it moves by a rounding is the processor's
            still = (x == made).all(3).all(2).all(0)
            assert torch.equal(still, (x == expected).all(3).all(2).all(0)), "the same channels are left as they are"


@EACH_TYPE
@EACH_SIZE
def test_noise_is_what_torch_makes(
    dtype: torch.dtype, size: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, statistics = known("stylegan2")
    decoder = Decoder(network, statistics)
    values = {"method": 3.0, "amount": 0.7, "n_neurons": 9.0, "noise_std": 0.8}
    ((layer, tap),) = decoder.frame(values).items()
    n, h, w = size
    x = torch.randn(n, len(statistics.layers[layer].rates), h, w, generator=torch.Generator().manual_seed(1))
    x = x.to(dtype).contiguous(memory_format=LAST)
    made, expected = both(tap, x, monkeypatch)
    room = 1e-6 if dtype == torch.float32 else 0  # where a product and a sum are one step, it is rounded once
    assert torch.allclose(made.float(), expected.float(), atol=room, rtol=room)


def test_what_it_cannot_do_it_leaves_to_torch() -> None:
    network, statistics = known("stylegan2")
    decoder = Decoder(network, statistics)
    ((layer, tap),) = decoder.frame({"method": 1.0}).items()
    x = torch.randn(1, len(statistics.layers[layer].rates), 8, 8)
    same = tap(x.contiguous(memory_format=LAST))
    assert torch.allclose(tap(x), same, atol=1e-4)
    assert torch.allclose(tap(x.double()), same.double(), atol=1e-4)


def test_where_there_is_no_compiler_it_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = MachineCode(native._library, "it plays without")
    asked = []

    def nothing(*args: object) -> None:
        asked.append(args)
        raise OSError("no C++ compiler")

    monkeypatch.setattr(native, "loaded", nothing)
    assert not kernel.prepare()
    assert not kernel.prepare()
    assert len(asked) == 1
    assert "compiler" in kernel.problem
