"""An autoencoder of grey pictures on a deck: walked, decoded, home again, and mixed with a model in colour."""

from __future__ import annotations

import numpy as np
import torch

from models.decoding.statistics import gather
from models.generators import Generator, build
from perform.app import tree
from perform.engine.clock import FixedClock, Tick
from perform.engine.decks import Decks
from perform.engine.frame import Request
from perform.engine.lore import Lore
from perform.engine.parameters import Parameters
from perform.engine.patch import Patch
from perform.engine.problems import Problems
from perform.engine.render import Deck
from perform.engine.signals import Signals

COLOUR = {"z_dim": 8, "w_dim": 8, "img_resolution": 32, "channel_base": 128, "channel_max": 8, "mapping_layers": 2}


def autoencoder() -> Generator:
    torch.manual_seed(0)
    network = build("vae", {"z_dim": 8, "widths": [40, 30, 20]})
    with torch.no_grad():
        for name, weight in network.named_parameters():  # type: ignore[attr-defined]
            weight.requires_grad_(False).mul_(3.0 if name.endswith("weight") else 1.0)
    return network


def picture(decks: Decks, parameters: Parameters, position: float = 0.3, **values: float) -> np.ndarray:
    for name, value in values.items():
        parameters.set(name.replace("__", "."), value)
    played = Patch((), parameters).play(Signals(), parameters, 0.04)
    return decks.render(Request(Tick(0, 0.0, 0.04), played, position, 7)).pixels.astype(int)


def test_it_plays_like_any_other() -> None:
    parameters = tree()
    decks = Decks(FixedClock(25), Problems())
    network = autoencoder()
    decks.put(0, Deck(network, "digits", lore=Lore(statistics=gather(network, 40))))
    plain = picture(decks, parameters).copy()
    assert plain.shape == (28, 28, 4)
    assert np.array_equal(plain[..., 0], plain[..., 1])
    assert np.array_equal(plain[..., 0], plain[..., 2])
    assert plain[..., 0].std() > 5
    assert not np.array_equal(plain, picture(decks, parameters, position=0.8))
    decoded = picture(decks, parameters, decode__method=2.0, decode__layer=1.0, decode__n_neurons=20.0).copy()
    assert not np.array_equal(plain, decoded)
    assert np.array_equal(plain, picture(decks, parameters, divergence=0.0))
    assert np.array_equal(decoded, picture(decks, parameters, divergence=1.0))
    assert np.array_equal(plain, picture(decks, parameters, decode__method=0.0))


def test_it_crosses_into_a_model_in_colour(parameters: Parameters) -> None:
    decks = Decks(FixedClock(25), Problems())
    decks.put(0, Deck(autoencoder(), "digits"))
    torch.manual_seed(1)
    decks.put(1, Deck(build("stylegan2", COLOUR), "colour"))
    colour = picture(decks, parameters, deck__mix=1.0).copy()
    middle = picture(decks, parameters, deck__mix=0.5).copy()
    assert middle.shape == colour.shape == (32, 32, 4)
    assert not np.array_equal(middle, colour)
    assert (middle[..., 0] != middle[..., 1]).any()
