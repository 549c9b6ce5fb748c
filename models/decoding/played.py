"""What of decoding can be played. No torch here: the tree of parameters is made before it comes in."""

from __future__ import annotations

from functools import cache

from models.knobs import Knob, choice, trigger

METHODS = ("regular", "low-active", "random", "noisy")
REGULAR, LOW_ACTIVE, RANDOM, NOISY = range(4)
MOST = 20  # neurons of an idea


@cache
def knobs() -> tuple[Knob, ...]:
    """What can be played, with names below `decode.`; the same for every network."""
    return (
        choice("method", METHODS, "regular", "which neurons speak: regular is the network as it is"),
        Knob("amount", 1, 0, 1, "", "how far they are raised"),
        Knob(
            "layer", 0.25, 0, 1, "", "where, from the first layer to the last; early layers change forms, late colours"
        ),
        Knob("n_neurons", 5, 0, MOST, "", "how many are switched on together", "int"),
        Knob("percentile_lo", 1, 0, 100, "%", "low-active begins at this percentile of the layer's rates"),
        Knob("percentile_hi", 15, 0, 100, "%", "low-active ends at this percentile of the layer's rates"),
        Knob("on_value", 4, 0, 8, "sigma", "how loud they are: deviations above their mean, or times the loudest map"),
        Knob("noise_std", 2, 0, 8, "sigma", "how strong the noise of the method noisy is, by the layer's own"),
        Knob("noise_share", 0, 0, 1, "", "the share of neurons that gets noise, where that is more than n_neurons"),
        Knob("seed", 0, 0, 2**24 - 1, "", "which idea is drawn", "int"),
        trigger("repick", "draw another idea of this seed"),
    )
