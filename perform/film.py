"""`perform render`: the same engine on a fixed clock, into a film. At any speed, and always the same frames."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from perform.app import Options, Show, tree
from perform.audio.ear import open_ear
from perform.audio.file import read_sound
from perform.audio.track import builtin_file
from perform.engine.clock import FixedClock, Tick
from perform.engine.problems import Problems
from perform.engine.worker import InlineWorker
from perform.output.canvas import Pixels
from perform.output.recorder import Recorder
from perform.output.sheet import contact_sheet
from perform.output.wall import open_offscreen

MOMENTS = 16  # pictures on a contact sheet


class Negative:
    """The stage's recorder while a film is made: every picture to the film, some to the contact sheet."""

    def __init__(self, film: Recorder, moments: frozenset[int]) -> None:
        self.kept: list[Pixels] = []
        self._film, self._moments = film, moments

    def wants(self, tick: Tick) -> bool:
        return self._film.wants(tick)

    def take(self, pixels: Pixels, tick: Tick) -> None:
        if tick.index in self._moments:
            self.kept.append(pixels.copy())
        self._film.take(pixels, tick)


def render(options: Options, track: str, out: Path, *, sheet: Path | None = None, progress: bool = True) -> int:
    """Draw `track` (a sound file, or "track" for the built-in one) into the film `out`. Returns the exit status.

    `options` gives preset, model, size, fps, device and how many seconds (0: all of the track). Stopping it leaves a
    film that plays up to there. Raises UserError for a track that is no sound or a film that cannot be written.
    """
    clock, problems = FixedClock(options.fps), Problems()
    ear = open_ear(track, clock, problems, live=False, loop=False)
    sound = read_sound(builtin_file() if track == "track" else track)
    length = min(options.seconds or sound.seconds, sound.seconds)
    frames = max(1, round(length * options.fps))
    samples = sound.stereo[: round(frames / options.fps * sound.rate)]
    film = Recorder(out, options.size, options.fps, sound=(samples, sound.rate), problems=problems, live=False)
    moments = frozenset(round((i + 0.5) * frames / MOMENTS) for i in range(MOMENTS)) if sheet else frozenset()
    worker, wall = InlineWorker(clock, problems), open_offscreen(options.size)
    show = Show(options, tree(), clock=clock, wall=wall, worker=worker, ear=ear, hands=(), problems=problems)
    negative = Negative(film, moments)
    show.stage.recorder = negative
    bar = tqdm(total=frames, unit="frame", desc=out.name, disable=not progress)

    def going(tick: Tick) -> bool:
        bar.update()
        return tick.index + 1 < frames and "recorder" not in problems.current

    try:
        show.begin()
        show.engine.run(going)
    finally:
        show.stage.flush()
        film.close()
        show.close()
        bar.close()
    if sheet is not None and negative.kept:
        contact_sheet(negative.kept, sheet, columns=4)
    return problems.status()
