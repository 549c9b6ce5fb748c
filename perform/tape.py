"""What is kept of a show: films and single pictures, started and stopped while it plays."""

from __future__ import annotations

import logging
from pathlib import Path

from PIL import Image

from perform.engine.clock import Tick, date
from perform.engine.problems import Problems, UserError
from perform.output.canvas import Pixels
from perform.output.recorder import Recorder
from perform.output.stage import Stage

log = logging.getLogger("perform")

FOLDER = Path("recordings")


class Tape:
    """The stage's recorder: pictures to a film while there is one, and one picture on demand. Main thread."""

    def __init__(self, stage: Stage, fps: float, problems: Problems) -> None:
        self._stage, self._fps, self._problems = stage, fps, problems
        self._film: Recorder | None = None
        self._still = False
        self._wanted = False
        stage.recorder = self

    def wanted(self, on: bool) -> None:
        """The record button stands on or off. A change starts or ends a film in `recordings/`."""
        if on != self._wanted:
            self._wanted = on
            if on:
                self.start(FOLDER / f"{date()}.mp4")
            else:
                self.stop()

    def start(self, path: Path) -> None:
        """Film into `path` from the next frame on. A path that cannot be written is reported; the show goes on."""
        self.stop()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            size = self._stage.canvas or self._stage.wall.size
            self._film = Recorder(path, size, self._fps, self._problems, live=True)
        except (UserError, OSError) as error:
            self._problems.report("recorder", f"{path} cannot be recorded: {error}")

    def stop(self) -> None:
        """End the film, if there is one."""
        if self._film is not None:
            self._stage.flush()
            film, self._film = self._film, None
            film.close()

    def screenshot(self) -> None:
        """Keep the next picture as a PNG in `recordings/`."""
        self._still = True

    def wants(self, tick: Tick) -> bool:
        return self._still or (self._film is not None and self._film.wants(tick))

    def take(self, pixels: Pixels, tick: Tick) -> None:
        if self._film is not None:
            self._film.take(pixels, tick)
        if self._still:
            self._still = False
            self._keep(pixels)

    def _keep(self, pixels: Pixels) -> None:
        path = FOLDER / f"{date()}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).convert("RGB").save(path)
        except OSError as error:
            self._problems.report("recorder", f"{path} cannot be written: {error}")
        else:
            log.warning("%s kept", path)
