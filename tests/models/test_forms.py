"""Fast forms: the same pictures, from live weights, never compiled anew; and without a compiler nothing is lost."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from forms_tools import CLOSE, a_w, eager, far, network

from models.cache import cache_folder
from models.forms import Unavailable, cache, compile_form, form, load_cached
from models.forms import build as building
from models.forms.form import Form
from models.forms.graph import parts
from models.forms.pack import Step, operator, written
from models.forms.packer import Packer, Pool
from models.forms.shelf import Shelf
from models.generators import Generator, build

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # of torch to itself
KINDS: dict[str, dict[str, Any]] = {
    "skip": {},
    "resnet": {"architecture": "resnet", "conv_clamp": 2.0},
    "orig": {"architecture": "orig", "channels": {"4": 8, "8": 24, "16": 4}},
    "rectangular": {"init_size": [3, 5]},
}


def played(
    generator: Generator, cuts: tuple[str, ...] = (), dtype: torch.dtype = torch.float32, pool: Pool | None = None
) -> Callable[..., torch.Tensor]:
    """What a form computes, run by torch instead of by machine code."""
    generator.compute_dtype = dtype
    whole = parts(generator, cuts)
    generator.compute_dtype = torch.float32
    assert isinstance(generator, torch.nn.Module)
    weights = dict(generator.named_parameters()) | dict(generator.named_buffers()) | whole.constants
    packed = list({one.name: one for piece in whole.pieces for one in piece.packed}.values())
    packer = Packer(weights, whole.steps, packed, pool)

    def play(w: torch.Tensor, strength: float = 1.0) -> torch.Tensor:
        packer.refresh()
        live = {"w": w, "noise_strength": torch.tensor(strength)}
        live |= {one.name: made for one, made in zip(packed, packer.made, strict=True)}
        for piece in whole.pieces:
            given = [live[name] for name in (*piece.moving, *(one.name for one in piece.packed))]
            with torch.no_grad():
                live.update(zip(piece.gives, piece.module(*given), strict=True))
        return live[whole.pieces[-1].gives[-1]]

    play.pieces, play.packer = whole.pieces, packer  # type: ignore[attr-defined]
    return play


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_compiled_is_the_network(kind: str) -> None:
    g = network(**KINDS[kind])
    play = played(g, cuts=("b8.conv0", "b16.conv1"))
    assert [piece.tap for piece in play.pieces] == ["b8.conv0", "b16.conv1", ""]  # type: ignore[attr-defined]
    for seed, strength in ((0, 1.0), (1, 0.0), (2, -2.5)):
        w = a_w(g, seed)
        assert far(play(w, strength), eager(g, w, strength)) <= CLOSE


def test_a_network_without_weights_can_be_exported_too() -> None:
    g = build("cppn", {"grid": 16, "img_resolution": 32})
    w = a_w(g)
    assert far(played(g)(w, 0.5), eager(g, w, 0.5)) <= CLOSE


def test_bfloat16_is_close() -> None:
    g = network()
    w = a_w(g)
    exact, rough = eager(g, w), played(g, dtype=torch.bfloat16)(w)
    assert rough.dtype == torch.float32
    assert float((rough - exact).abs().mean()) <= 0.02
    assert far(rough, exact) > 1e-4  # it is another precision


def test_only_changed_weights_are_packed_again() -> None:
    g = network()
    play = played(g)
    packer: Packer = play.packer  # type: ignore[attr-defined]
    w = a_w(g)
    assert packer.refresh() == 0
    assert isinstance(g, torch.nn.Module)
    weight = g.get_parameter("synthesis.b8.conv1.weight")
    before = play(w)
    with torch.inference_mode():  # as the generator's thread does
        weight.mul_(-1)
    assert 1 <= packer.refresh() <= 3  # the weight in its order, and its sums of squares
    assert far(play(w), eager(g, w)) <= CLOSE
    assert far(play(w), before) > 0.01
    weight.data = weight.data.clone() * 0.5  # another address
    assert packer.refresh() > 0
    assert far(play(w), eager(g, w)) <= CLOSE


def test_weights_that_cannot_be_watched_or_do_not_fit() -> None:
    g = network()
    whole = parts(g)
    assert isinstance(g, torch.nn.Module)
    weights = dict(g.named_parameters()) | dict(g.named_buffers())
    packed = whole.pieces[0].packed
    with torch.inference_mode():
        unseen = {name: t.clone() for name, t in weights.items()}
    with pytest.raises(ValueError, match="inference mode"):
        Packer(unseen, whole.steps, packed)
    with pytest.raises(ValueError, match="compiled for"):
        Packer({**weights, "synthesis.b4.torgb.bias": torch.zeros(4)}, whole.steps, packed)
    with pytest.raises(ValueError, match="the network has no"):
        Packer({}, whole.steps, packed)


def test_a_programme_over_weights_is_no_code() -> None:
    for name in ("os.system", "aten.mul", "builtins.eval.default", "perform.cut.default"):
        with pytest.raises(ValueError, match="no operator for packing"):
            operator(name)
    with pytest.raises(TypeError, match="cannot be written"):
        written(object())
    with pytest.raises(ValueError, match="no operator"):
        Packer({}, [Step("a", "torch.load.default", [], {})], [])


def test_foreign_cuts_are_named() -> None:
    with pytest.raises(ValueError, match=r"no layer b8\.conv2; it has b4\.conv1"):
        load_cached(network(), cuts=["b8.conv2"])


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    g = network()
    assert load_cached(g) is None
    with pytest.raises(Unavailable, match=r"no C\+\+ compiler.*install g\+\+"):
        compile_form(g)
    assert torch.isfinite(eager(g, a_w(g))).all()


def test_a_compiler_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path))
    shares: list[float] = []
    child = "print('0.50 half', flush=True); raise SystemExit('the disk is full')"
    monkeypatch.setattr(form, "CHILD", [sys.executable, "-c", child])
    with pytest.raises(Unavailable, match="plays as it is: the disk is full"):
        compile_form(network(), progress=lambda share, words: shares.append(share))
    assert shares == [0.5]
    assert list(cache_folder("forms").iterdir()) == []  # nothing half made is left


def test_the_name_of_a_form_says_what_it_depends_on() -> None:
    names = {
        cache.folder_of(form.request_of(network(**kind), dtype, cuts)).name
        for kind in KINDS.values()
        for dtype in ("float32", "bfloat16")
        for cuts in ((), ("b4.conv1",))
    }
    assert len(names) == len(KINDS) * 4
    same = [cache.folder_of(form.request_of(network(seed), "float32", ())) for seed in (1, 2)]
    assert same[0] == same[1]


class Cut:
    """Stands for a form where only its cuts matter."""

    def __init__(self, *cuts: str) -> None:
        self.cuts = cuts


def test_a_shelf_chooses_the_fewest_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    g = network()
    shelf = Shelf(g)
    monkeypatch.setattr("models.forms.shelf.compile_form", lambda g, dtype, cuts, progress, pool: Cut(*cuts))
    assert shelf.best(()) is None
    assert shelf.missing(()) == [()]
    assert shelf.missing(["b8.conv1", "b4.conv1"]) == [("b4.conv1", "b8.conv1"), (), g.layers]
    whole, every = shelf.fetch(()), shelf.fetch(g.layers)
    assert shelf.best(()) is whole
    assert shelf.best(["b8.conv1"]) is every
    just = shelf.fetch(("b8.conv1",))
    assert shelf.best({"b8.conv1"}) is just
    assert shelf.best({"b8.conv0"}) is every
    assert shelf.missing(["b8.conv1"]) == []


class Interpreted:
    """Stands for a compiled piece: the same graph, run by torch."""

    modules: ClassVar[dict[str, Any]] = {}

    def __init__(self, path: Path, gives: int) -> None:
        self.module, self.gives = self.modules[path.stem], gives
        self.inputs = len(self.module.graph.find_nodes(op="placeholder"))

    def __call__(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        made = list(self.module(*tensors))
        assert len(made) == self.gives
        return made


def test_a_tap_changes_what_flows_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def compile_piece(module: Any, package: Path) -> Path:
        Interpreted.modules[package.stem] = module
        package.touch()
        return package

    monkeypatch.setattr(building, "compile_piece", compile_piece)
    monkeypatch.setattr(form, "Library", Interpreted)
    g = network(c_dim=3)
    cuts = ("b8.conv0", "b8.torgb")
    building.build_form(form.request_of(g, "float32", cuts), tmp_path, io.StringIO())
    fast = Form(g, tmp_path)
    w = a_w(g)

    def change(x: torch.Tensor) -> torch.Tensor:
        return x.flip(-1).contiguous() + 0.25  # in another memory order

    for tapped in ((), cuts[:1], cuts[1:], cuts):
        with torch.no_grad():
            want = g.synthesize(w, "const", tap=lambda layer, x, tapped=tapped: change(x) if layer in tapped else x)
        assert far(fast(w, taps=dict.fromkeys(tapped, change)), want) <= CLOSE
    with pytest.raises(ValueError, match=r"no cut at b4\.conv1; it has b8\.conv0, b8\.torgb"):
        fast(w, taps={"b4.conv1": change})
    with pytest.raises(ValueError, match=r"a tap made \[1\]"):
        fast(w, taps={"b8.conv0": lambda x: x.new_zeros(1)})
    with pytest.raises(ValueError, match="this form takes"):
        fast(w[:, 1:])


def test_forms_of_one_network_pack_its_weights_once() -> None:
    g = network()
    w = a_w(g)
    pool = Pool()
    whole, cut = played(g, pool=pool), played(g, cuts=("b8.conv0", "b16.conv1"), pool=pool)
    first: Packer = whole.packer  # type: ignore[attr-defined]
    second: Packer = cut.packer  # type: ignore[attr-defined]
    made = {id(t) for t, one in zip(first.made, first._packed, strict=True) if one.steps}
    alike = {id(t) for t, one in zip(second.made, second._packed, strict=True) if one.steps}
    assert len(made) > 5
    assert alike == made, "what they are called in each graph does not matter"
    assert isinstance(g, torch.nn.Module)
    weight = g.get_parameter("synthesis.b8.conv1.weight")
    before = whole(w)
    with torch.inference_mode():
        weight.mul_(-1)
    after = whole(w)
    assert far(after, eager(g, w)) <= CLOSE
    assert far(cut(w), after) <= CLOSE, "the other one follows by itself"
    changed = {id(t) for t, one in zip(first.made, first._packed, strict=True) if one.steps}
    assert 1 <= len(changed - made) <= 3
    assert changed == {id(t) for t, one in zip(second.made, second._packed, strict=True) if one.steps}
    with torch.inference_mode():
        weight.mul_(-1)
    assert far(cut(w), before) <= CLOSE
    assert far(whole(w), before) == 0.0
