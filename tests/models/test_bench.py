"""The generator's benchmark counts right, on a clock of our own."""

import sys
from itertools import count
from pathlib import Path

import pytest
import torch

from models.bench import Bent, bench_against, bench_generator, random_networks, summary, take_turns
from models.floor import Peak, Work, least, work
from models.generators import build
from models.official import official
from tests.models.replay import Emulator, without_machine_code


def test_calls_take_turns_and_the_warm_up_does_not_count() -> None:
    order: list[str] = []
    ticks = count()
    spans = take_turns(
        lambda: float(next(ticks)),
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")},
        frames=3,
        warm_up=1,
    )
    assert order == ["a", "b"] * 4
    assert spans == {"a": [1.0] * 3, "b": [1.0] * 3}


def test_the_summary_is_in_milliseconds() -> None:
    assert summary([0.01] * 99 + [0.5]) == {"min_ms": 10.0, "median_ms": 10.0, "p99_ms": 500.0, "fps": 100.0}


def test_a_row_for_each_form() -> None:
    ticks = count()
    rows = bench_generator(lambda: next(ticks) / 100, "cppn", frames=2, warm_up=0, forms=("eager float32",))
    assert [(row["form"], row["median_ms"], row["fps"], row["frames"]) for row in rows] == [
        ("eager float32", 10.0, 100.0, 2)
    ]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for the official code, with its layout and names: our own network behind their face, once shifted."""
    place = tmp_path_factory.mktemp("checkout")
    for name in ("torch_utils", "training"):
        (place / name).mkdir()
    (place / "torch_utils" / "__init__.py").write_text("")
    (place / "training" / "__init__.py").write_text("")
    (place / "training" / "networks.py").write_text(THEIRS)
    return place


THEIRS = """
import torch_utils
from models.generators.style_modulated.config import Config
from models.generators.stylegan2 import StyleGAN2

class Generator:
    def __init__(self, z_dim, c_dim, w_dim, img_resolution, img_channels, mapping_kwargs, synthesis_kwargs):
        assert synthesis_kwargs.pop("num_fp16_res") == 0
        settings = dict(mapping_layers=mapping_kwargs["num_layers"], mapping_lr=mapping_kwargs["lr_multiplier"])
        config = Config(z_dim, w_dim, c_dim, img_resolution, img_channels, **settings, **synthesis_kwargs)
        self.network = StyleGAN2(config)

    def load_state_dict(self, state, strict):
        return self.network.load_state_dict(state, strict=strict)

    def eval(self):
        self.network.eval()
        return self

    def requires_grad_(self, on):
        self.network.requires_grad_(on)
        return self

    def to(self, device):
        return self

    def synthesis(self, w, force_fp32, noise_mode):
        assert force_fp32 and noise_mode == "const"
        return self.network.synthesize(w) + 0.125
"""


def test_against_the_official_code(checkout: Path) -> None:
    ticks = count()
    told: list[str] = []
    networks = random_networks("stylegan2", [(64, 8), (32, 4)], [16])
    rows = bench_against(
        lambda: next(ticks) / 100,
        checkout,
        networks,
        seconds=0.21,
        threads=1,
        forms=("eager float32",),
        tell=told.append,
    )
    assert [(row["network"], row["form"]) for row in rows] == [
        (f"stylegan2 {size}", f"{who} float32") for size in ("64/8", "32/4") for who in ("official", "eager")
    ]
    for theirs, ours in zip(rows[::2], rows[1::2], strict=True):
        assert theirs["max_error"] == 0.0
        assert ours["max_error"] == pytest.approx(0.125)  # the stand-in is off by just that
        assert (ours["ratio"], ours["resolution"], ours["threads"], ours["frames"]) == (1.0, 16, 1, 10)
    assert told[0] == "stylegan2 64/8: the official code"
    assert not {"training", "torch_utils"} & set(sys.modules)  # the next checkout's names are free


def test_what_the_official_code_cannot_be(checkout: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = {"img_resolution": 16, "channel_base": 64, "channel_max": 8}
    with pytest.raises(ValueError, match="is no checkout of stylegan2-ada-pytorch or stylegan3"):
        official(tmp_path, build("stylegan2", small))
    with pytest.raises(ValueError, match="rectangular"):
        official(checkout, build("stylegan2", {**small, "init_size": [2, 4]}))
    with pytest.raises(ValueError, match="no channel_base"):
        official(checkout, build("stylegan2", {**small, "channels": {"4": 5, "8": 9, "16": 7}}))
    w = torch.zeros(1, 6, 512)
    as_a_checkpoint_says = build("stylegan2", {**small, "channels": {"4": 8, "8": 8, "16": 4}})
    assert official(checkout, as_a_checkpoint_says)(w).shape == (1, 3, 16, 16)
    with pytest.raises(ValueError, match="no official cppn"):
        official(checkout, build("cppn", {}))
    with pytest.raises(ValueError, match="no family 'dcgan'"):
        next(random_networks("dcgan", [(64, 8)], [16]))


def test_what_a_picture_asks_for_is_counted() -> None:
    ((_, small),) = random_networks("stylegan2", [(2048, 64)], [256])
    asked = work(small, torch.float32)
    assert 0.5e9 < asked.flops < 0.54e9, "SPEED's 0.51 GFLOP"
    assert work(small, torch.bfloat16).flops == asked.flops
    assert work(small, torch.bfloat16).bytes < asked.bytes
    assert small.compute_dtype == torch.float32
    assert all(t.device.type == "cpu" for t in small.state_dict().values())
    assert least(Work(100, 10), Peak(50.0, 10.0)) == 2.0


def test_the_bends_of_the_bench_are_on_and_move(one_thread: None) -> None:
    del one_thread
    ((_, small),) = random_networks("stylegan2", [(256, 16)], [32])
    with torch.no_grad(), without_machine_code():
        w = small.map(torch.zeros(1, small.z_dim))
        form = Bent(small, "float32", Emulator())
        first, second = form(w).clone(), form(w).clone()
        assert not torch.equal(first, small.synthesize(w))
        assert not torch.equal(first, second)
