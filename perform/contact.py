"""`perform sheet`: what presets do to their networks, on one page: the same moments as trained, and as played."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from perform.app import Options, Show, tree
from perform.audio.ear import open_ear
from perform.audio.track import builtin_file
from perform.engine.clock import FixedClock, Tick
from perform.engine.patch import Patch
from perform.engine.problems import Problems, UserError
from perform.engine.worker import InlineWorker
from perform.output.canvas import Pixels
from perform.output.sheet import contact_sheet
from perform.output.wall import open_offscreen


class Moments:
    """The stage's recorder that keeps the pictures at some moments."""

    def __init__(self, at: Sequence[int]) -> None:
        self.kept: list[Pixels] = []
        self._at = frozenset(at)

    def wants(self, tick: Tick) -> bool:
        return tick.index in self._at

    def take(self, pixels: Pixels, tick: Tick) -> None:
        self.kept.append(pixels.copy())


def moments(
    options: Options, track: str, frames: int, at: Sequence[int], *, played: bool
) -> tuple[list[Pixels], list[str]]:
    """The pictures of a show on `track` at the frames `at` of `frames`, and what went wrong. Fixed clock, offscreen.

    Not `played`, it is the trained network with the preset's walk, shaders and routes.
    """
    clock, problems = FixedClock(options.fps), Problems()
    ear = open_ear(track, clock, problems, live=False, loop=True)
    worker, wall = InlineWorker(clock, problems), open_offscreen(options.size)
    show = Show(options, tree(), clock=clock, wall=wall, worker=worker, ear=ear, hands=(), problems=problems)
    kept = Moments(at)
    show.stage.recorder = kept
    bar = tqdm(total=frames, unit="frame", desc=options.preset, leave=False)

    def going(tick: Tick) -> bool:
        bar.update()
        return tick.index + 1 < frames

    try:
        show.begin()
        if not played:
            show.parameters.set("divergence", 0.0)
            kept_routes = [route for route in show.engine.patch.routes if not route.to.startswith("steer.")]
            show.engine.patch = Patch(kept_routes, show.parameters)
            for name in show.parameters.names():
                if name.startswith("steer.") and name.endswith("amount"):
                    show.parameters.set(name, 0.0)
        show.engine.run(going)
        show.stage.flush()
        said = [f"{problem.part}: {problem.text}" for problem in problems.history]
        return kept.kept, [*said, *(f"muted: {line}" for line in show.loader.muted)]
    finally:
        show.close()
        bar.close()


def sheet(options: Options, track: str, out: Path, count: int = 6, *, compare: bool = True) -> list[str]:
    """A contact sheet of the preset in `options` at `count` moments of `options.seconds`; returns what went wrong.

    With `compare` a first row shows the same moments of the trained network, and an instrument can be seen at work.
    Raises UserError for a preset or track that cannot be had.
    """
    frames = max(count, round(options.seconds * options.fps))
    at = [round((k + 0.5) * frames / count) for k in range(count)]
    track = str(builtin_file()) if track == "track" else track
    rows = [False, True] if compare else [True]
    pictures: list[Pixels] = []
    problems: list[str] = []
    for played in rows:
        made, said = moments(options, track, frames, at, played=played)
        if len(made) != count:
            raise UserError(f"{options.preset}: {len(made)} of {count} moments came; {'; '.join(said) or 'no reason'}")
        pictures += made
        problems = said
    captions = [f"{k / options.fps:.0f} s" for k in at]
    if compare:
        captions = [*(f"{one} as trained" for one in captions), *(f"{one} as played" for one in captions)]
    out.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(pictures, out, count, captions, Path(options.preset).stem)
    return problems
