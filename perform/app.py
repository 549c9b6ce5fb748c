"""The show, joined: the only module that knows sound, hands, networks and walls at once."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import models
from models.blending.rows import blend_knobs
from models.decoding.played import knobs as decode_knobs
from models.rewriting import glitch
from models.steering.steer import steer_knobs
from models.tuning import tune_knobs
from perform.audio.ear import Ear, listen_knobs, open_ear
from perform.control.keyboard import Keyboard, help_lines, show_knobs
from perform.control.lfo import Lfos, lfo_knobs
from perform.control.link import LinkSource
from perform.control.midi import MidiSource
from perform.control.osc import OscSource
from perform.engine import assets, settings
from perform.engine import preset as presets
from perform.engine.beat import beat_knobs
from perform.engine.clock import Clock, Tick, WallClock, machine_time
from perform.engine.crossfade import deck_knobs
from perform.engine.director import Director, director_knobs
from perform.engine.frame import Request
from perform.engine.loader import Loader, steers
from perform.engine.loop import Engine
from perform.engine.parameters import Parameters
from perform.engine.patch import Patch
from perform.engine.pose import label_knobs, pose_knobs
from perform.engine.problems import Problems, UserError
from perform.engine.rig import bend_knobs, relative_knobs
from perform.engine.signals import Signals, Source
from perform.engine.training import Training, train_knobs
from perform.engine.walk import walk_knobs
from perform.engine.worker import InlineWorker, Maker, Worker
from perform.output.canvas import is_software, patience
from perform.output.chain import Chain, chain_knobs
from perform.output.fit import output_knobs
from perform.output.hud import Hud
from perform.output.stage import Stage
from perform.output.wall import Wall, open_offscreen
from perform.readout import Described, Readout
from perform.tape import Tape

log = logging.getLogger("perform")

SOFTWARE_HEIGHT, SOFTWARE_FPS = 160, 32.0  # what software GL can paint beside a network on two cores
SWITCH_INTERVAL = 0.0005  # seconds: at Python's default of 5 ms one busy thread costs a quarter of the audio


@dataclass(frozen=True, slots=True)
class Options:
    """What the performer asked for on the command line.

    `audio` None means the default input or the built-in track; `osc` None and `midi` "none" switch those off; `size` is
    the window's, `monitor` a projector's name; `seconds` 0 plays until somebody ends it.
    """

    preset: str = "first-light"
    model: str = ""
    audio: str | None = None
    osc: tuple[str, int] | None = ("0.0.0.0", 9000)
    midi: str = ""
    link: bool = False
    size: tuple[int, int] = (1280, 720)
    monitor: str | None = None
    fullscreen: bool = False
    offscreen: bool = False
    device: str = ""
    seconds: float = 0.0
    fps: float = 60.0
    strict: bool = False
    record: Path | None = None
    hud: bool = False


def tree() -> Parameters:
    """Every parameter of the instrument, with its default. Needs no device and no GL."""
    parameters = Parameters()
    parameters.add("", show_knobs())
    parameters.add("", director_knobs(list(presets.available()), list(models.available())))
    parameters.add("deck", deck_knobs())
    parameters.add("walk", walk_knobs())
    parameters.add("pose", pose_knobs())
    parameters.add("label", label_knobs())
    parameters.add("bend", bend_knobs())
    parameters.add("blend", (*blend_knobs(), *relative_knobs()))
    parameters.add("tune", tune_knobs())
    parameters.add("rewrite", glitch.KNOBS)
    parameters.add("train", train_knobs())
    parameters.add("decode", decode_knobs())
    parameters.add("steer", steer_knobs())
    for shader, knobs in chain_knobs(assets.folder("shaders")).items():
        parameters.add(f"shader.{shader}", knobs)
    parameters.add("output", output_knobs())
    parameters.add("", lfo_knobs())
    parameters.add("beat", beat_knobs())
    parameters.add("listen", listen_knobs())
    return parameters


def has_display() -> bool:
    """Whether a window can be expected to open here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def canvas_for(wall: Wall) -> tuple[int, int] | None:
    """The size of the pictures where the processor has to paint them: small, so that the network keeps its share."""
    width, height = wall.size
    if not is_software(wall.ctx) or height <= SOFTWARE_HEIGHT:
        return None
    return max(16, round(width * SOFTWARE_HEIGHT / height)), SOFTWARE_HEIGHT


class Hand(Source, Described, Protocol):
    """A source of the performer's hands: OSC, MIDI."""


class Show:
    """All parts of a running show. Main thread.

    It owns the wall, the worker and the sources it is given: `close` frees everything, in the order in which the parts
    depend on each other. With an InlineWorker (fixed clock) models load and shaders compile at once.
    """

    def __init__(
        self, options: Options, parameters: Parameters, *, clock: Clock, wall: Wall, worker: Maker, ear: Ear,
        hands: Sequence[Hand], problems: Problems, bell: threading.Event | None = None,
    ) -> None:  # fmt: skip
        self.options, self.clock, self.wall, self.worker, self.problems = options, clock, wall, worker, problems
        self.ear, self.hands, self.parameters = ear, hands, parameters
        self.keyboard = Keyboard(clock, self.parameters.get)
        self.hud = Hud(help_lines())
        inline = isinstance(worker, InlineWorker)
        canvas = None if inline else canvas_for(wall)
        self.chain = Chain(wall.ctx, canvas or wall.size, assets.folder("shaders"), problems)
        fine = inline or not is_software(wall.ctx)  # live, in software, there is no time for the finer enlargement
        self.chain.listen = lambda: ear.picture
        self.stage = Stage(wall, self.chain, problems, overlay=self.hud, canvas=canvas, fine=fine)
        self.tape = Tape(self.stage, options.fps, problems)
        self.engine = Engine(
            clock, [ear, *hands, self.keyboard], self.parameters, worker, self.stage, direct=self._direct,
            problems=problems, strict=options.strict, bell=bell,
        )  # fmt: skip
        self.engine.sources.append(Lfos(self._read))
        sample = Request(Tick(0, 0.0, 0.0), Patch((), self.parameters).play(Signals(), self.parameters, 0.0), 0.0)
        self.loader = Loader(
            worker, clock, problems, options.device, sample, mix=lambda: self.parameters.get("deck.mix"), wait=inline,
            steered=lambda: steers(self.parameters, self.engine.patch),
        )  # fmt: skip
        if inline:
            self.chain.compile_all()
        self.training = Training(problems)
        self.director = Director(
            self.engine, frozenset(self.chain.names), clock=clock, order=self.chain.order, models=self.loader,
            say=self.hud.toast, problems=problems, training=self.training,
        )  # fmt: skip
        self.readout = Readout(self.engine, self.director, self.loader, ear, hands, self.stage, self.training)
        self._fullscreen = options.fullscreen or options.monitor is not None
        self._quit = False

    def begin(self) -> None:
        """Play the preset (and the model) that was asked for. Raises UserError where they are not right."""
        self.director.play(presets.find(self.options.preset))
        if self.options.model:
            self.director.use(self.options.model)
        self.parameters.set("show.hud", float(self.options.hud))
        self.parameters.set("show.fullscreen", float(self._fullscreen))
        if self.options.record is not None:
            self.tape.start(self.options.record)

    def settle_in(self) -> None:
        """What belongs to the place: the numbers in the user's settings. Live only; a film is the same everywhere."""
        try:
            for name, value in settings.load().items():
                self.parameters.set(name, value)
        except UserError as error:
            self.problems.report("settings", str(error))

    def going(self, tick: Tick) -> bool:
        """Between two frames: the window's keys, the HUD's figures; whether the show goes on."""
        for name, mods, action in self.wall.keys():  # noqa: SIM118 - not a dict's
            self.keyboard.press(name, mods, action)
        self.readout.show(self.hud, tick, self.keyboard.hint)
        if self.options.seconds and tick.time >= self.options.seconds:
            return False
        return not (self._quit or self.wall.closing)

    def close(self) -> None:
        """End the show. Once, in any state."""
        with contextlib.ExitStack() as parts:  # each part is closed, whatever another one does
            for close in (
                self.wall.close,
                self.hud.release,
                self.stage.close,
                self.tape.stop,
                *(source.close for source in self.engine.sources),
                self.worker.close,
                self.loader.close,
                self.training.close,
            ):
                parts.callback(close)

    def _read(self, name: str) -> float:
        return self.parameters.get(name) if name in self.parameters else self.engine.signals.get(name)

    def _direct(self, fired: Sequence[str]) -> None:
        """The buttons, once a frame: presets and models first, then what wall, shaders and tape do with them."""
        self.director.step(fired)
        self.chain.fire(fired)
        self.tape.wanted(self.parameters.get("show.record") >= 0.5)
        for name, step in (("listen.earlier", 5.0), ("listen.later", -5.0)):
            if name in fired:
                offset = self.parameters.get("listen.offset_ms") + step
                self.parameters.set("listen.offset_ms", offset)
                self.hud.toast(f"beat {abs(offset):g} ms {'earlier' if offset >= 0 else 'later'}")
        if "show.screenshot" in fired:
            self.tape.screenshot()
        full = self.parameters.get("show.fullscreen") >= 0.5
        if full != self._fullscreen:
            self._fullscreen = full
            self.wall.toggle_fullscreen()
        self._quit = self._quit or "show.quit" in fired


@contextlib.contextmanager
def open_show(options: Options) -> Iterator[Show]:
    """A live show, begun, with its first picture on the wall; closed at the end whatever happens.

    What the user gave is looked at first, so that a wrong name is said before a window opens. Then the wall and one
    frame of standby light; torch, weights, sound devices and MIDI ports come in from threads and children of their own
    while the picture already moves. Raises UserError for what cannot be had.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    problems, clock, parameters, bell = Problems(), WallClock(options.fps), tree(), threading.Event()
    presets.read(presets.find(options.preset))
    with contextlib.ExitStack() as opened:
        hands: list[Hand] = []
        link = [LinkSource()] if options.link else []
        if options.osc is not None:
            hands.append(OscSource(*options.osc, clock, problems, known=parameters, bell=bell))
            opened.callback(hands[-1].close)
        if options.midi != "none":
            hands.append(MidiSource(clock, problems, options.midi or None, bell=bell))
            opened.callback(hands[-1].close)
        ear = open_ear(options.audio, clock, problems)
        opened.callback(ear.close)
        wall = open_wall(options, problems)
        opened.callback(wall.close)
        worker = Worker(clock, problems, bell)
        show = Show(
            options,
            parameters,
            clock=clock,
            wall=wall,
            worker=worker,
            ear=ear,
            hands=hands,
            problems=problems,
            bell=bell,
        )
        show.engine.sources += link
        opened.pop_all()  # from here on they are the show's
    if is_software(wall.ctx):
        clock.limit(SOFTWARE_FPS)
        show.engine.hold = 0.75 * clock.period
        patience(wall.ctx).between = show.engine.attend
    try:
        show.begin()
        show.settle_in()
        show.engine.step()
        yield show
    finally:
        show.close()


def play(options: Options) -> int:
    """Play live until the window closes, Esc is pressed twice or the time is up. Returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a plain stop must free the sound child and the film
    with open_show(options) as show:
        _say_first_picture()
        show.engine.run(show.going)
        if show.loader.loading and not show.loader.loaded:
            what = show.loader.loading
            log.warning('"%s" was still on its way when the time was up; a longer --seconds shows it', what)
        return show.problems.status()


def open_wall(options: Options, problems: Problems) -> Wall:
    """The window, the projector or the offscreen picture that was asked for. Raises UserError where it cannot be."""
    if options.offscreen:
        return open_offscreen(options.size)
    from perform.output.window import open_window

    return open_window(
        options.size, options.monitor, options.fullscreen, title=f"perform: {options.preset}", problems=problems
    )


def _say_first_picture() -> None:
    """Log the time from the command to the first picture; PERFORM_BEGAN is the machine time of the command."""
    asked = os.environ.get("PERFORM_BEGAN")
    if asked:
        log.warning("first picture %.2f s after the command", machine_time() - float(asked))
