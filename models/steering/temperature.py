"""How decided a choice among categories is: p = softmax(logits / T).

Feinman and Lake 2020, "Generating new concepts with hybrid neuro-symbolic models", section on evaluating novelty. A
network with classes is shown a mixture of them; seen as probabilities its logits are their logarithms, so
p_i = m_i^(1/T) / sum m^(1/T): T = 1 is the mixture itself, towards 0 the strongest class alone, above 1 all that take
part become alike.
"""

from __future__ import annotations

import numpy as np

from models.knobs import Knob
from models.latents import Array

COLDEST, HOTTEST = 0.01, 4.0


def temperature_knob() -> Knob:
    """For the tree beside the label's knobs."""
    return Knob("temperature", 1.0, COLDEST, HOTTEST, "", "below 1 the stronger class wins, above 1 they become alike")


def soften(logits: Array, temperature: float) -> Array:
    """Probabilities `[..., K]` of logits `[..., K]` (-inf: never) at a temperature above 0."""
    scaled = logits / temperature
    p = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(p / p.sum(-1, keepdims=True))


def temper(mixture: Array, temperature: float) -> Array:
    """A mixture `[K]` (not negative, sum 1) at a temperature above 0; at 1 the mixture itself, the same object."""
    if temperature == 1.0:
        return mixture
    with np.errstate(divide="ignore"):  # a class that takes no part has the logit -inf
        return soften(np.log(mixture), temperature)


def draw(logits: Array, temperature: float, rng: np.random.RandomState) -> int:
    """One category, drawn at a temperature (Gumbel-max: the same noise gives the same draw at any temperature that
    leaves the order).
    """
    return int(np.argmax(logits / temperature + rng.gumbel(size=logits.shape)))
