"""Glitches done to the weights of one network, as a stage between its parents and the picture.

    resident = Resident(generator)
    rewriter = Rewriter(generator, resident)               # on a loading thread
    history = History()                                    # the show's, whatever is loaded
    rewriter.frame(history.sounding(values), divergence)   # each frame, on the generator's thread
    resident.update([blend, tune, rewriter])

What a glitch does to a tensor is worked out once, for the slices that it touches: what they are without it and what
they are at strength 1. Moving the strength then costs one interpolation of those slices. A glitch is a function of the
tensor beneath it, so it may stand on a blend that moves: then it is worked out again in every frame.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.generators import Generator
from models.generators.style_modulated.levels import readers_of, tensors_of
from models.resident import Resident
from models.rewriting.draws import Draws
from models.rewriting.glitch import MOST_KEPT, Glitch
from models.rewriting.operations import Change, Impossible, Job, Site, operations

LIMIT = 16.0  # times a tensor's largest number: where glitches beyond strength 1, one on another, are stopped


def sites_of(generator: Generator) -> tuple[Site, ...]:
    """The layers of a network that can be rewritten, coarse to fine: all that have filters and are not RGB."""
    tensors, readers = tensors_of(generator), readers_of(generator)
    found: list[Site] = []
    for layer, names in tensors.items():
        rgb = layer.endswith("torgb") or layer == generator.layers[-1]
        if rgb and found:  # it speaks the language of the layer that it reads
            found[-1] = replace(found[-1], tensors=(*found[-1].tensors, *names))
            continue
        weight = next((name for name in names if name.endswith(f"{layer}.weight")), None)
        if weight is not None:
            found.append(Site(layer, weight, readers[layer], names))
    return tuple(found)


def meant(layer: float, reach: float, count: int) -> range:
    """Which of `count` layers: the nearest to `layer` (0..1 through the depth), and all within `reach` of the depth."""
    last = count - 1
    middle = round(layer * last)
    width = int(reach * last + 1e-9)
    return range(max(0, middle - width), min(last, middle + width) + 1)


class Rewriter:
    """What glitches make of one network's weights: a `models.resident.Stage`. The generator's thread."""

    def __init__(self, generator: Generator, resident: Resident) -> None:
        self.sites = sites_of(generator)
        self.muted: tuple[str, ...] = ()
        own = {name for site in self.sites for name in site.tensors}
        self._around = tuple(name for name in resident.names if name not in own)
        self._home = resident.home
        self._spread = {site.weight: resident.live(site.weight).std() for site in self.sites}
        self._draws = Draws()
        self._donor: Mapping[str, Tensor] | None = None
        self._made: dict[Glitch, tuple[int, list[Change], str]] = {}  # by the glitch at strength 0
        self._number = 0
        self._asked: tuple[tuple[Glitch, ...], float] = ((), 0.0)
        self._plan: dict[str, list[tuple[Change, float]]] = {}
        self._marks: dict[str, Hashable] = {}
        self._known: dict[str, _Known] = {}
        self._limits: dict[str, Tensor] = {}

    def splice_from(self, tensors: Mapping[str, Tensor] | None) -> None:
        """The other network of the operation `splice`, by its tensors; None: none. They are read, and on this network's
        device not copied, so they must stay as they are. Some milliseconds: when a model has been loaded.

        ValueError if it has not the same names and shapes, or numbers that are none: nothing changes then.
        """
        self._donor = None if tensors is None else self._fitting(tensors)
        self._made = {recipe: made for recipe, made in self._made.items() if recipe.op != "splice"}
        self._asked = ((), -1.0)  # look again, even if nobody moves

    def _fitting(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        fitting = {}
        for name in (*(name for site in self.sites for name in site.tensors), *self._around):
            home = self._home(name)
            if name not in tensors:
                raise ValueError(f"the other model has no {name}: only models of one shape can be spliced")
            if (shape := list(tensors[name].shape)) != list(home.shape):
                raise ValueError(
                    f"{name} is {shape} in the other model and {list(home.shape)} here:"
                    " only models of one shape can be spliced"
                )
            if not bool(tensors[name].isfinite().all()):
                raise ValueError(f"{name} of the other model holds numbers that are none: the file is damaged")
            fitting[name] = tensors[name].detach().to(home)
        return fitting

    def frame(self, glitches: Sequence[Glitch], divergence: float = 1.0) -> None:
        """Say what is done from now on, one glitch after another; `divergence` 0..1 multiplies every strength.

        Microseconds where nothing moved. A glitch that this network cannot play is passed over and said in `muted`.
        """
        divergence = min(divergence, 1.0) if divergence > 0 else 0.0  # NaN is 0, too
        asked = (tuple(glitches[: MOST_KEPT + 1]), divergence)
        if asked == self._asked:
            return
        self._asked = asked
        made: dict[Glitch, tuple[int, list[Change], str]] = {}
        plan: dict[str, list[tuple[Change, float]]] = {}
        marks: dict[str, tuple[tuple[int, float], ...]] = {}
        muted: list[str] = []
        for glitch in asked[0]:
            strength = glitch.strength * divergence
            recipe = replace(glitch, strength=0.0)
            if strength == 0 or not self.sites:
                continue
            found = made.get(recipe) or self._made.get(recipe) or self._make(recipe)
            made[recipe] = found
            number, changes, words = found
            if words and words not in muted:
                muted.append(words)
            for change in changes:
                plan.setdefault(change.name, []).append((change, strength))
                marks[change.name] = (*marks.get(change.name, ()), (number, strength))
        if asked[0] and not self.sites:
            muted.append("rewrite: this model has no weights that can be rewritten")
        self._made, self._plan, self.muted = made, plan, tuple(muted)
        self._marks = {
            name: mark if mark != self._marks.get(name) else self._marks[name] for name, mark in marks.items()
        }
        self._known = {name: known for name, known in self._known.items() if name in plan}

    def marks(self) -> Mapping[str, Hashable]:
        """See `models.resident.Stage`."""
        return self._marks

    @torch.no_grad()
    def write(self, name: str, before: Tensor, out: Tensor) -> None:
        """See `models.resident.Stage`."""
        steps = self._plan[name]
        change, strength = steps[-1]
        known = self._known.get(name)
        if known is None or before is out or not known.holds(before, out, steps):
            if before is not out:
                out.copy_(before)
            for earlier, amount in steps[:-1]:
                under = _part(out, earlier)
                self._put(name, out, earlier, under, earlier.over(out), amount)
            known = self._known[name] = _Known(steps, _part(out, change), change.over(out))
        self._put(name, out, change, known.under, known.over, strength)
        known.remember(before, out)

    def _put(self, name: str, out: Tensor, change: Change, under: Tensor, over: Tensor, strength: float) -> None:
        made = torch.lerp(under, over, strength) if strength != 1 else over
        if strength > 1:  # inside 0..1 nothing grows
            if name not in self._limits:
                self._limits[name] = self._home(name).abs().max() * LIMIT
            made.clamp_(-self._limits[name], self._limits[name])
        if change.index is None:
            out.copy_(made)
        else:
            out.index_copy_(change.dim, change.index, made)

    def _make(self, recipe: Glitch) -> tuple[int, list[Change], str]:
        """The changes of one glitch, numbered; and why it is muted, where it is."""
        self._number += 1
        chosen = meant(recipe.layer, recipe.reach, len(self.sites))
        everything = len(chosen) == len(self.sites)
        changes: list[Change] = []
        words = ""
        for place in chosen:
            share = recipe.percent_change / 100
            site = self.sites[place]
            around = self._around if everything and place == 0 else ()  # once
            job = Job(site, self.sites, share, recipe.seed, self._home, self._draws, self._spread, self._donor, around)
            try:
                changes += operations()[recipe.op](job)
            except Impossible as error:
                words = words or f"rewrite {recipe.op}: {error}"
        return self._number, changes, "" if changes else words


def _part(tensor: Tensor, change: Change) -> Tensor:
    return tensor.clone() if change.index is None else tensor.index_select(change.dim, change.index)


@dataclass
class _Known:
    """The slices of one tensor that its last glitch touches: without it, and at strength 1."""

    steps: list[tuple[Change, float]]
    under: Tensor
    over: Tensor
    seen: tuple[int, int, int, int] | None = None

    def holds(self, before: Tensor, out: Tensor, steps: list[tuple[Change, float]]) -> bool:
        """Whether only the last strength has moved since the last time, here and beneath."""
        same = len(steps) == len(self.steps) and steps[-1][0] is self.steps[-1][0]
        same = same and all(a is b and s == t for (a, s), (b, t) in zip(steps[:-1], self.steps[:-1], strict=True))
        return same and self.seen is not None and self.seen == _seen(before, out)

    def remember(self, before: Tensor, out: Tensor) -> None:
        """As it is after writing."""
        self.seen = _seen(before, out)


def _seen(before: Tensor, out: Tensor) -> tuple[int, int, int, int] | None:
    """What shows that a tensor was written: where it is, and torch's count of its writes."""
    if before.is_inference() or out.is_inference():
        return None
    return before.data_ptr(), before._version, out.data_ptr(), out._version
