"""What the HUD says, gathered from the running show ten times a second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from tqdm import tqdm

from perform.audio.ear import Ear
from perform.engine.clock import Tick
from perform.engine.director import Director
from perform.engine.latency import Gauge
from perform.engine.loader import Loader
from perform.engine.loop import Engine
from perform.engine.training import Training
from perform.engine.worker import STALL
from perform.output.hud import Bar, Hud, Line
from perform.output.meters import Meter
from perform.output.stage import Stage

EVERY = 0.1  # seconds between two readings
SPAN = 1.0  # seconds over which the generator's rate is counted
BARS = (
    ("audio.rms", False),
    ("audio.low", False),
    ("audio.mid", False),
    ("audio.high", False),
    ("audio.kick", True),
    ("audio.snare", True),
    ("audio.hat", True),
    ("beat.phase", False),
    ("beat.pulse", True),
)


SCALES = {"beat.bpm": 240.0, "bar.beats": 8.0, "link.bpm": 240.0, "link.peers": 8.0}  # full bar where 1 is not


class Described(Protocol):
    """A source of the hands that can say how it is in one line."""

    def describe(self) -> str: ...


class Readout:
    """Reads the parts and tells the HUD. Main thread, between two frames."""

    def __init__(
        self, engine: Engine, director: Director, loader: Loader, ear: Ear, hands: Sequence[Described], stage: Stage,
        training: Training,
    ) -> None:  # fmt: skip
        self._training = training
        self._engine, self._director, self._loader = engine, director, loader
        self._ear, self._hands, self._stage = ear, hands, stage
        self._next = 0.0
        self._counted = (0.0, 0)
        self.generator_fps = 0.0
        self._bar: tqdm[NoReturn] | None = None

    def show(self, hud: Hud, tick: Tick, hint: str) -> None:
        """Once a frame; does something ten times a second. `hint` is a word to the performer, or nothing."""
        if tick.time < self._next:
            return
        self._next = tick.time + EVERY
        self._count(tick.time)
        self._watch()
        self._tell_loading()
        parameters = self._engine.parameters
        hud.visible = parameters.get("show.hud") >= 0.5
        hud.meters_visible = parameters.get("show.meters") >= 0.5
        hud.help_visible = parameters.get("show.help") >= 0.5
        if hint:
            hud.toast(hint, 2 * EVERY)
        problems = [f"{problem.part}: {problem.text}" for problem in self._engine.problems.current.values()]
        if hud.visible or hud.meters_visible:
            hud.show(self.lines(), self.bars(), problems)
        hud.show_meters(self.meters() if hud.meters_visible else ())

    def lines(self) -> list[Line]:
        """The figures, in the order in which a performer asks for them."""
        engine, health = self._engine, self._ear.health
        frames, latency = engine.frame_times, engine.latency.gauge
        return [
            Line(self._director.playing.name or "perform"),
            Line("preset", self._director.name),
            Line(
                "model",
                f"{self._playing()} · {self._loader.device or 'cpu'} · {self._stage.texture.path}",
            ),
            *(Line("muted", why) for why in self._loader.muted),
            *([Line("tune", tuned)] if (tuned := self._loader.tuned) else []),
            *([Line("training", self._training.line)] if self._training.line else []),
            Line("tempo", f"{engine.signals.get('beat.bpm'):.1f} bpm"),
            Line("picture", f"{1.0 / max(frames.median, 1e-6):.0f} fps", tuple(frames.recent()[-56:] * 1e3), 34.0),
            Line("frame time", both(frames)),
            Line("control to photon", both(latency) if latency.count else "no hand yet"),
            Line(
                "generator",
                f"{self.generator_fps:.0f} fps · {engine.worker.gauge.median * 1e3:.0f} ms · {self._loader.manner}",
            ),
            Line("sound", health.text),
            Line("", f"{health.overflows} overflows · {health.latency_ms:.1f} ms late"),
            *(Line("hands" if i == 0 else "", hand.describe()) for i, hand in enumerate(self._hands)),
        ]

    def _playing(self) -> str:
        """The models on the decks, and the one that is on its way."""
        names = [Path(name).stem for name in self._loader.names]
        mix = self._engine.parameters.get("deck.mix")
        told = names[0] or names[1] if not all(names) else f"{names[0]} {1 - mix:.0%} | {names[1]} {mix:.0%}"
        coming = self._loader.loading and f"loading {Path(self._loader.loading).stem} {self._loader.share:.0%}"
        return " · ".join(part for part in (told, coming) if part) or "loading"

    def bars(self) -> list[Bar]:
        """The signals."""
        signals = self._engine.signals
        return [Bar(name, signals.get(name), pulse) for name, pulse in BARS]

    def _tell_loading(self) -> None:
        """A progress bar in the terminal, if somebody sits there, while a foreign checkpoint is converted."""
        name, share = self._loader.loading, self._loader.share
        if not name or not 0.0 < share < 1.0:
            if self._bar is not None:
                self._bar.close()
                self._bar = None
            return
        if self._bar is None:
            form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"
            self._bar = tqdm(
                total=1.0, desc=f"converting {Path(name).name}", bar_format=form, leave=False, disable=None
            )
        self._bar.update(share - self._bar.n)

    def meters(self) -> list[Meter]:
        """Every signal that has spoken or is listened to, and how far its routes move what they drive."""
        signals, patch = self._engine.signals, self._engine.patch
        drives: dict[str, list[str]] = {}
        for route, moved in zip(patch.routes, patch.moved.tolist(), strict=True):
            drives.setdefault(route.signal, []).append(f"{route.to} {moved * route.depth:+.2f}")
        names = dict.fromkeys((*signals.values, *drives))
        shown = [name for name in names if name in drives or not name.endswith(".raw")]
        return [
            Meter(
                name, abs(signals.get(name)) / SCALES.get(name, 1.0), " · ".join(drives.get(name, ())),
                signals.is_pulse(name),
            )
            for name in sorted(shown, key=lambda name: name.split(".")[0])
        ]  # fmt: skip

    def _watch(self) -> None:
        """Say so when the generator stands still though nobody froze it."""
        frozen = self._engine.parameters.get("freeze") >= 0.5
        if self._engine.worker.quiet_for() > STALL and not frozen:
            text = f"no new picture for more than {STALL:g} s; the last one stands, and hands still move the shaders"
            self._engine.problems.report("generator", text)

    def _count(self, now: float) -> None:
        then, made = self._counted
        if now - then >= SPAN:
            self.generator_fps = (self._engine.worker.made - made) / (now - then)
            self._counted = (now, self._engine.worker.made)


def both(gauge: Gauge) -> str:
    """Median and 99th percentile in milliseconds."""
    return f"{gauge.median * 1e3:.1f} · p99 {gauge.p99 * 1e3:.1f} ms"
