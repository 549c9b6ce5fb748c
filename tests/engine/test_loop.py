from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from perform.engine.clock import FixedClock, Tick, WallClock, machine_time, sleep
from perform.engine.frame import Frame, Request
from perform.engine.loop import Abandoned, Engine
from perform.engine.parameters import Parameters, Values
from perform.engine.patch import Patch, Route
from perform.engine.problems import Problems, ShowStopped
from perform.engine.signals import Event, EventQueue
from perform.engine.worker import InlineWorker, Worker


class Script:
    """A source that says given events at given ticks."""

    def __init__(self, events: dict[int, list[Event]]) -> None:
        self.events = events

    def poll(self, tick: Tick) -> Sequence[Event]:
        return self.events.get(tick.index, [])

    def close(self) -> None:
        return None


class Hand:
    """A source that says what its queue holds."""

    def __init__(self, queue: EventQueue) -> None:
        self.queue = queue

    def poll(self, tick: Tick) -> Sequence[Event]:
        return self.queue.drain()

    def close(self) -> None:
        return None


class Screen:
    """A stage that remembers what was on the wall."""

    def __init__(self) -> None:
        self.shown: list[Frame | None] = []
        self.values: list[Values] = []

    def draw(self, frame: Frame | None, values: Values, tick: Tick) -> None:
        self.shown.append(frame)
        self.values.append(values)


def engine(parameters: Parameters, renderer: object, events: dict[int, list[Event]] | None = None, **options: object):
    clock = FixedClock(50)
    problems = Problems()
    worker = InlineWorker(clock, problems)
    if renderer is not None:
        worker.install(renderer)
    pressed: list[str] = []
    made = Engine(
        clock,
        [Script(events or {})],
        parameters,
        worker,
        Screen(),
        direct=pressed.extend,
        problems=problems,
        **options,
    )
    return made, pressed


def test_a_frame_goes_the_whole_line_within_its_tick(parameters: Parameters, flat_renderer: object) -> None:
    show, _ = engine(parameters, flat_renderer, {3: [Event("audio.low", 1.0, 0.06)]})
    show.patch = Patch([Route("audio.low", "walk.speed", 2.0)], parameters)
    show.run(lambda tick: tick.index < 9)
    frames = show.stage.shown
    assert [frame.tick.index for frame in frames] == list(range(10))
    assert show.stage.values[2]["walk.speed"] == 0.25
    assert show.stage.values[3]["walk.speed"] == 2.25
    assert show.traveller.position == pytest.approx((3 * 0.25 + 7 * 2.25) / 50)


def test_a_signal_with_a_parameters_own_name_sets_it(parameters: Parameters, flat_renderer: object) -> None:
    show, pressed = engine(
        parameters,
        flat_renderer,
        {1: [Event("walk.speed", 1.5, 0.02, hand=True), Event("home", 1.0, 0.02, hand=True)]},
    )
    show.run(lambda tick: tick.index < 2)
    assert parameters.get("walk.speed") == 1.5
    assert pressed == ["home"]
    assert show.latency.gauge.count == 2


def test_a_value_that_is_none_is_reported_and_the_show_goes_on(parameters: Parameters, flat_renderer: object) -> None:
    events = {1: [Event("walk.speed", float("nan"), 0.0)], 2: [Event("walk.sync", "bets", 0.0)]}
    show, _ = engine(parameters, flat_renderer, events)
    show.run(lambda tick: tick.index < 5)
    assert len(show.stage.shown) == 6
    assert parameters.get("walk.speed") == 0.25
    assert 'Did you mean "beats"' in show.problems.current["control"].text


def test_before_there_is_a_generator_there_is_a_frame_time_but_no_frame(parameters: Parameters) -> None:
    show, _ = engine(parameters, None)
    show.run(lambda tick: tick.index < 3)
    assert show.stage.shown == [None] * 4


def test_frozen_means_the_same_frame_stands(parameters: Parameters, flat_renderer: object) -> None:
    show, _ = engine(parameters, flat_renderer, {2: [Event("freeze", 1.0, 0.0)], 5: [Event("freeze", 0.0, 0.0)]})
    show.run(lambda tick: tick.index < 6)
    assert [frame.tick.index for frame in show.stage.shown] == [0, 1, 1, 1, 1, 5, 6]


class Failing:
    name = "broken network"

    def __init__(self) -> None:
        self.calls = 0

    def render(self, request: Request) -> Frame:
        self.calls += 1
        if self.calls == 2:
            raise RuntimeError("out of memory")
        return Frame(np.zeros((2, 2, 4), np.uint8), request.tick)


def test_a_generator_that_fails_leaves_the_last_good_frame(parameters: Parameters) -> None:
    show, _ = engine(parameters, Failing())
    show.run(lambda tick: tick.index < 2)
    assert [frame.tick.index for frame in show.stage.shown] == [0, 0, 2]
    assert any("out of memory" in problem.text for problem in show.problems.history)
    assert "generator" not in show.problems.current, "it plays again, so the problem is gone"


def test_strict_ends_the_show_at_the_first_problem(parameters: Parameters) -> None:
    show, _ = engine(parameters, Failing(), strict=True)
    with pytest.raises(ShowStopped, match="out of memory"):
        show.run(lambda tick: tick.index < 50)


def test_a_stage_or_source_that_raises_does_not_stop_the_picture(parameters: Parameters, flat_renderer: object) -> None:
    show, _ = engine(parameters, flat_renderer)

    def poll(tick: Tick) -> Sequence[Event]:
        if tick.index == 2:
            raise OSError("the device is gone")
        return []

    show.sources[0].poll = poll
    show.run(lambda tick: tick.index < 4)
    assert [frame.tick.index for frame in show.stage.shown] == [0, 1, 3, 4]
    assert "the device is gone" in show.problems.current["show"].text


def test_two_runs_give_equal_frames(parameters: Parameters, flat_renderer: object) -> None:
    runs = []
    for _ in range(2):
        show, _ = engine(parameters, flat_renderer, {3: [Event("walk.offset", 0.5, 0.0)]})
        show.run(lambda tick: tick.index < 30)
        runs.append(np.stack([frame.pixels for frame in show.stage.shown]))
        parameters.reset()
    assert np.array_equal(*runs)


class Stalled:
    """A generator that stops for good in its second frame."""

    name = "stalled"

    def __init__(self) -> None:
        self.release = threading.Event()

    def render(self, request: Request) -> Frame:
        if request.tick.index > 3:
            self.release.wait(20)
        return Frame(np.zeros((2, 2, 4), np.uint8), request.tick)


def test_the_display_keeps_its_rate_while_the_generator_is_stalled(parameters: Parameters) -> None:
    clock, problems, renderer = WallClock(60), Problems(), Stalled()
    worker = Worker(clock, problems)
    worker.install(renderer)
    waits: list[float] = []
    screen = Screen()
    show = Engine(clock, [], parameters, worker, screen, direct=lambda _: None, problems=problems)

    def going(tick: Tick) -> bool:
        waits.append(show.own_time.recent()[-1])
        return tick.index < 90

    began = machine_time()
    show.run(going)
    seconds = machine_time() - began
    renderer.release.set()
    worker.close()
    assert len(screen.shown) == 91
    assert screen.shown[-1] is screen.shown[-40], "the last good frame stands"
    assert sorted(waits)[len(waits) * 9 // 10] < 2 / 60, "no frame waits for the generator"
    assert seconds < 91 / 60 + 2.0


def test_the_worker_thread_makes_frames_from_the_newest_request(parameters: Parameters, flat_renderer: object) -> None:
    clock, problems = WallClock(100), Problems()
    worker = Worker(clock, problems)
    values = Patch((), parameters).play(engine(parameters, None)[0].signals, parameters, 0.01)
    worker.install(flat_renderer)
    for i in range(20):
        worker.ask(Request(Tick(i, i / 100, 0.01), values, float(i)))
    frame = None
    for _ in range(200):
        frame = worker.newest()
        if frame is not None and frame.tick.index == 19:
            break
        sleep(0.01)
    worker.close()
    assert frame is not None
    assert frame.tick.index == 19
    assert worker.made <= 20


def test_a_hand_that_moves_between_two_frames_is_let_in_at_once(parameters: Parameters, flat_renderer: object) -> None:
    """With one frame a second, a fader moved after the frame is asked for long before the next."""
    clock, problems, bell = WallClock(1), Problems(), threading.Event()
    queue = EventQueue(bell=bell)

    asked: list[tuple[float, float]] = []

    class Ear(InlineWorker):
        def ask(self, request: Request) -> None:
            asked.append((clock.now(), request.values["walk.speed"]))

    show = Engine(
        clock,
        [Hand(queue)],
        parameters,
        Ear(clock, problems),
        Screen(),
        direct=lambda _: None,
        problems=problems,
        bell=bell,
    )
    threading.Timer(0.1, lambda: queue.put(Event("walk.speed", 3.0, clock.now(), hand=True))).start()
    show.run(lambda tick: tick.index < 1)
    assert [speed for _, speed in asked] == [0.25, 3.0, 3.0]
    assert asked[1][0] < asked[2][0] - 0.3


def test_a_worker_that_waits_for_its_frame_says_for_how_long_and_a_frozen_one_does_not(parameters: Parameters) -> None:
    clock, problems, renderer = WallClock(100), Problems(), Stalled()
    worker = Worker(clock, problems)
    values = Patch((), parameters).play(engine(parameters, None)[0].signals, parameters, 0.01)
    worker.install(renderer)
    sleep(0.2)
    assert worker.quiet_for() == 0.0, "nobody asked"
    worker.ask(Request(Tick(9, 0.0, 0.01), values, 0.0))
    sleep(0.2)
    assert worker.quiet_for() > 0.15
    renderer.release.set()
    for _ in range(200):
        if worker.newest() is not None:
            break
        sleep(0.01)
    assert worker.quiet_for() == 0.0
    worker.close()


def test_the_picture_that_answers_a_hand_does_not_wait_for_the_next_frame(
    parameters: Parameters, flat_renderer: object
) -> None:
    """With one frame a second, a fader is answered on the wall in a fraction of that."""
    clock, problems, bell = WallClock(1), Problems(), threading.Event()
    queue = EventQueue(bell=bell)

    worker = Worker(clock, problems, bell)
    worker.install(flat_renderer)
    show = Engine(
        clock, [Hand(queue)], parameters, worker, Screen(), direct=lambda _: None, problems=problems, bell=bell
    )
    threading.Timer(0.1, lambda: queue.put(Event("walk.speed", 3.0, clock.now(), hand=True))).start()
    show.run(lambda tick: tick.index < 1)
    worker.close()
    assert show.latency.gauge.count == 1
    assert show.latency.gauge.median < 0.5


class Painter:
    """A stage that takes its time in its third frame, and looks up while it does."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.look_up = lambda: None
        self.starts: list[float] = []
        self.left: list[int] = []

    def draw(self, frame: Frame | None, values: Values, tick: Tick) -> None:
        self.starts.append(tick.time)
        for _ in range(20 if tick.index in (2, 3) else 0):
            sleep(self.seconds / 20)
            try:
                self.look_up()
            except Abandoned:
                self.left.append(tick.index)
                raise


def test_a_hand_is_let_in_while_a_picture_is_painted_and_buttons_wait(parameters: Parameters) -> None:
    clock, problems, bell = WallClock(50), Problems(), threading.Event()
    queue, painter = EventQueue(bell=bell), Painter(0.6)
    asked: list[float] = []
    pressed: list[tuple[str, int]] = []

    class Ear(InlineWorker):
        def ask(self, request: Request) -> None:
            if request.values["walk.speed"] == 3.0:
                asked.append(clock.now())

    show = Engine(
        clock, [Hand(queue)], parameters, Ear(clock, problems), painter, problems=problems, bell=bell,
        direct=lambda names: pressed.extend((name, len(painter.starts)) for name in names),
    )  # fmt: skip

    def look_up() -> None:
        if not pressed:  # in both paintings
            queue.put(Event("walk.speed", 3.0, clock.now(), hand=True))
            queue.put(Event("home", 1.0, clock.now(), hand=True))
        show.attend()

    painter.look_up = look_up
    show.run(lambda tick: tick.index < 4)
    assert asked[0] < painter.starts[2] + 0.3, "the generator was asked long before the painting would have ended"
    assert painter.left == [2], "the painting was left, once"
    assert next(at for name, at in pressed if name == "home") == 3, "a button takes effect between two frames"


class Slow:
    """A generator that takes 100 ms a frame."""

    name = "slow"

    def render(self, request: Request) -> Frame:
        sleep(0.1)
        return Frame(np.zeros((2, 2, 4), np.uint8), request.tick, made_in=0.1, serial=request.serial)


def test_a_frame_is_put_off_for_an_answer_that_is_just_being_made(parameters: Parameters) -> None:
    clock, problems, bell = WallClock(4), Problems(), threading.Event()
    queue, painter = EventQueue(bell=bell), Painter(0.0)
    worker = Worker(clock, problems, bell)
    worker.install(Slow())
    show = Engine(
        clock, [Hand(queue)], parameters, worker, painter, direct=lambda _: None, problems=problems, bell=bell
    )
    show.hold = 0.15

    def going(tick: Tick) -> bool:
        if tick.index == 3:  # 200 ms into this frame's 250
            threading.Timer(0.2, lambda: queue.put(Event("walk.speed", 3.0, clock.now(), hand=True))).start()
        return tick.index < 5

    show.run(going)
    worker.close()
    assert show.latency.gauge.count == 1
    assert painter.starts[4] - painter.starts[3] > 0.28, "due after 250 ms, and its picture after 300"
    assert painter.starts[4] - painter.starts[3] < 0.25 + 0.15 + 0.05 + 0.3
