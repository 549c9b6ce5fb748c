"""Slots and a network become taps, and all that moves becomes one flat vector.

    bender = Bender(slots, generator, clusters)       # off the generator's thread, or before the show
    taps = bender.frame(values, dt)                   # each frame: values in the order of `bender.knobs`
    image = form(w, taps=taps)                        # a compiled form cut at `bender.cuts`
    image = generator.synthesize(w, tap=bender.tap)   # or the network as it is

`frame` is the only place where values are looked at, and it looks at them on the host: a slot whose amount is 0, or
whose transform stands at its neutral values, is left out of the frame altogether, so home is the unbent network bit
for bit and costs nothing. The taps themselves read 0-d views of the vector on the device.

For a network that is captured once and replayed (CUDA graphs) a bender is `steady`: all slots are in every frame, and
one that is off has the amount 0 on the device. What is mixed with nothing of something finite is what it was, so home
is exact there, too, for maps of finite numbers below `LIMIT`.

What the slots of a layer make is finite, and never larger than `LIMIT`; NaN becomes 0.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from models.bending import native
from models.bending.layout import Members, mixed
from models.bending.slots import Slot, draw, named, slot_knobs
from models.bending.transforms import Transform, transforms
from models.bending.warp import bounded
from models.generators import Generator
from models.knobs import Knob

if TYPE_CHECKING:
    from models.bending.clusters import Clusters

LayerTap = Callable[[Tensor], Tensor]


class Bender:
    """The slots of one network. One thread at a time; the generator's thread calls `frame`, `tap` and the taps.

    `numbers` [n] float32 on the network's device holds all that moves: the seconds since the last frame, then each
    slot's knobs. An engine that sends all its numbers in one copy gives its own stretch of that vector as `numbers`,
    and fills it from `host`.

    `steady` is for a network that is captured once and replayed: every slot runs in every frame and does the same work
    whatever its numbers, with the same result; only `frame` may then be called between replays. It costs the work of
    slots that are off, and erosion and dilation compute every radius.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        generator: Generator,
        clusters: Clusters | None = None,
        numbers: Tensor | None = None,
        steady: bool = False,
    ) -> None:
        device = generator.w_avg.device
        if device.type == "cpu" and slots:
            native.prepare()
        playable = [_playable(slot, generator, clusters) for slot in named(slots)]
        self.muted: tuple[str, ...] = tuple(why for why in playable if isinstance(why, str))
        parts = [part for part in playable if not isinstance(part, str)]
        self.knobs: tuple[Knob, ...] = tuple(
            knob.named(f"{part.slot.name}.{knob.name}") for part in parts for knob in part.knobs
        )
        memories = sum("memory" in part.transform.extras for part in parts) if steady else 0
        # Not pinned: so few numbers are taken up by the call that sends them, and the next frame may write at once.
        numbers_here: Any = np.zeros(1 + len(self.knobs) + memories, np.float32)
        self.host, self._host = torch.from_numpy(numbers_here), memoryview(numbers_here)
        if numbers is None:
            numbers = self.host if device.type == "cpu" else torch.zeros_like(self.host, device=device)
        if numbers.shape != self.host.shape:
            raise ValueError(f"{len(self.host)} numbers move, room is for {len(numbers)}")
        self.numbers = numbers
        self._sends = numbers.data_ptr() != self.host.data_ptr()
        self._spans = [(knob.low, knob.high, knob.default) for knob in self.knobs]
        self._exact: list[float] = []
        self._amounts = [place for place, knob in enumerate(self.knobs) if knob.name.endswith(".amount")]
        self._runs: list[_Run] = []
        for part in parts:
            start = sum(len(run.part.knobs) for run in self._runs)
            self._runs.append(_Run(part, start, numbers, clusters, steady))
        self._steady, self.clusters = steady, clusters
        self._memories = [run for run in self._runs if run.remembers]
        if steady:
            for place, run in enumerate(self._memories, 1 + len(self.knobs)):
                run.kept = numbers[place]
        order = [layer for layer in generator.layers if any(run.part.slot.layer == layer for run in self._runs)]
        self.cuts: tuple[str, ...] = tuple(order)
        self._chains = {layer: _Chain() for layer in order}
        self._active: dict[str, LayerTap] = {}

    @property
    def defaults(self) -> tuple[float, ...]:
        """What the slots say, in the order of `knobs`."""
        return tuple(knob.default for knob in self.knobs)

    def frame(self, values: Sequence[float], dt: float = 1 / 60, divergence: float = 1.0) -> Mapping[str, LayerTap]:
        """The taps of this frame: one small copy to the device (none on a processor), and no other work there but a
        copy or two where a choice of channels moved.

        `values` in the order of `knobs`; what is no number becomes its default, what is outside its span the nearest
        inside. `divergence` 0..1 multiplies every amount: at 0 there are no taps. The mapping stands until the next
        call. ValueError if there are too many values or too few.
        """
        self.write(values, dt, divergence)
        if self._sends:
            self.numbers.copy_(self.host, non_blocking=True)
        return self._active

    def write(self, values: Sequence[float], dt: float = 1 / 60, divergence: float = 1.0) -> Mapping[str, LayerTap]:
        """As `frame`, but leaves the copy from `host` to `numbers` to the caller."""
        if len(values) != len(self.knobs):
            raise ValueError(f"{len(values)} values for {len(self.knobs)} knobs")
        # Plain Python: after a whole network has passed through the caches, each call of numpy costs ten times as much.
        exact = [
            min(max(value, low), high) if value == value else rest  # noqa: PLR0124  NaN is not itself
            for value, (low, high, rest) in zip(map(float, values), self._spans, strict=True)
        ]
        if divergence != 1:
            share = min(divergence, 1.0) if divergence > 0 else 0.0  # NaN is 0, too
            for place in self._amounts:
                exact[place] *= share
        self._host[:1] = array("f", [min(dt, 1.0) if dt > 0 else 0.0])
        if exact != self._exact:
            self._exact = exact
            self._look(list(exact))
        if self._steady and self._memories:
            self._host[1 + len(exact) :] = array("f", [run.goes_on() for run in self._memories])
        return self._active

    def _look(self, exact: list[float]) -> None:
        """Say which slots are on, and what they are told."""
        for chain in self._chains.values():
            chain.runs.clear()
        for run in self._runs:
            run.look(exact)
            if run.on or self._steady:
                self._chains[run.part.slot.layer].runs.append(run)
        for run, amount in zip(self._runs, self._amounts, strict=True):
            exact[amount] = exact[amount] if run.on else 0.0
        self._host[1 : 1 + len(exact)] = array("f", exact)
        self._active = {layer: chain for layer, chain in self._chains.items() if chain.runs}

    @property
    def awake(self) -> bool:
        """Whether a slot is on, for the values of the last `frame`."""
        return any(run.on for run in self._runs)

    def tap(self, layer: str, x: Tensor) -> Tensor:
        """The tap of an uncompiled network, for the values of the last `frame`."""
        change = self._active.get(layer)
        return x if change is None else change(x)

    def forget(self) -> None:
        """Empty the memories of feedback; the next frame starts them anew."""
        for run in self._runs:
            run.forget()

    def go_on_from(self, other: Bender) -> None:
        """Take over the memories of feedback of another bender of the same slots, between two frames."""
        if self.knobs == other.knobs:
            for run, before in zip(self._memories, other._memories, strict=True):
                run.take(before)


@dataclass(frozen=True)
class _Part:
    """A slot that can be played on this network."""

    slot: Slot
    transform: Transform
    knobs: tuple[Knob, ...]
    margin: float


def _playable(slot: Slot, generator: Generator, clusters: Clusters | None) -> _Part | str:
    """The slot with what belongs to it, or why it is muted."""
    known = transforms()
    if slot.transform not in known:
        return f"{slot.name}: there is no transform {slot.transform}{_near(slot.transform, known)}"
    if slot.layer not in generator.layers:
        return f"{slot.name}: this model has no layer {slot.layer}{_near(slot.layer, generator.layers)}"
    if slot.features.kind == "cluster" and (clusters is None or slot.layer not in clusters.layers):
        return f"{slot.name}: no clusters are known of {slot.layer}; find them first"
    transform = known[slot.transform]
    try:
        knobs = tuple(slot_knobs(slot, transform.knobs))
    except ValueError as error:
        return f"{slot.name}: {error}"
    ask: Callable[[str], float] | None = getattr(generator, "margin", None)
    return _Part(slot, transform, knobs, 0.0 if ask is None else ask(slot.layer))


def _near(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; the nearest is {near[0]}" if near else ""


class _Chain:
    """The slots of one layer that are on in this frame, in order.

    They are bounded together, at the end: a pass over the map costs as much as a bend, and no slot makes a bounded map
    so large that the next ones could leave the finite numbers.
    """

    def __init__(self) -> None:
        self.runs: list[_Run] = []

    def __call__(self, x: Tensor) -> Tensor:
        made, kept = x, True  # by someone who will look at it again, so not to be written to
        for run in self.runs:
            made = run(made, owned=not kept)
            kept = made is x or made is run.memory
        return made if kept else bounded(made)


class _Run:
    """One slot at work."""

    def __init__(self, part: _Part, start: int, numbers: Tensor, clusters: Clusters | None, steady: bool) -> None:
        self.part, self._clusters, self._steady = part, clusters, steady
        self._members: Members | None = None  # steady only
        self._some = True  # steady only: whether any channel is chosen
        self.on = False
        self.memory: Tensor | None = None
        self.kept: Tensor | None = None  # steady only: 0-d, 1 where the memory holds
        self._holds = False
        self._places = {knob.name: start + k for k, knob in enumerate(part.knobs)}  # the vector has dt before them
        views = {name: numbers[1 + place] for name, place in self._places.items()}
        self._amount = views["amount"]
        own = {knob.name: knob.default for knob in part.transform.knobs}
        self._arguments: dict[str, Any] = {name: views[name] for name in own}
        self._neutral = [(self._places[name], own[name]) for name in part.transform.neutral]
        self._chosen_from = [self._places[name] for name in part.transform.choose_from]
        if steady:
            self._arguments |= part.transform.steady
        if "margin" in part.transform.extras:
            self._arguments["margin"] = part.margin
        if "dt" in part.transform.extras:
            self._arguments["dt"] = numbers[0]
        self.remembers = "memory" in part.transform.extras
        self._full = False
        self._channels: dict[tuple[int, ...], Tensor | None] = {}
        self._pick: tuple[int | float, ...] = ()

    def look(self, values: Sequence[float]) -> None:
        """Read this frame's numbers of all slots on the host: whether this one is `on`, and how it is to work."""
        places, before, kind = self._places, self._pick, self.part.slot.features.kind
        if kind == "random":
            self._pick = (round(values[places["seed"]]), values[places["fraction"]])
        elif kind == "cluster":
            self._pick = (round(values[places["cluster"]]),)
        amount = values[places["amount"]]
        self._full = amount == 1
        home = bool(self._neutral) and all(values[place] == default for place, default in self._neutral)
        self.on = not (home or amount == 0 or (kind == "random" and self._pick[1] == 0))
        if self._steady:
            if self._members is not None and self._pick != before:
                for there, new in zip(self._members, self._chosen_members(len(self._members.marks)), strict=True):
                    there.copy_(new, non_blocking=True)
            self.on = self.on and self._some
        elif not self.on:
            self.memory = None
        elif (choose := self.part.transform.choose) is not None:
            self._arguments.update(choose(*[values[place] for place in self._chosen_from]))

    def goes_on(self) -> float:
        """1 where the slot is on in this frame and was in the one before, else 0."""
        before, self._holds = self._holds, self.on
        return float(before and self.on)

    def forget(self) -> None:
        """The memory holds no more. A graph knows where it lies, so there it stays."""
        self._holds = False
        if not self._steady:
            self.memory = None

    def take(self, other: _Run) -> None:
        """Go on with the memory of another."""
        holds = other.memory is not None and (other._holds or not other._steady)
        if holds and self._steady and self.memory is not None and other.memory is not None:
            self.memory.copy_(other.memory)
        elif not self._steady:
            self.memory = other.memory.clone() if holds and other.memory is not None else None
        self._holds = holds and self.memory is not None

    def __call__(self, x: Tensor, owned: bool) -> Tensor:
        """x [N, C, H, W] bent, as a new tensor; in place where x is `owned` by this frame."""
        if self._steady:
            return self._steadily(x)
        channels = self._chosen(x)
        if channels is None:
            made = self._bend(x)
            return made if self._full else torch.lerp(x, made, self._amount.to(x.dtype))
        if not len(channels):
            self.memory = None
            return x
        if self.remembers or (4 * len(channels) >= x.shape[1] and not self.part.transform.together):
            # Bending all and mixing by a weight for each channel is quicker than taking half of them out; and a memory
            # of all stays good for another choice.
            weights = torch.zeros(x.shape[1], device=x.device).index_fill_(0, channels, 1)
            return mixed(x, self._bend(x), weights * self._amount)
        part = x[:, channels]
        made = self._bend(part)
        made = made if self._full else torch.lerp(part, made, self._amount.to(x.dtype))
        return (x if owned else x.clone()).index_copy_(1, channels, made)

    def _steadily(self, x: Tensor) -> Tensor:
        """The same work whatever the numbers; x as it is, bit for bit, wherever the amount is 0."""
        if self.part.slot.features.kind == "all":
            return torch.lerp(x, self._bend(x), self._amount.to(x.dtype))
        if self._members is None:
            self._members = Members(*(t.to(x.device) for t in self._chosen_members(x.shape[1])))
            if "members" in self.part.transform.extras:
                self._arguments["members"] = self._members
        return torch.lerp(x, self._bend(x), (self._members.marks * self._amount).to(x.dtype)[:, None, None])

    def _chosen_members(self, count: int) -> Members:
        """The channels that are chosen of `count`, on the host."""
        chosen = self._indices(self.part.slot.features.kind, count)
        self._some = len(chosen) > 0
        marks = torch.zeros(count).index_fill_(0, chosen, 1)
        return Members(marks, marks.argsort(descending=True, stable=True), torch.tensor(max(1, len(chosen))))

    def _bend(self, x: Tensor) -> Tensor:
        apply, arguments = self.part.transform.apply, self._arguments
        if not self.remembers:
            return apply(x, **arguments)
        if self.memory is None or self.memory.shape != x.shape or self.memory.dtype != x.dtype:
            self.memory = x.clone()
        if not self._steady:
            self.memory = apply(x, memory=self.memory, **arguments)
            return self.memory
        assert self.kept is not None
        made = apply(x, memory=torch.where(self.kept > 0, self.memory, x), **arguments)
        return self.memory.copy_(made)  # which is always the same place

    def _chosen(self, x: Tensor) -> Tensor | None:
        """The channels as indices on x's device; None for all."""
        kind = self.part.slot.features.kind
        if kind == "all":
            return None
        count = x.shape[1]
        key: tuple[int, ...]
        if kind == "random":
            seed, fraction = int(self._pick[0]), float(self._pick[1])
            if int(count * fraction) == count:
                return None
            key = (count, seed, int(count * fraction))
        else:
            key = (count, int(self._pick[0]))
        if key not in self._channels:  # uploaded when the choice changes, not every frame
            if len(self._channels) >= 64:  # a fader over the fraction passes many
                self._channels.clear()
            self._channels[key] = self._indices(kind, count).to(x.device, non_blocking=True)
        return self._channels[key]

    def _indices(self, kind: str, count: int) -> Tensor:
        if kind == "random":
            found = draw(int(self._pick[0]), float(self._pick[1]), count)
        else:
            assert self._clusters is not None
            group = self._clusters.channels(self.part.slot.layer, int(self._pick[0]))
            found = tuple(channel for channel in group if channel < count)
        return torch.tensor(found, dtype=torch.long)
