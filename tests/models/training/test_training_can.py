"""The recipes `can` and `dataless`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from training_tools import pictures, tiny

import models
from models.checkpoints import Refused
from models.generators.dcgan import DCGAN
from models.studies.stepping import Pictures, Training, begin
from models.training.creative import colour_variance
from models.training.inspirations import styles
from models.training.keeping import read_log
from models.training.recipes import can, dataless
from models.training.run import run

SMALL: dict[str, Any] = {"channels": 4, "z_dim": 8}


@pytest.fixture(scope="module")
def eight() -> Pictures:
    found, labels = styles.bank(3, 16, seed=0)
    return Pictures(found, labels, styles.NAMES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return styles.folder(2, 16, 0, tmp_path_factory.mktemp("styles"))


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def grown(**options: Any) -> Training:
    return begin(dataless.RECIPE, 0, 16, 4, **{**SMALL, **options})


# ---- can


def test_labels_that_are_missing_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="labels"):
        run(tiny("can"), tmp_path / "run", data=pictures(tmp_path / "flat"), progress=False)
    with pytest.raises(Refused, match="labels are missing"):
        begin(can.RECIPE, 0, 16, 4, Pictures(torch.zeros(4, 3, 16, 16, dtype=torch.uint8)), **SMALL)


def test_a_run_leaves_the_can_and_the_gan_that_it_was(tmp_path: Path, folder: Path) -> None:
    result = run(
        tiny("can"), tmp_path, data=folder, steps=6, options={**SMALL, "parent_steps": 3}, guard=False, progress=False
    )
    assert result.weights is not None
    child, parent = models.load(result.weights), models.load(tmp_path / "can-parent.safetensors")
    assert isinstance(child, DCGAN)
    assert child.config == parent.config
    kept = torch.load(tmp_path / "checkpoints" / "step-0000003.pt", weights_only=True)["networks"]
    assert all(torch.equal(kept["average"][name], t) for name, t in parent.state_dict().items())
    assert any(not torch.equal(t, child.state_dict()[name]) for name, t in parent.state_dict().items())
    w = child.map(torch.randn(1, child.z_dim))
    assert torch.isfinite(child.synthesize(w)).all()


def test_it_goes_on_from_a_parent_of_its_kind_and_no_other(tmp_path: Path, folder: Path) -> None:
    small = {**SMALL, "parent_steps": 9, "warm_up": 2}
    rest: dict[str, Any] = {"data": folder, "options": small, "guard": False, "progress": False}
    first = run(tiny("can"), tmp_path / "a", steps=2, **rest)
    waited = run(tiny("can"), tmp_path / "b", steps=2, parent=first.weights, **rest)
    second = run(tiny("can"), tmp_path / "c", steps=3, parent=first.weights, **rest)
    tensors = []
    for result in (first, waited, second):
        assert result.weights is not None
        tensors.append(weights(models.load(result.weights)))  # type: ignore[arg-type]
    assert torch.equal(tensors[0], tensors[1]), "D alone learns first"
    assert not torch.equal(tensors[0], tensors[2]), "then the style loss pulls, whatever parent_steps says"
    for size, parent in ((32, first.weights), (16, "first-light")):
        with pytest.raises(Refused, match="trains a DCGAN of"):
            run(tiny("can", resolution=size), tmp_path / "d", steps=1, parent=parent, **rest)


def test_without_ambiguity_it_is_a_gan_and_with_it_another_network(eight: Pictures) -> None:
    training = begin(can.RECIPE, 0, 16, 4, eight, **{**SMALL, "parent_steps": 2})
    training.advance(2)
    training.keep()
    made = {}
    for ambiguity in (0.0, 0.5, 1.0, 0.0):
        training.back()
        training.advance(2, style_ambiguity=ambiguity)
        found = weights(training.method.networks["generator"])
        assert ambiguity not in made or torch.equal(made[ambiguity], found), "the same again, to the bit"
        made[ambiguity] = found
    assert not torch.equal(made[0.0], made[0.5])
    assert not torch.equal(made[1.0], made[0.5])


def test_the_generator_is_trained_twice_and_faster(eight: Pictures) -> None:
    training = begin(can.RECIPE, 0, 16, 4, eight, **{**SMALL, "parent_steps": 0})
    training.advance(3)

    def steps(name: str) -> float:
        return float(next(iter(training.method.optimisers[name].state.values()))["step"])

    assert (steps("generator"), steps("discriminator")) == (6, 3)
    training.advance(1, g_per_d=1.0)
    assert (steps("generator"), steps("discriminator")) == (7, 4)
    rates = {name: o.param_groups[0]["lr"] for name, o in training.method.optimisers.items()}
    assert rates["generator"] > rates["discriminator"]


@pytest.mark.parametrize(
    "options", [{"optimiser": "rmsprop"}, {"minibatch": 0}, {"feature_matching": 1.0}, {"normal": True}]
)
def test_the_remedies_of_the_paper_are_options(eight: Pictures, options: dict[str, Any]) -> None:
    made = []
    for some in ({}, options):
        training = begin(can.RECIPE, 0, 16, 4, eight, **{**SMALL, "parent_steps": 1, **some})
        training.advance(3)
        made.append(weights(training.method.networks["generator"]))
        assert torch.isfinite(made[-1]).all()
    assert not torch.equal(*made)


def test_an_optimiser_that_is_not_there_is_named(eight: Pictures) -> None:
    with pytest.raises(Refused, match="adam, rmsprop"):
        begin(can.RECIPE, 0, 16, 4, eight, **{**SMALL, "optimiser": "sgd"})


def test_a_sure_start_teaches_styles_to_the_discriminator(eight: Pictures) -> None:
    training = begin(can.RECIPE, 0, 16, 16, eight, **{**SMALL, "channels": 8})
    seen: list[float] = []
    training.advance(60, lambda _, losses: seen.append(losses["style"]))
    assert sum(seen[-5:]) < 0.6 * sum(seen[:5])


# ---- dataless

WATCH = """
import sys, torch
torch.set_num_threads(1)
from pathlib import Path
from training_tools import tiny
from models.training.run import run
opened = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes):
        opened.append(str(arguments[0]))
sys.addaudithook(hook)
run(tiny("dataless"), Path(sys.argv[1]), steps=4, options={"channels": 4, "z_dim": 8}, progress=False)
print("\\n".join(opened))
"""
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".bank", ".npz", ".npy", ".csv", ".gz", ".safetensors", ".pt")


def test_no_data_file_is_opened(tmp_path: Path) -> None:
    """Every opened file, as the interpreter itself reports them: code, the machine's own, and the run's folder."""
    out = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(out)], capture_output=True, text=True, timeout=150, check=False,
        cwd=Path(__file__).parent, env={"PYTHONPATH": f"{Path(__file__).parents[3]}:{Path(__file__).parent}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    opened = done.stdout.splitlines()
    assert any(str(out) in path for path in opened), "the hook hears of files"
    foreign = [path for path in opened if not path.startswith(str(out)) and path.lower().endswith(PICTURES)]
    assert not foreign


def test_it_leaves_two_networks_that_play(tmp_path: Path) -> None:
    result = run(tiny("dataless"), tmp_path, steps=6, options=SMALL, progress=False)
    assert result.weights is not None
    u, v = models.load(result.weights), models.load(tmp_path / "dataless-v.safetensors")
    z = torch.randn(2, 8)
    pair = [net.synthesize(net.map(z, truncation_psi=1.0)) for net in (u, v)]
    assert pair[0].shape == (2, 3, 16, 16)
    assert not torch.equal(*pair)
    log = read_log(tmp_path / "log.csv")
    assert all(0 <= share <= 1 for share in log["accuracy"])


def test_the_colour_drive_makes_colours() -> None:
    found = []
    for weight in (0.0, 1.0):
        training = grown(channels=8)
        training.advance(60, colour_weight=weight)
        generator = training.method.networks["generator"]
        assert isinstance(generator, DCGAN)
        with torch.no_grad():
            found.append(float(colour_variance(generator.paint(torch.randn(32, 8)))))
    assert found[1] > 3 * found[0]


def test_reset_begins_anew_once_a_press() -> None:
    training = grown()
    training.advance(5)
    network = training.method.networks["generator"]
    assert isinstance(network, DCGAN)
    before = network.convs[0].weight.detach().clone()
    training.advance(1, reset=1.0)
    assert training.method.numbers["age"] == 1
    after = network.convs[0].weight.detach()
    assert float(torch.cosine_similarity(before.flatten(), after.flatten(), dim=0)) < 0.2
    training.advance(2, reset=1.0)
    assert training.method.numbers["age"] == 3, "held down it does nothing more"
    training.advance(1)
    training.advance(1, reset=1.0)
    assert training.method.numbers["age"] == 1


def test_what_is_kept_is_all_that_the_next_step_depends_on() -> None:
    training = grown()
    training.advance(4)
    training.keep()
    ends = []
    for _ in range(2):
        training.back()
        training.advance(4)
        ends.append(torch.cat([weights(network) for network in training.method.networks.values()]))
    assert torch.equal(*ends)


def test_knobs_move_it_while_it_trains() -> None:
    still = grown()
    before = weights(still.method.networks["generator"])
    still.advance(2, lr=0.0)
    assert torch.equal(before, weights(still.method.networks["generator"]))
