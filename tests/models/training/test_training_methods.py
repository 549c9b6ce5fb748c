"""The recipes gan, cross-domain and loss-hack, and what they share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.nn import functional as F  # noqa: N812  its name everywhere
from training_tools import TINY, pictures, tiny

import models
from models.checkpoints import Refused, io
from models.generators.style_modulated.config import Config
from models.generators.stylegan2 import StyleGAN2
from models.training import critics
from models.training.augment import adaptive, next_p
from models.training.discriminator import Discriminator
from models.training.networks import at_size, copy_of, fixed, paint, taking_turns
from models.training.recipes.loss_hack import FORMS
from models.training.run import run
from models.tuning.trajectory import fingerprint

SMALL: dict[str, Any] = {"z_dim": 8, "w_dim": 8, "channel_base": 128, "channel_max": 8, "mapping_layers": 2}


@pytest.fixture(scope="module")
def kin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network of 32 pixels and the critic beside it, which has looked at it for a moment: P."""
    folder = tmp_path_factory.mktemp("kin")
    torch.manual_seed(1)
    network, critic = StyleGAN2(Config(img_resolution=32, **SMALL)), Discriminator(32, 128, 8)
    with torch.no_grad():
        network.w_avg.copy_(network.map(torch.randn(100, 8), truncation_psi=1.0)[:, 0].mean(0))
    io.save(folder / "p.safetensors", network, {"description": "p", "recipe": "p", "seed": 1, "licence": "CC0-1.0"})
    critics.save(folder / "p.critic.safetensors", critic, {})
    return folder / "p.safetensors"


def test_loss_hacking_lowers_the_logit_and_leaves_the_critic_as_it_was(tmp_path: Path, kin: Path) -> None:
    plan = tiny("loss-hack", record_every=10, save_every=30)
    seen = []
    result = run(
        plan, tmp_path, parent=kin, steps=60, options={"learning_rate": 0.005}, progress=False,
        on_step=lambda state: seen.append(state.losses["logit"]),
    )  # fmt: skip
    assert sum(seen[-10:]) / 10 < sum(seen[:10]) / 10 - 0.1
    parts = torch.load(tmp_path / "checkpoints" / "step-0000060.pt", weights_only=True)
    before = critics.load(kin.with_name("p.critic.safetensors")).state_dict()
    assert fingerprint(parts["networks"]["critic"]) == fingerprint(before)
    assert result.weights is not None
    mine, theirs = models.load(result.weights).state_dict(), models.load(kin).state_dict()
    changed = {name for name, t in theirs.items() if not torch.equal(t, mine[name])}
    assert "synthesis.b16.conv1.weight" in changed
    assert not any(name.startswith("synthesis.b32") for name in changed), "trained at 16 of 32 pixels"
    assert not any(name.endswith((".fc0.weight", ".fc1.weight")) for name in changed), "a w means what it meant"
    ancestor = io.read_header(result.weights).card["ancestry"][-1]
    assert (ancestor["what"], ancestor["recipe"], ancestor["seed"]) == ("loss-hack", "p", 1)


def test_the_negated_loss_pulls_on_where_the_other_rests() -> None:
    logits = torch.tensor([-8.0], requires_grad=True)
    pulls = {name: torch.autograd.grad(form(logits).sum(), logits)[0].item() for name, form in FORMS.items()}
    assert pulls["negated"] > 0.99
    assert 0 < pulls["fake"] < 0.001


def test_at_full_size_the_whole_network_is_hacked(tmp_path: Path, kin: Path) -> None:
    result = run(tiny("loss-hack", resolution=32), tmp_path, parent=kin, steps=2, progress=False)
    assert result.weights is not None
    mine, theirs = models.load(result.weights).state_dict(), models.load(kin).state_dict()
    assert not torch.equal(mine["synthesis.b32.conv1.weight"], theirs["synthesis.b32.conv1.weight"])


def test_a_critic_that_is_taught_all_the_same_is_noticed(tmp_path: Path, kin: Path) -> None:
    def teach(state: Any) -> None:
        with torch.no_grad():
            state.method.networks["critic"].out.bias.add_(1e-3)
        state.method.check()

    with pytest.raises(RuntimeError, match="the frozen critic has changed"):
        run(tiny("loss-hack"), tmp_path, parent=kin, progress=False, on_step=teach)


@pytest.mark.parametrize("recipe", ["loss-hack", "cross-domain"])
def test_killed_or_not_they_give_the_same_numbers(tmp_path: Path, kin: Path, recipe: str) -> None:
    found = pictures(tmp_path / "data") if recipe == "cross-domain" else None
    more: dict[str, Any] = {"parent": kin, "data": found, "progress": False}
    whole = run(tiny(recipe), tmp_path / "whole", steps=6, **more)
    run(tiny(recipe), tmp_path / "cut", steps=3, **more)
    assert run(tiny(recipe), tmp_path / "cut", steps=6, **more).hash == whole.hash
    assert (tmp_path / "cut" / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()


def test_cross_domain_takes_the_parents_critic_or_teaches_a_new_one(tmp_path: Path, kin: Path) -> None:
    found = pictures(tmp_path / "data")
    theirs = critics.load(kin.with_name("p.critic.safetensors")).state_dict()
    run(tiny("cross-domain"), tmp_path / "a", data=found, parent=kin, steps=1, progress=False)
    start = torch.load(tmp_path / "a" / "checkpoints" / "start.pt", weights_only=True)["networks"]["critic"]
    assert all(torch.equal(start[name], t) for name, t in theirs.items())
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(kin.read_bytes())
    result = run(tiny("cross-domain"), tmp_path / "b", data=found, parent=alone, steps=1, progress=False)
    assert result.steps == 1
    assert critics.load(tmp_path / "b" / "cross-domain.critic.safetensors").resolutions[0] == 16


@pytest.mark.parametrize(
    ("recipe", "more", "words"),
    [
        ("loss-hack", {}, "loss-hack: trains a network further.*--from first-light"),
        ("loss-hack", {"parent": "masks"}, "needs the critic that masks was trained against.*--critic"),
        ("loss-hack", {"parent": "nobody"}, "nobody: neither a shipped model"),
        ("loss-hack", {"resolution": 64}, "the critic judges pictures of 32, 16, 8, 4 pixels, not 64"),
        ("cross-domain", {"resolution": 64, "critic": "first-light"}, "32 pixels .* can be trained at 4, 8, 16, 32"),
        ("loss-hack", {"options": {"form": "real"}}, "form is fake or negated, not 'real'"),
        ("loss-hack", {"data": "bloom"}, "loss-hack: opens no pictures"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    tmp_path: Path, kin: Path, recipe: str, more: dict[str, Any], words: str
) -> None:
    given: dict[str, Any] = {"parent": kin, "progress": False, **more}
    if not more:
        del given["parent"]
    if recipe == "cross-domain":
        given["data"] = pictures(tmp_path / "data")
    if "critic" in given:
        given["critic"] = critics.critic_of("first-light")
    if isinstance(given.get("data"), str):
        given["data"] = Path(given["data"])
    with pytest.raises(Refused, match=words):
        run(tiny(recipe), tmp_path / "out", **given)


def test_a_view_is_the_same_network_smaller() -> None:
    network = StyleGAN2(Config(img_resolution=32, **SMALL))
    before = torch.get_rng_state()
    view = at_size(network, 16)
    assert torch.equal(torch.get_rng_state(), before), "nobody's random numbers change by it"
    assert view.img_resolution == 16
    assert {id(p) for p in view.parameters()} < {id(p) for p in network.parameters()}
    assert fixed(view, torch.randn(3, 8)).shape == (3, 3, 16, 16)
    assert at_size(network, 32) is network
    for kind in ("resnet", "orig"):
        with pytest.raises(Refused, match="can be trained at 32, not at 16"):
            at_size(StyleGAN2(Config(img_resolution=32, architecture=kind, **SMALL)), 16)
    with pytest.raises(Refused, match="is a cppn"):
        copy_of(models.load("cppn"), "cppn")


def test_a_network_with_labels_paints_all_of_them() -> None:
    network = StyleGAN2(Config(img_resolution=8, c_dim=3, **SMALL))
    made = paint(network, 6, torch.Generator().manual_seed(1), style_mixing=0.9)
    assert made.shape == (6, 3, 8, 8)
    turns = taking_turns(network, 4)
    assert turns is not None
    assert turns.argmax(1).tolist() == [0, 1, 2, 0]
    assert not torch.equal(network.w_avg, torch.zeros(8))


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_adaptive_augmentation_is_differentiable_and_pure(p: float) -> None:
    x = (torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(2)) * 2 - 1).requires_grad_()
    before = x.detach().clone()
    y = adaptive(x, p, torch.Generator().manual_seed(1))
    assert y.shape == x.shape
    assert torch.equal(y, x) == (p == 0)
    assert torch.equal(y, adaptive(x, p, torch.Generator().manual_seed(1)))
    (slope,) = torch.autograd.grad(y.square().sum(), x)
    assert torch.isfinite(slope).all()
    assert torch.equal(x.detach(), before)


def test_adaptive_augmentation_changes_as_many_pictures_as_it_should() -> None:
    x = F.avg_pool2d(torch.rand(400, 3, 32, 32, generator=torch.Generator().manual_seed(2)), 4) * 2 - 1
    changed = [
        float(((adaptive(x, p, torch.Generator().manual_seed(1)) - x).abs().mean((1, 2, 3)) > 1e-3).float().mean())
        for p in (0.02, 0.1, 0.5, 1.0)
    ]
    assert changed == sorted(changed)
    assert changed[0] < 0.25
    assert changed[-1] == 1
    grey = adaptive(torch.zeros(50, 3, 8, 8), 1.0, torch.Generator().manual_seed(1))
    assert float(grey.std((2, 3)).max()) < 1e-5, "a plain picture stays plain"


def test_p_follows_how_sure_the_critic_is() -> None:
    assert next_p(0.5, 0.9, 1000) > 0.5 > next_p(0.5, 0.2, 1000)
    assert next_p(0.0, 0.2, 1000) == 0
    assert next_p(1.0, 0.9, 1000) == 1
    assert next_p(0.0, 0.9, 50_000, kimg=100) == pytest.approx(0.5)


def test_a_gan_comes_nearer_to_its_pictures(tmp_path: Path) -> None:
    """Mean colours of what it paints against those of the folder, before and after."""
    found = pictures(tmp_path / "data")
    for path in found.iterdir():
        Image.new("RGB", (16, 16), (220, 30, 20)).save(path)
    wanted = torch.tensor([220.0, 30.0, 20.0]) / 127.5 - 1
    away = []

    def look(state: Any) -> None:
        if state.number in (1, 60):
            made = state.method.pictures(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)))
            away.append(float((made.mean((0, 2, 3)) - wanted).abs().mean()))

    plan = tiny("gan", resolution=8, save_every=100, sheet_every=100, record_every=100)
    options = {**TINY, "augment": "none", "ema": 5.0, "learning_rate": 0.01}
    more: dict[str, Any] = {"options": options, "progress": False, "guard": False}
    run(plan, tmp_path / "out", data=found, steps=60, on_step=look, **more)
    assert away[1] < 0.6 * away[0]


TWO = """
import sys
from pathlib import Path
sys.path[:0] = [{here!r}]
import torch
torch.set_num_threads(1)
from training_tools import TINY, tiny
from models.training.recipes.loss_hack import FORMS
from models.training.run import run
out = Path(sys.argv[1])
kept = {{}}
def look(state):
    found = [state.method.networks[n].state_dict() for n in ("generator", "critic")]
    kept.update({{f"{{k}}.{{n}}": t for k, one in enumerate(found) for n, t in one.items() if "w_avg" not in n}})
    kept["p"] = torch.tensor(state.method.numbers["p"])
    torch.save(kept, out.parent / f"rank-{{state.fabric.global_rank}}.pt")
run(tiny("gan"), out, data=Path(sys.argv[2]), steps=4, devices=2, options=TINY, progress=False, on_step=look)
"""


@pytest.mark.slow
def test_two_devices_train_one_network(tmp_path: Path) -> None:
    """Two processes of the processor stand in for two GPUs: each draws its half of the batch, both learn the same."""
    (tmp_path / "two.py").write_text(TWO.format(here=str(Path(__file__).parent)))
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(models.__file__).parents[1])}
    command = [sys.executable, str(tmp_path / "two.py"), str(tmp_path / "out"), str(pictures(tmp_path / "data"))]
    subprocess.run(command, check=True, timeout=170, env=env)
    first, second = (torch.load(tmp_path / f"rank-{k}.pt", weights_only=True) for k in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(t, second[name]) for name, t in first.items())
    alone = run(tiny("gan"), tmp_path / "alone", data=tmp_path / "data", steps=4, options=TINY, progress=False)
    assert alone.steps == 4
    assert (tmp_path / "out" / "log.csv").read_text().count("\n") == 5
