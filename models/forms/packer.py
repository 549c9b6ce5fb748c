"""Keeps what a compiled form is given up to date with the weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.forms.mixing import Mixer, Mixture
from models.forms.pack import Packed, Step, operator, read


class Programme:
    """The steps of one form, ready to run. ValueError for an operator that is not allowed."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = {step.name: step for step in steps}
        self._calls = {step.name: _Call(step) for step in steps}

    def run(self, one: Packed, known: dict[str, Tensor]) -> Tensor:
        """What `one` is, made of the weights in `known`, which also keeps what lies between."""
        for name in one.steps:
            if name not in known:
                known[name] = self._calls[name](known)
        return laid_out(known[one.name], one)


class _Call:
    """One step: its arguments but for earlier results are read once."""

    def __init__(self, step: Step) -> None:
        self._op: Callable[..., Tensor] = operator(step.op)
        self._args, self._kwargs = step.args, step.kwargs
        self._plain = not step.kwargs or not _speaks_of(list(step.kwargs.values()))
        self._plain &= not any(isinstance(one, list) and _speaks_of(one) for one in step.args)
        self._places = [(k, one["of"]) for k, one in enumerate(step.args) if isinstance(one, dict) and "of" in one]
        if self._plain:
            self._ready = [None if isinstance(one, dict) and "of" in one else read(one, {}) for one in step.args]
            self._ready_named = {key: read(one, {}) for key, one in step.kwargs.items()}

    def __call__(self, known: Mapping[str, Tensor]) -> Tensor:
        if not self._plain:
            return self._op(*read(self._args, known), **{key: read(one, known) for key, one in self._kwargs.items()})
        args = self._ready.copy()
        for place, name in self._places:
            args[place] = known[name]
        return self._op(*args, **self._ready_named)


def _speaks_of(value: Any) -> bool:
    """Whether an earlier step is named somewhere in an argument."""
    if isinstance(value, list):
        return any(_speaks_of(one) for one in value)
    return isinstance(value, dict) and "of" in value


Mark = tuple[tuple[int, int], ...]  # of weights: where they are, and torch's count of their writes


class Pool:
    """What the forms of one network make of its weights alike: it is made once and in memory once, and made anew by the
    form that needs it first. Their threads share it; nobody writes what is in it.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[Mark, Tensor]] = {}

    def take(self, recipe: str, mark: Mark) -> Tensor | None:
        """What was made so of weights with this mark."""
        found = self._made.get(recipe)
        return found[1] if found is not None and found[0] == mark else None

    def put(self, recipe: str, mark: Mark, made: Tensor) -> None:
        """In the place of what was made so before."""
        self._made[recipe] = (mark, made)

    def drop(self, recipe: str) -> None:
        """Hold it no longer: there is something else in its place."""
        self._made.pop(recipe, None)


def recipe_of(one: Packed, steps: Mapping[str, Step]) -> str:
    """How it is made, in words that do not depend on what one form calls its steps; "" where it is made of more than
    weights.
    """
    leaves: set[str] = set()

    def told(value: Any) -> Any:
        match value:
            case {"of": name} if name in steps:
                step = steps[name]
                return [step.op, told(step.args), told(step.kwargs)]
            case {"of": name}:
                leaves.add(name)
                return {"of": name}
            case dict():
                return {key: told(part) for key, part in value.items()}
            case list():
                return [told(part) for part in value]
        return value

    text = json.dumps([told({"of": one.name}), one.shape, one.stride, one.dtype])
    return text if leaves <= set(one.weights) else ""


class Packer:
    """What the compiled part is given, in `made`. One thread; `follow` may be called from another.

    `weights` are the generator's own tensors, looked at and never written. A change is seen by a tensor's address and
    by torch's count of its in-place writes. `pool` is that of all forms on these weights. ValueError if a weight cannot
    be watched or the programme is foreign.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], steps: Sequence[Step], packed: Sequence[Packed], pool: Pool | None = None
    ) -> None:
        self._weights = weights
        self._pool = pool or Pool()
        self._packed = packed
        self._programme = Programme(steps)
        used = sorted({name for one in packed for name in one.weights})
        if absent := [name for name in used if name not in weights]:
            raise ValueError(f"the network has no {absent[0]}")
        if unseen := [name for name in used if weights[name].is_inference()]:
            raise ValueError(f"{unseen[0]} was made in inference mode, so its changes cannot be seen")
        # A weight that is given as it is, is looked at where it lies: only its address matters.
        derived = {name for one in packed if one.steps for name in one.weights}
        self._names = [name for name in used if name in derived]
        self._watched = [weights[name] for name in self._names]
        self._bare = [(k, weights[one.name]) for k, one in enumerate(packed) if not one.steps]
        self._addresses: list[int] = []
        self._of = {
            name: [k for k, one in enumerate(packed) if one.steps and name in one.weights] for name in self._names
        }
        self._recipes = [recipe_of(one, self._programme.steps) if one.steps else "" for one in packed]
        self._seen: list[tuple[int, int]] = [(0, -1)] * len(self._watched)
        self._mixer: Mixer | None = None
        self._mixed: set[int] = set()  # what the mixer made last
        self.made: list[Tensor] = [torch.empty(0)] * len(packed)
        self.refresh()

    def follow(self, mixture: Mixture | None) -> None:
        """Where weights are said to be mixtures of parents, mix what was made of the parents instead of making it anew.

        Packs every parent: some milliseconds, in the thread that calls. None: no longer.
        """
        self._mixer = None if mixture is None else Mixer(mixture, self._programme, self._packed, self._weights)

    def refresh(self) -> int:
        """Make anew what changed; the number of things made. Costs some microseconds where nothing did."""
        count = self._look_anew()
        now = [(t.data_ptr(), t._version) for t in self._watched]
        if now == self._seen:
            return count
        pairs = zip(self._names, now, self._seen, strict=True)
        changed = {name: mark[1] for name, mark, seen in pairs if mark != seen}
        mixer = self._mixer
        mixed = mixer.mix(changed, self.made) if mixer is not None else set()
        if fresh := mixed - self._mixed:
            self._mixed |= fresh
            for k in fresh:
                self._pool.drop(self._recipes[k])
        left = {k for name in changed for k in self._of[name]} - mixed
        self._mixed -= left
        if left:
            self._make(left, dict(zip(self._names, now, strict=True)))
        self._seen = now
        return count + len(mixed) + len(left)

    def _make(self, left: set[int], marks: Mapping[str, tuple[int, int]]) -> None:
        known: dict[str, Tensor] = {}
        of: tuple[str, ...] | None = None
        for k in sorted(left, key=lambda k: (self._packed[k].weights, k)):
            one, recipe = self._packed[k], self._recipes[k]
            mark = tuple(marks[name] for name in one.weights)
            found = self._pool.take(recipe, mark) if recipe else None
            if found is None:
                if one.weights != of:  # what lay between goes: together it would be a copy of the network
                    known, of = dict(self._weights), one.weights
                found = self._programme.run(one, known)
                if recipe:
                    self._pool.put(recipe, mark, found)
            self.made[k] = found

    def _look_anew(self) -> int:
        """Where bare weights lie now; how many have moved."""
        now = [t.data_ptr() for _, t in self._bare]
        if now == self._addresses:
            return 0
        for k, t in self._bare:
            self.made[k] = laid_out(t, self._packed[k])
        self._addresses = now
        return len(now)


def laid_out(t: Tensor, like: Packed) -> Tensor:
    """The tensor in the memory layout that was compiled for; itself where it has it. ValueError for another shape."""
    if t.is_mkldnn:
        return t  # laid out as oneDNN likes it; nobody else looks inside
    if tuple(t.shape) != like.shape or str(t.dtype) != f"torch.{like.dtype}":
        raise ValueError(f"{like.name} is {list(t.shape)} {t.dtype}, compiled for {list(like.shape)} {like.dtype}")
    if t.stride() == like.stride:
        return t.detach()
    return torch.empty_strided(like.shape, like.stride, dtype=t.dtype).copy_(t)
