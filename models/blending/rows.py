"""What is played becomes the matrix a[layer, model]: knobs, depth of layers, sigmoid steps, bands. Mathematics only.

The performer's picture of it: model 1 is the network at home, models 2 to 8 are its relatives.

1. `model.i.weight` are faders of a mixture of all models, normalised to 1: barycentric coordinates.
2. Each model speaks on a band of resolutions, `model.i.low`..`model.i.high`: several bands make a cascade. `swap_width`
   makes the edges soft.
3. `alpha` goes from home to that mixture, everywhere above `swap_resolution` (at 4: everywhere, plain interpolation),
   and `level.R` takes part of it back at one resolution: nine faders, like a graphic equaliser.

So a row of the matrix is (1 - t) e_1 + t normalised(weight_i * band_i(layer)), t = alpha * step(layer) * level(layer).
That is 41 numbers in place of 8 x 9 = 72, each of which does something one can hear in its name. A mixture that is
written by hand row by row is possible too: `Blend.mix` takes any matrix.

Depth is counted as in Pinkney's code, in half octaves: 2 (log2(resolution) - 2), plus 1 for the second layer of a
resolution. A step of width s at position m is 1 / (1 + exp(-(p - m + 1/2) / s)): the half puts the middle of the edge
between the last layer below and the first above, so that width 0 is the hard step: layers of `swap_resolution` and
above are the other model's. (Pinkney's code without width begins two positions later; that is a slip of its own.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.knobs import Knob, choice, toggle

if TYPE_CHECKING:
    from models.generators import Generator

Array = NDArray[np.float64]

MODELS = 8  # that can be mixed at once
LOWEST, HIGHEST = 4, 1024
BEYOND = 2 * HIGHEST  # above every layer
LEVELS = tuple(1 << k for k in range(2, 11))  # 4, 8, ... 1024
FAINT = 2.0**-12  # a share that no picture shows; left out, so that soft edges do not ask for eight passes
OWNERS = ("mixed", "a", "b")


def blend_knobs() -> tuple[Knob, ...]:
    """All knobs of the instrument, for the tree under `blend`. They do not depend on the models."""
    models = [
        knob
        for k in range(1, MODELS + 1)
        for knob in (
            Knob(f"model.{k}.weight", float(k == 2), 0.0, 1.0, "", f"how much of model {k} is in the mixture"),
            Knob(f"model.{k}.low", LOWEST, LOWEST, BEYOND, "px", f"model {k} speaks from this resolution on"),
            Knob(f"model.{k}.high", BEYOND, LOWEST, BEYOND, "px", f"model {k} speaks up to below this resolution"),
        )
    ]
    levels = [
        Knob(f"level.{r}", 1.0, 0.0, 1.0, "", f"how much of alpha reaches the layers of {r} x {r}") for r in LEVELS
    ]
    return (
        Knob("alpha", 0.0, 0.0, 1.0, "", "from the network at home (0) to the mixture of its relatives (1)"),
        Knob(
            "swap_resolution", LOWEST, LOWEST, BEYOND, "px", "the mixture has the layers from here up, home those below"
        ),
        Knob("swap_width", 0.0, 0.0, 4.0, "layers", "how soft the edges between models are; 0 cuts"),
        *models,
        *levels,
        choice("mapping", OWNERS, "mixed", "whose way from z to w, and mean w; mixed goes with the lowest layers"),
        choice("affine", ("conv", "mapping"), "conv", "styles go with their layer, or with the mapping"),
        choice("torgb", OWNERS, "mixed", "colour layers of the mixture, or all of model 1 (a) or 2 (b)"),
        choice("noise", OWNERS, "mixed", "grain of the mixture, or all of model 1 (a) or 2 (b)"),
        toggle("norm_match", doc="mix directions of filters and their strengths apart: keeps the contrast half-way"),
    )


@dataclass(frozen=True, slots=True)
class Played:
    """The knobs of one frame, checked. `weights`, `low`, `high` are [MODELS]; `levels` [len(LEVELS)]."""

    alpha: float
    swap_resolution: float
    swap_width: float
    weights: Array
    low: Array
    high: Array
    levels: Array
    mapping: str
    affine: str
    torgb: str
    noise: str
    norm_match: bool


HOME = {knob.name: knob.default for knob in blend_knobs()}
_KNOBS = {knob.name: knob for knob in blend_knobs()}
_NAMES, _HOME = tuple(_KNOBS), tuple(HOME.items())
_LOW, _HIGH = (np.array([getattr(knob, end) for knob in _KNOBS.values()]) for end in ("low", "high"))
_DEFAULT = np.array([knob.default for knob in _KNOBS.values()])
_PLACE = {name: place for place, name in enumerate(_NAMES)}
_MODEL = {
    end: np.array([_PLACE[f"model.{k}.{end}"] for k in range(1, MODELS + 1)]) for end in ("weight", "low", "high")
}
_LEVEL = np.array([_PLACE[f"level.{r}"] for r in LEVELS])


ALPHA = _KNOBS["alpha"]


def listed(values: Mapping[str, float]) -> tuple[float, ...]:
    """The values of all knobs in their order, alpha first; what is absent is the default."""
    return tuple([values.get(name, default) for name, default in _HOME])


def numbers(values: Mapping[str, float]) -> Array:
    """`listed` [n], checked: what is no number is the default, outside its span the nearest."""
    given = np.array(listed(values), np.float64)
    return np.clip(np.where(np.isnan(given), _DEFAULT, given), _LOW, _HIGH)


def played(given: Array) -> Played:
    """What `numbers` gave, by name."""

    def at(name: str) -> float:
        return float(given[_PLACE[name]])

    def word(name: str) -> str:
        return _KNOBS[name].choices[round(at(name))]

    return Played(
        at("alpha"), at("swap_resolution"), at("swap_width"), given[_MODEL["weight"]], given[_MODEL["low"]],
        given[_MODEL["high"]], given[_LEVEL], word("mapping"), word("affine"), word("torgb"), word("noise"),
        at("norm_match") >= 0.5,
    )  # fmt: skip


def position(resolution: float) -> float:
    """Depth in half octaves: 4 is 0, 8 is 2, 16 is 4."""
    return 2.0 * (math.log2(max(resolution, LOWEST)) - 2.0)


def depths(generator: Generator) -> Array:
    """The depth of each of the network's `layers` [L], in half octaves as `position`.

    StyleGAN2's layers say their resolution: `b8.conv0` is 2, `b8.conv1` and `b8.torgb` 3. The layers of other networks
    are spread evenly from the lowest to the picture's resolution.
    """
    parts = [layer.partition(".") for layer in generator.layers]
    if all(head[:1] == "b" and head[1:].isdigit() and tail for head, _, tail in parts):
        return np.array([position(int(head[1:])) + (tail != "conv0") * (tail != "") for head, _, tail in parts], float)
    top = position(generator.img_resolution) + 1.0
    return np.linspace(0.0, top, len(parts)) if len(parts) > 1 else np.zeros(len(parts))


def step(depth: Array, resolution: float, width: float) -> Array:
    """0 below `resolution`, 1 from it on [L], over `width` half octaves. At 4, 1 everywhere; at `BEYOND`, 0.

    Source: Pinkney & Adler 2020, "Resolution Dependent GAN Interpolation", and the code of the first author.
    """
    if resolution <= LOWEST:
        return np.ones_like(depth)
    if resolution >= BEYOND:
        return np.zeros_like(depth)
    # Half a position below the edge: no layer lies on it when the resolution is a whole power of two.
    distance = depth - (position(resolution) - 0.5)
    if width <= 0:
        return (distance > 0).astype(np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(-distance / width, -60.0, 60.0))))


def mixture(now: Played, depth: Array, models: int) -> Array:
    """What alpha leads to: shares [L, models] for layers of these depths. A mixture of nothing is home."""
    total = np.zeros((len(depth), models))
    for k in range(models):
        if now.weights[k] > 0:
            low, high = (step(depth, end[k], now.swap_width) for end in (now.low, now.high))
            total[:, k] = now.weights[k] * low * (1.0 - high)
    return normalised(total)


def reach(now: Played, depth: Array) -> Array:
    """How much of alpha comes to layers of these depths [L]."""
    level = now.levels[np.clip(np.floor(depth / 2.0).astype(int), 0, len(LEVELS) - 1)]
    return np.asarray(step(depth, now.swap_resolution, now.swap_width) * level)


def matrix(alpha: float, goal: Array, reached: Array, divergence: float = 1.0) -> Array:
    """a [L, models]: from home (the first column) as far to the mixture `goal` [L, models] as alpha and `reached` [L]
    say. Rows sum to 1.

    `divergence` 0..1 scales alpha: at 0 every row is home.
    """
    t = (alpha * share(divergence)) * reached
    rows = goal * t[:, None]
    rows[:, 0] += 1.0 - t
    return normalised(rows)


def between(t: float, goal: Sequence[float]) -> tuple[float, ...]:
    """One row of `matrix`, `t` of the way to `goal`: the same numbers, quicker for one than for twenty."""
    row = [share * t for share in goal]
    row[0] += 1.0 - t
    for _ in range(2):
        total = sum(row)
        row = [part if part >= FAINT else 0.0 for part in (share / total for share in row)]
    return tuple(row)


def normalised(rows: Array) -> Array:
    """Rows that sum to 1; shares below `FAINT` are 0, and what is no number or negative too. A row of nothing is home.

    A row with one share left is exactly 1 there.
    """
    clean = np.where((rows > 0) & (rows < np.inf), rows, 0.0)
    clean[clean.sum(1) <= 0, 0] = 1.0
    clean /= clean.sum(1, keepdims=True)
    clean[clean < FAINT] = 0.0
    return np.asarray(clean / clean.sum(1, keepdims=True))


def share(divergence: float) -> float:
    """Clamped to 0..1; what is no number is 0."""
    return min(divergence, 1.0) if divergence > 0 else 0.0


def owned(word: str, rows: Array, divergence: float = 1.0) -> Array:
    """The rows [L, models] of what may be apart: the mixture's own, or all of model 1 (a) or 2 (b).

    The latter does not depend on alpha; `divergence` brings it home. Without a second model, b is a.
    """
    if word == "mixed":
        return rows
    whole = np.zeros(rows.shape[1])
    whole[0] = 1.0 - share(divergence)
    whole[min(OWNERS.index(word) - 1, len(whole) - 1)] += share(divergence)
    return np.repeat(whole[None], len(rows), 0)


def check(rows: Sequence[Sequence[float]] | Array, layers: int, models: int) -> Array:
    """A matrix from elsewhere, normalised. ValueError for another size."""
    given = np.array(rows, np.float64)
    if given.shape != (layers, models):
        raise ValueError(f"a matrix [{layers}, {models}] (layers, models) is wanted, not {list(given.shape)}")
    return normalised(given)
