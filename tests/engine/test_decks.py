"""Two models and the fader: what is on the wall at its ends, between, and when one of them fails."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import models
from models.checkpoints import io
from models.generators import build
from models.steering.steer import steer_knobs
from perform.engine.clock import FixedClock, Tick, sleep
from perform.engine.decks import Decks
from perform.engine.frame import Frame, Request
from perform.engine.loader import Loader, steers
from perform.engine.parameters import Parameters
from perform.engine.patch import Patch, Route
from perform.engine.problems import Problems
from perform.engine.render import Deck
from perform.engine.rig import Rig
from perform.engine.signals import Signals
from perform.engine.worker import InlineWorker

SMALL = {"z_dim": 8, "w_dim": 8, "img_resolution": 16, "channel_base": 128, "channel_max": 8, "mapping_layers": 2}


def network(seed: int, **settings: int) -> object:
    torch.manual_seed(seed)
    return build("stylegan2", SMALL | settings)


def request(parameters: Parameters, mix: float) -> Request:
    parameters.set("deck.mix", mix)
    return Request(Tick(0, 0.0, 0.04), Patch((), parameters).play(Signals(), parameters, 0.04), 0.3, 7)


@pytest.fixture
def decks() -> Decks:
    made = Decks(FixedClock(25), Problems())
    made.put(0, Deck(network(1), "one"))
    made.put(1, Deck(network(2), "two"))
    return made


def picture(decks: Decks, parameters: Parameters, mix: float) -> np.ndarray:
    return decks.render(request(parameters, mix)).pixels.astype(int)


def test_the_ends_of_the_fader_are_the_models_and_the_middle_is_both(decks: Decks, parameters: Parameters) -> None:
    a, b, middle = (picture(decks, parameters, mix).copy() for mix in (0.0, 1.0, 0.5))
    for place, name, seed in ((0, "one", 1), (1, "two", 2)):
        alone = Decks(FixedClock(25), Problems())
        alone.put(0, Deck(network(seed), name))
        assert np.array_equal((a, b)[place], picture(alone, parameters, 0.0))
    inside = (a > 8) & (a < 247) & (b > 8) & (b < 247)
    assert inside.mean() > 0.2
    assert np.abs(middle - (a + b) / 2)[inside].max() <= 1.5


def test_only_what_is_seen_is_made(decks: Decks, parameters: Parameters, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    original = Deck.picture

    def counted(deck: Deck, request: Request) -> torch.Tensor:
        made.append(deck.name)
        return original(deck, request)

    monkeypatch.setattr(Deck, "picture", counted)
    for mix in (0.0, 1.0, 0.3):
        decks.render(request(parameters, mix))
    assert made == ["one", "two", "one", "two"]


def test_models_of_two_sizes_meet_at_the_larger(parameters: Parameters) -> None:
    decks = Decks(FixedClock(25), Problems())
    decks.put(0, Deck(network(1), "small"))
    decks.put(1, Deck(network(2, img_resolution=32), "large"))
    assert [picture(decks, parameters, mix).shape[0] for mix in (0.0, 0.5, 1.0)] == [16, 32, 32]
    assert decks.sizes() == "16 beside 32 pixels, mixed at the larger"


def test_a_deck_that_fails_is_taken_off_and_the_other_plays_on(decks: Decks, parameters: Parameters) -> None:
    problems = Problems()
    decks._problems = problems

    class Broken:
        name, device = "broken", torch.device("cpu")

        def picture(self, _: Request) -> torch.Tensor:
            raise RuntimeError("out of memory")

    alone = picture(decks, parameters, 0.0).copy()
    decks.put(1, Broken())
    assert np.array_equal(picture(decks, parameters, 0.4), alone)
    assert "deck B (broken) failed (out of memory)" in problems.current["generator"].text
    assert decks.names == ("one", "")


def loader(parameters: Parameters, wait: bool = True) -> tuple[Loader, InlineWorker, Problems]:
    clock, problems = FixedClock(25), Problems()
    worker = InlineWorker(clock, problems)
    sample = request(parameters, 0.0)
    made = Loader(worker, clock, problems, "cpu", sample, mix=lambda: parameters.get("deck.mix"), wait=wait)
    return made, worker, problems


@pytest.mark.parametrize("steered", [False, True])
def test_directions_are_found_after_the_first_picture_unless_something_steers(
    parameters: Parameters, tmp_path: Path, steered: bool
) -> None:
    parameters.add("steer", steer_knobs())
    path = tmp_path / "new.safetensors"
    io.save(path, network(5), {})  # type: ignore[arg-type]
    clock, problems = FixedClock(25), Problems()
    sample = request(parameters, 0.0)
    parameters.set("steer.1.amount", 2.0)
    steering = request(parameters, 0.0)
    made = Loader(
        InlineWorker(clock, problems), clock, problems, "cpu", sample, mix=lambda: 0.0, wait=False,
        steered=lambda: steered,
    )  # fmt: skip
    try:
        found: list[bool] = []
        made._find_rest = lambda: found.append(made._rest is None)  # type: ignore[method-assign]
        made.load(str(path))
        deck = until(lambda: bool(found) and made._playing() and made._playing()[0])
        deck.picture(steering)
        assert bool(deck.muted) is not steered
        assert found == [steered]
        Loader._find_rest(made)
        deck.picture(steering)
        assert not deck.muted
        plain, _, _ = loader(parameters)
        plain.load(str(path))
        want = plain._playing()[0].picture(steering)
        deck._synthesize = plain._playing()[0]._synthesize  # of float32, as films are
        assert torch.equal(deck.picture(steering), want), "the directions are those that films find"
    finally:
        made.close()


def until(there: Callable[[], object]) -> Any:
    """What is there at last."""
    for _ in range(1000):
        if found := there():
            return found
        sleep(0.02)
    raise AssertionError("it never came")


def test_steering_is_seen_before_a_model_comes(parameters: Parameters) -> None:
    parameters.add("steer", steer_knobs())
    still = Patch((), parameters)
    assert not steers(parameters, still)
    assert steers(parameters, Patch((Route("a", "steer.2.amount", 1.0),), parameters))
    parameters.set("steer.3.amount", -1.0)
    assert steers(parameters, still)


def test_a_model_goes_to_the_deck_that_nobody_sees(parameters: Parameters) -> None:
    made, worker, problems = loader(parameters)
    made.load("cppn")
    assert (made.names, made.loaded) == (("cppn", ""), "cppn")
    made.load("first-light")
    assert made.names == ("cppn", "first-light")
    arrival = made.arrived()
    assert arrival is not None
    assert (arrival.deck, arrival.onto_wall, made.loaded) == (1, True, "cppn")
    parameters.set("deck.mix", 1.0)
    made.load("cppn")
    assert made.arrived().deck == 0, "it is still there: nothing has to be loaded"
    assert worker.renderer is not None
    assert not problems.current


def test_a_model_without_weights_comes_where_others_would_be_mixed(parameters: Parameters) -> None:
    made, _, problems = loader(parameters)
    made.load("cppn", rig=Rig(relatives=("first-light",)))
    assert made.names == ("cppn", "")
    assert not problems.current
    assert any("has no weights that could be mixed" in line for line in made.muted)


def test_a_deck_on_the_wall_is_not_loaded_into(parameters: Parameters) -> None:
    made, _, problems = loader(parameters)
    made.load("cppn")
    made.load("first-light", 0)
    assert made.names == ("cppn", "")
    assert "deck A is on the wall" in problems.current["model"].text
    made.load("first-light", 1)
    assert made.names == ("cppn", "first-light")
    assert made.arrived().onto_wall is False


def test_with_the_fader_at_an_empty_deck_the_other_one_is_on_the_wall(parameters: Parameters, tmp_path: Path) -> None:
    made, worker, problems = loader(parameters)
    made.load("cppn")
    made.load("first-light")
    parameters.set("deck.mix", 1.0)
    made.load(str(tmp_path / "nowhere.pkl"))  # deck A was emptied for it
    assert made.names == ("", "first-light")
    parameters.set("deck.mix", 0.0)
    made.load(str(tmp_path / "nowhere.pkl"))
    assert made.names == ("", "first-light"), "what plays must not be taken off for what is still to come"
    assert made.manner == "eager float32", "and it is what the HUD speaks of"
    worker.ask(request(parameters, 0.0))
    assert isinstance(worker.newest(), Frame)
    assert "generator" not in problems.current
    made.load("bloom", 1)
    assert "deck B is on the wall" in problems.current["model"].text
    made.load("bloom", 0)
    assert made.names == ("bloom", "first-light")


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        sleep(0.02)
    return False


def test_while_both_decks_are_seen_a_model_waits_and_says_so(parameters: Parameters) -> None:
    made, _, problems = loader(parameters, wait=False)
    made.load("cppn")
    assert wait_for(lambda: made.names == ("cppn", ""))
    parameters.set("deck.mix", 0.5)
    made.load("first-light")
    assert wait_for(lambda: "both decks are on the wall" in getattr(problems.current.get("model"), "text", ""))
    assert made.names == ("cppn", "")
    parameters.set("deck.mix", 0.0)
    assert wait_for(lambda: made.names == ("cppn", "first-light"))
    made.close()


def test_a_file_that_is_none_leaves_the_running_model(parameters: Parameters, tmp_path: Path) -> None:
    made, worker, problems = loader(parameters)
    made.load("first-light")
    (tmp_path / "page.pkl").write_text("<!doctype html><title>404</title>")
    made.load(str(tmp_path / "page.pkl"))
    assert made.loaded == "first-light"
    assert made.arrived().deck is None
    assert '"first-light" plays' in problems.current["model"].text
    worker.ask(request(parameters, 0.0))
    assert isinstance(worker.newest(), Frame)


def test_two_hundred_loads_leave_no_memory_behind(parameters: Parameters, tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.safetensors" for k in range(3)]  # what is asked for is never on a deck already
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        big = build("stylegan2", SMALL | {"img_resolution": 32, "channel_base": 8192, "channel_max": 128})
        io.save(path, big, {})  # 5 MB
    made, _, problems = loader(parameters)
    made.load("cppn")
    sizes = []
    for turn in range(200):
        parameters.set("deck.mix", float(turn % 2))
        before = made._playing()
        made.load(str(paths[turn % 3]))
        assert len({*made._playing()} - {*before}) == 1
        sizes.append(_resident())
    assert not problems.current
    assert sizes[-1] - sizes[20] < 20e6, "180 loads of 5 MB: less than four of them may stay"


def _resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * resource.getpagesize()


def test_every_shipped_model_can_stand_on_a_deck(parameters: Parameters) -> None:
    for name in models.available():
        decks = Decks(FixedClock(25), Problems())
        decks.put(1, Deck(models.load(name), name))
        assert picture(decks, parameters, 0.0).std() > 1, "the only deck plays wherever the fader is"
