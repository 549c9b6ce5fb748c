"""The whole ear on real parts: a real sound server, a real child process, real files. Only the card is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from perform.audio.device import AudioDevice, Wanted, devices
from perform.audio.dummy import JackServer, PulseServer
from perform.audio.ear import DeafEar, FileEar, LiveEar, open_ear
from perform.audio.track import Track
from perform.engine.clock import Clock, FixedClock, machine_time, sleep
from perform.engine.problems import Problems, UserError
from perform.engine.signals import Source

PATIENCE = 25.0

OnStage = Callable[[Source], Any]  # see the fixture `show`
Say = Callable[[object], None]


@pytest.fixture(scope="session")
def song(track: Track, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "track.wav"
    soundfile.write(path, track.samples, track.rate, subtype="FLOAT")
    return path


@pytest.fixture
def ears() -> Iterator[list[LiveEar]]:
    made: list[LiveEar] = []
    yield made
    for ear in made:
        ear.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def no_card(folder: Path) -> dict[str, str]:
    """An environment in which no sound server is found (a real card still is)."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    nowhere = {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "JACK_DEFAULT_SERVER": "no",
        "XDG_CACHE_HOME": cache,
    }
    return {**os.environ, **nowhere}


def wait_gone(pid: int, limit: float = 10.0) -> bool:
    end = machine_time() + limit
    while alive(pid) and machine_time() < end:
        sleep(0.02)
    return not alive(pid)


@pytest.mark.sound
def test_music_through_pulse_moves_the_features_and_comes_back_when_the_server_died(
    pulse: PulseServer, song: Path, clock: Clock, problems: Problems, ears: list[LiveEar], show: OnStage, say: Say
) -> None:
    ear = LiveEar(Wanted("default"), clock, problems, env=pulse.env)
    ears.append(ear)
    stage = show(ear)
    assert stage.until(lambda _: ear.health.text == "device default", PATIENCE), ear.health
    pulse.play(song)
    assert stage.until(lambda s: s.last.get("audio.rms", 0) > 0.5 and s.last.get("audio.low", 0) > 0.5, PATIENCE)
    stage.events.clear()
    assert stage.until(lambda s: sum(event.name == "audio.kick" for event in s.events) >= 5, PATIENCE)
    late = np.array(ear.latencies) * 1e3
    say(
        f"\nsound -> signal over Pulse: p50 {np.median(late):.1f} ms, p99 {np.percentile(late, 99):.1f} ms beyond a hop"
    )

    pulse.kill()
    assert stage.until(lambda _: "sound" in problems.current, PATIENCE)
    assert "trying again" in problems.current["sound"].text
    assert stage.until(lambda s: s.last["audio.rms"] == 0 and s.last["audio.rms.raw"] == 0, PATIENCE)
    assert ear.health.text == "lost, retrying"

    pulse.start()
    pulse.play(song)
    begun = machine_time()
    assert stage.until(lambda s: s.last["audio.rms"] > 0.5, PATIENCE)
    say(f"sound was back {machine_time() - begun:.1f} s after the server")
    assert "sound" not in problems.current
    assert ear.health.restarts >= 1


def test_a_child_that_hangs_or_dies_is_replaced(
    clock: Clock, problems: Problems, ears: list[LiveEar], show: OnStage, tmp_path: Path
) -> None:
    ear = LiveEar(Wanted("track"), clock, problems, env=no_card(tmp_path))
    ears.append(ear)
    stage = show(ear)
    for blow in (signal.SIGSTOP, signal.SIGKILL):
        assert stage.until(lambda _: ear.health.text == "Built-in track", PATIENCE), ear.health
        pid = ear.pid
        assert pid is not None
        os.kill(pid, blow)
        assert stage.until(lambda _: ear.pid not in (None, pid), PATIENCE)  # noqa: B023
        assert wait_gone(pid)


def test_the_next_child_stands_ready_and_takes_over(
    problems: Problems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perform.audio.device.CALM", 0.0)
    device = AudioDevice(Wanted("track"), problems, env=no_card(tmp_path))

    def until(done: Callable[[], object]) -> bool:
        end = machine_time() + PATIENCE
        while not done() and machine_time() < end:
            device.tend()
            sleep(0.01)
        return bool(done())

    try:
        assert until(lambda: device.well and device.next_pid)
        first, second = device.pid, device.next_pid
        assert first is not None
        assert second is not None
        os.kill(first, signal.SIGKILL)
        assert until(lambda: device.pid == second and device.well), (device.pid, second, problems.current)
        assert until(lambda: device.next_pid not in (None, second))
        third = device.next_pid
        assert third is not None
        os.kill(second, signal.SIGKILL)
        os.kill(third, signal.SIGKILL)  # so that there is none when it is needed
        assert until(lambda: device.pid not in (None, second, third) and device.well)
        last, spare = device.pid, device.next_pid
    finally:
        device.close()
    assert all(wait_gone(pid) for pid in (first, second, third, last, spare) if pid is not None)


@pytest.mark.sound
def test_the_list_of_devices_and_the_words_for_a_wrong_name(
    pulse: PulseServer, clock: Clock, problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = devices(pulse.env)
    assert any(one.name == "pulse" and one.kind == "input" and one.channels >= 2 for one in found)
    assert sum(one.default and one.kind == "input" for one in found) == 1
    for name in ("HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, pulse.env[name])
    with pytest.raises(UserError, match='Did you mean "pulse"') as told:
        open_ear("pules", clock, problems)
    assert '"default"' in str(told.value)


@pytest.mark.sound
def test_a_file_is_heard_through_the_output_and_by_the_ear(
    pulse: PulseServer, song: Path, clock: Clock, problems: Problems, ears: list[LiveEar], tmp_path: Path, show: OnStage
) -> None:
    ear = LiveEar(Wanted("file", str(song)), clock, problems, env=pulse.env)
    ears.append(ear)
    stage = show(ear)
    assert stage.until(lambda s: s.last.get("audio.rms", 0) > 0.5, PATIENCE)
    assert ear.health.text == "file track.wav"
    out = tmp_path / "heard.raw"
    command = ["parec", "-d", "perform.monitor", "--format=float32le", "--rate=48000", "--channels=2"]
    with out.open("wb") as file:
        recorder = subprocess.Popen(command, env=pulse.env, stdout=file, stderr=subprocess.DEVNULL)
    try:
        assert stage.until(lambda _: out.stat().st_size > 48000 * 8, PATIENCE)
    finally:
        recorder.kill()
        recorder.wait()
    heard = np.frombuffer(out.read_bytes()[: 48000 * 8], np.float32)
    assert np.abs(heard).max() > 0.1


@pytest.mark.sound
def test_jack_dies_and_the_ear_is_back_with_it(
    clock: Clock, problems: Problems, ears: list[LiveEar], show: OnStage, missing: Say
) -> None:
    name = f"perform-{uuid.uuid4().hex[:8]}"
    try:
        server = JackServer(name)
        server.start()
    except UserError as error:
        missing(error)
    try:
        found = [one for one in devices(server.env) if one.kind == "input" and "system" in one.name]
        if not found:
            missing("PortAudio does not see JACK: apt install libportaudio2 libjack-jackd2-0")
        ear = LiveEar(Wanted("device", "system"), clock, problems, env=server.env)
        ears.append(ear)
        stage = show(ear)
        assert stage.until(lambda _: ear.health.text == "device system", PATIENCE), (ear.health, problems.current)
        first = ear.pid
        server.kill()
        assert stage.until(lambda _: "sound" in problems.current, PATIENCE)
        server.start()
        assert stage.until(lambda _: ear.health.text == "device system", PATIENCE + 15), (ear.health, problems.current)
        assert first is not None
        assert wait_gone(first)
    finally:
        server.stop()


def test_without_a_card_the_built_in_track_is_heard_at_the_pace_of_the_clock(
    clock: Clock, problems: Problems, ears: list[LiveEar], tmp_path: Path, show: OnStage
) -> None:
    nothing = no_card(tmp_path)
    if any(device.kind == "input" for device in devices(nothing)):
        pytest.skip("this machine has a sound input")
    ear = LiveEar(Wanted("default"), clock, problems, env=nothing)
    ears.append(ear)
    stage = show(ear)
    assert stage.until(lambda s: "audio.kick" in s.last, PATIENCE)
    assert ear.health.text == "Built-in track"
    stage.events.clear()
    begun = clock.now()
    stage.until(lambda s: clock.now() - begun > 2.5, 5)
    kicks = [event.time for event in stage.events if event.name == "audio.kick"]
    assert 3 <= len(kicks) <= 9  # 125 to the minute
    assert not problems.current
    assert clock.now() - 0.5 < stage.events[-1].time <= clock.now()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_child_goes_with_its_parent_and_leaves_nothing() -> None:
    code = (
        "import sys, time\n"
        "from perform.audio.device import AudioDevice, Wanted\n"
        "from perform.engine.problems import Problems\n"
        "device = AudioDevice(Wanted('track'), Problems())\n"
        "while not device.well:\n    device.tend(); time.sleep(0.01)\n"
        "print(device.pid, flush=True); time.sleep(100)\n"
    )
    rings = len(list(Path("/dev/shm").glob("perform-ring-*")))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_gone(pid)
    assert len(list(Path("/dev/shm").glob("perform-ring-*"))) == rings


def test_closing_is_quick_whatever_the_child_does(clock: Clock, problems: Problems, show: OnStage) -> None:
    ear = LiveEar(Wanted("track"), clock, problems)
    stage = show(ear)
    assert stage.until(lambda s: "audio.rms" in s.last, PATIENCE)
    pid = ear.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    begun = machine_time()
    ear.close()
    assert machine_time() - begun < 1.0
    assert wait_gone(pid)


def test_a_file_that_goes_away_during_the_show_is_a_problem_not_an_end(
    song: Path, clock: Clock, problems: Problems, tmp_path: Path
) -> None:
    device = AudioDevice(Wanted("file", str(tmp_path / "gone.wav")), problems)
    end = machine_time() + PATIENCE
    while "sound" not in problems.current and machine_time() < end:
        device.tend()
        sleep(0.01)
    assert "there is no sound file" in problems.current["sound"].text
    device.close()


def test_two_runs_of_a_file_are_equal_and_as_long_as_the_file(song: Path) -> None:
    def run() -> list:
        ear, clock = FileEar(song), FixedClock(30.0)
        events = [event for _ in range(150) for event in ear.poll(clock.tick())]
        assert ear.seconds == pytest.approx(61.44)
        ear.close()
        return events

    events = run()
    assert events == run()
    assert max(event.time for event in events) <= 149 / 30
    assert sum(event.name == "audio.kick" for event in events) >= 8


def test_the_phase_moves_evenly_from_frame_to_frame(song: Path) -> None:
    """At a rate of frames that has nothing to do with hops; the beat is locked after ten seconds of the track."""
    ear, clock = FileEar(song), FixedClock(47.0)
    phases = []
    for _ in range(47 * 14):
        tick = clock.tick()
        now = {event.name: float(event.value) for event in ear.poll(tick)}
        if tick.time > 10:
            phases.append(now["beat.phase"])
    steps = np.diff(phases) % 1.0
    assert np.abs(steps - 125 / 60 / 47).max() < 0.01
    ear.close()


def test_after_the_file_comes_silence_or_the_file_again(tmp_path: Path, track: Track) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, track.samples[:48000], 48000)
    for loop in (False, True):
        ear, clock = FileEar(path, loop=loop), FixedClock(10.0)
        levels = {}
        for _ in range(60):
            tick = clock.tick()
            levels.update({event.name: event.value for event in ear.poll(tick)})
        assert (levels["audio.rms.raw"] > 0.3) is loop
        ear.close()


def test_what_audio_means(song: Path, tmp_path: Path, clock: Clock, problems: Problems) -> None:
    ear = open_ear("none", clock, problems)
    assert isinstance(ear, DeafEar)
    assert list(ear.poll(clock.tick())) == []
    ear = open_ear(str(song), clock, problems, live=False)
    assert isinstance(ear, FileEar)
    ear.close()
    ear = open_ear(None, clock, problems, live=False)
    assert isinstance(ear, FileEar)
    assert ear.health.text == "Built-in track"
    ear.close()
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"this is no sound")
    for live in (True, False):
        with pytest.raises(UserError, match="not a sound file"):
            open_ear(str(noise), clock, problems, live=live)
        with pytest.raises(UserError, match="there is no sound file"):
            open_ear(str(tmp_path / "absent.wav"), clock, problems, live=live)
    with pytest.raises(UserError, match="fixed clock"):
        open_ear("Some Card", clock, problems, live=False)


@pytest.mark.sound
def test_the_latency_benchmark_runs(missing: Say, say: Say) -> None:
    from perform.audio.bench import bench_sound_latency

    try:
        figures = bench_sound_latency(clicks=12)
    except UserError as error:
        missing(error)
    say(f"\n{figures}")
    assert figures["found"] >= 9
    assert figures["beyond_hop"]["p50"] < 10
