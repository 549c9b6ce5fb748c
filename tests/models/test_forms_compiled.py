"""Fast forms, really compiled: one tiny network, the same pictures, never compiled anew, nobody held up."""

import ctypes
import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from forms_tools import CLOSE, a_w, eager, far, network

from models.forms import cache, compile_form, form, load_cached
from models.forms.form import Form
from models.generators import Generator

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # of torch to itself

# One tiny network is really compiled, for all that follows: rectangular, residual, with labels.
COMPILED: dict[str, Any] = {"init_size": [3, 5], "architecture": "resnet", "c_dim": 3, "img_resolution": 8}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Generator, Form]]:
    if form.compiler() is None:
        pytest.skip("no C++ compiler")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFORM_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TORCHINDUCTOR_VEC_ISA_OK", "1")  # believe the processor's flags: seven seconds less
        g = network(**COMPILED)
        told: list[tuple[float, str]] = []
        made = compile_form(g, progress=lambda *said: told.append(said))
        assert told[-1] == (1.0, "done")
        assert [share for share, _ in told] == sorted(share for share, _ in told)
        yield g, made


@pytest.mark.timeout(600)
def test_machine_code_gives_the_same_picture(compiled: tuple[Generator, Form]) -> None:
    g, fast = compiled
    assert fast.cuts == ()
    for seed, strength in ((0, 1.0), (1, 0.0), (2, -2.5)):
        w = a_w(g, seed)
        assert far(fast(w, strength), eager(g, w, strength)) <= CLOSE
    first, second = fast(a_w(g, 3)), fast(a_w(g, 4))
    assert far(first, eager(g, a_w(g, 3))) <= CLOSE  # the caller keeps it
    assert not torch.equal(first, second)


def test_a_thousand_moves_compile_nothing(compiled: tuple[Generator, Form]) -> None:
    g, fast = compiled
    assert isinstance(g, torch.nn.Module)
    before = repr(form.COMPILED)
    dice = torch.Generator().manual_seed(7)
    weights = [weight for name, weight in g.named_parameters() if name.startswith("synthesis.")]
    home = [weight.clone() for weight in weights]
    moving = torch.tensor(1.0)
    for move in range(1000):
        w = a_w(g, move)
        moving.copy_(torch.rand([], generator=dice) * 3 - 1)
        if move % 10 == 0:
            chosen = weights[int(torch.randint(len(weights), [], generator=dice))]
            with torch.inference_mode():
                chosen.add_(torch.randn(chosen.shape, generator=dice) * 0.02)
        picture = fast(w, moving)
        if move % 50 == 0:
            assert far(picture, eager(g, w, float(moving))) <= CLOSE
    assert repr(form.COMPILED) == before
    with torch.no_grad():
        for weight, was in zip(weights, home, strict=True):
            weight.copy_(was)


def test_another_network_of_the_same_topology_needs_no_compiling(compiled: tuple[Generator, Form]) -> None:
    before = repr(form.COMPILED)
    other = network(seed=5, **COMPILED)
    fast = load_cached(other)
    assert fast is not None
    assert far(fast(a_w(other)), eager(other, a_w(other))) <= CLOSE
    assert far(compile_form(other)(a_w(other, 1)), eager(other, a_w(other, 1))) <= CLOSE
    assert repr(form.COMPILED) == before
    assert load_cached(other, "bfloat16") is None
    assert load_cached(other, cuts=["b8.conv0"]) is None


def test_a_form_keeps_to_the_cores_that_torch_was_left(compiled: tuple[Generator, Form]) -> None:
    """A thread that is new to OpenMP would take all; the show leaves one to the picture."""
    found = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*"))
    if not found or os.cpu_count() == 1:
        pytest.skip("torch brings no libgomp, or there is one core only")
    openmp = ctypes.CDLL(str(found[0]))
    g, fast = compiled
    counts: list[int] = []

    def play() -> None:
        counts.append(openmp.omp_get_max_threads())
        fast(a_w(g))
        counts.append(openmp.omp_get_max_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        player = threading.Thread(target=play)
        player.start()
        player.join(timeout=60)
    finally:
        torch.set_num_threads(before)
    assert counts[0] > 1  # else this shows nothing
    assert counts[1] == 1


def test_loading_again_and_again_keeps_no_memory(compiled: tuple[Generator, Form]) -> None:
    def held() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    if not Path("/proc/self/statm").is_file():
        pytest.skip("no /proc")
    g, _ = compiled
    sizes = []
    for _ in range(3):
        for _ in range(50):
            fast = load_cached(g)
            assert fast is not None
            fast(a_w(g))
        sizes.append(held())
    assert sizes[2] - sizes[1] < 4_000_000, sizes


def test_a_damaged_form_is_none(compiled: tuple[Generator, Form], caplog: pytest.LogCaptureFixture) -> None:
    g, _ = compiled
    folder = cache.folder_of(form.request_of(g, "float32", []))
    text = (folder / "form.json").read_text()
    try:
        (folder / "form.json").write_text(text[:100])
        assert load_cached(g) is None
        assert "cannot be used" in caplog.text
    finally:
        (folder / "form.json").write_text(text)


def test_a_picture_holds_nobody_up(compiled: tuple[Generator, Form], monkeypatch: pytest.MonkeyPatch) -> None:
    """While the machine code runs, another thread of the interpreter goes on."""
    g, fast = compiled
    w, ticks, passed, done = a_w(g), 0, 0, threading.Event()
    library = fast._pieces[0].library
    run = library._run

    def watched(*arguments: Any) -> int:
        nonlocal passed
        before = ticks
        status: int = run(*arguments)
        passed += ticks > before
        return status

    def paint() -> None:
        for _ in range(3000):  # were the lock held, the counter would pass in one call of thousands
            fast(w)
            if passed >= 20:
                break
        done.set()

    monkeypatch.setattr(library, "_run", watched)
    painter = threading.Thread(target=paint)
    painter.start()
    while not done.is_set():
        ticks += 1
    painter.join(timeout=60)
    assert passed >= 20
