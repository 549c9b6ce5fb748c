"""The recorder on real files: opened again with PyAV, killed half-way, on a disk that fills up."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from perform.engine.clock import FixedClock, Tick, machine_time, sleep
from perform.engine.problems import Problems, UserError
from perform.output.recorder import Recorder
from perform.output.sheet import contact_sheet

SIZE = (160, 96)
FPS = 30
RATE = 48000
COLOUR = (200, 40, 90)


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    pixels = np.empty((size[1], size[0], 4), np.uint8)
    pixels[:] = (*COLOUR, 255)
    pixels[:, index % size[0]] = 255
    return pixels


def noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (SIZE[1], SIZE[0], 4), np.uint8)


def render(recorder: Recorder, count: int, make=picture, close: bool = True) -> None:
    clock = FixedClock(FPS)
    for index in range(count):
        tick = clock.tick()
        if recorder.wants(tick):
            recorder.take(make(index), tick)
    if close:
        recorder.close()


def decoded(path: Path) -> list[tuple[float, np.ndarray]]:
    frames: list[tuple[float, np.ndarray]] = []
    # a file that was broken off may end in the middle of a fragment
    with av.open(str(path)) as container, contextlib.suppress(av.error.FFmpegError):
        frames.extend((float(frame.time), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0))
    return frames


def test_every_frame_in_the_right_time_and_colour(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "show.mp4", SIZE, FPS, Problems())
    render(recorder, 45)
    assert recorder.done
    assert (recorder.frames, recorder.dropped, recorder.failed) == (45, 0, "")
    frames = decoded(tmp_path / "show.mp4")
    assert [time for time, _ in frames] == pytest.approx([n / FPS for n in range(45)], abs=1e-3)
    assert frames[0][1].shape == (SIZE[1], SIZE[0], 3)
    assert np.abs(frames[0][1][10, 100].astype(int) - COLOUR).max() <= 6
    with av.open(str(tmp_path / "show.mp4")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_sound_is_in_sync_and_as_long_as_the_pictures(tmp_path: Path) -> None:
    samples = np.zeros((RATE * 5, 2), np.float32)
    samples[RATE : RATE + 300] = 0.9

    def flash(index: int) -> np.ndarray:
        return np.full((SIZE[1], SIZE[0], 4), 255 if index == FPS else 0, np.uint8)

    path = tmp_path / "show.mp4"
    render(Recorder(path, SIZE, FPS, Problems(), sound=(samples, RATE)), FPS * 2, flash)
    flashes = [time for time, pixels in decoded(path) if pixels.mean() > 128]
    heard, end = [], 0.0
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.3)
            heard += [float(frame.time) + int(place) / RATE for place in loud[:1]]
            end = float(frame.time) + frame.samples / RATE
    assert flashes == pytest.approx([1.0], abs=1e-3)
    assert heard[0] == pytest.approx(1.0, abs=0.003)
    assert end == pytest.approx(2.0, abs=1 / FPS)


def test_the_sound_itself_survives(tmp_path: Path) -> None:
    time = np.arange(RATE * 2) / RATE
    samples = np.stack([0.5 * np.sin(2 * np.pi * 440 * time), 0.5 * np.sin(2 * np.pi * 660 * time)], 1)
    path = tmp_path / "show.mp4"
    render(Recorder(path, SIZE, FPS, Problems(), sound=(samples.astype(np.float32), RATE)), FPS * 2)
    with av.open(str(path)) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    for channel in range(2):
        ours, theirs = samples[5000:90000, channel], heard[channel, 5000:90000]
        assert np.corrcoef(ours, theirs)[0, 1] > 0.99


def test_two_runs_give_equal_bytes(tmp_path: Path) -> None:
    sound = (np.random.default_rng(1).normal(0, 0.1, (RATE * 2, 2)).astype(np.float32), RATE)
    for name in ("one.mp4", "two.mp4"):
        render(Recorder(tmp_path / name, SIZE, FPS, Problems(), sound=sound), 40, noise)
    same = (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()
    assert same, "two renders of the same pictures differ"


@pytest.mark.parametrize("size", [(161, 97), (161, 96), (3, 3)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    recorder = Recorder(tmp_path / "odd.mp4", size, FPS, Problems())
    render(recorder, 5, lambda index: picture(index, size))
    assert recorder.failed == ""
    frames = decoded(tmp_path / "odd.mp4")
    assert len(frames) == 5
    assert frames[0][1].shape[:2] == (size[1] // 2 * 2, size[0] // 2 * 2)


def test_a_window_that_changes_its_size_goes_on_in_the_size_of_the_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "show.mp4", SIZE, FPS, Problems())
    render(recorder, 20, lambda index: picture(index, SIZE if index < 10 else (321, 200)))
    assert {pixels.shape for _, pixels in decoded(tmp_path / "show.mp4")} == {(SIZE[1], SIZE[0], 3)}


def test_live_keeps_the_times_and_wants_no_more_than_its_rate(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "live.mp4", SIZE, FPS, Problems(), live=True)
    times = [*(n / 120 for n in range(120)), *(2.0 + n / 120 for n in range(40))]  # a stall of a second in between
    asked = 0
    for index, time in enumerate(times):
        tick = Tick(index, 5.0 + time, 1 / 120)
        if recorder.wants(tick):
            asked += 1
            recorder.take(picture(index), tick)
            while recorder.frames < asked and not recorder.done:
                sleep(0.002)
    recorder.close()
    found = [time for time, _ in decoded(tmp_path / "live.mp4")]
    assert len(found) == asked == recorder.frames
    assert 38 <= asked <= 46
    assert found[0] == 0.0
    assert max(b - a for a, b in itertools.pairwise(found)) == pytest.approx(1.0, abs=0.1)


def test_live_never_waits_but_leaves_out_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = Problems()
    recorder = Recorder(tmp_path / "live.mp4", SIZE, FPS, problems, live=True)
    hold = threading.Event()
    add = recorder._encoder.add

    def slow(pixels: np.ndarray, index: int) -> None:
        hold.wait(30)
        add(pixels, index)

    monkeypatch.setattr(recorder._encoder, "add", slow)
    before = machine_time()
    for index in range(200):
        tick = Tick(index, index / FPS, 1 / FPS)
        if recorder.wants(tick):
            recorder.take(picture(index), tick)
    assert machine_time() - before < 10.0
    assert recorder.dropped > 100
    assert "cannot keep up" in problems.current["recorder"].text
    assert "left out" in recorder.describe()
    hold.set()
    recorder.close()
    assert len(decoded(tmp_path / "live.mp4")) == recorder.frames == 200 - recorder.dropped
    assert not problems.current, "it is well again when the file is complete"


def test_offline_waits_and_leaves_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "show.mp4", SIZE, FPS, Problems())
    add = recorder._encoder.add

    def slow(pixels: np.ndarray, index: int) -> None:
        sleep(0.005)
        add(pixels, index)

    monkeypatch.setattr(recorder._encoder, "add", slow)
    render(recorder, 150)
    assert recorder.frames == len(decoded(tmp_path / "show.mp4")) == 150


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from test_recorder import *
import resource
if {limit}:
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
problems = Problems()
recorder = Recorder({path!r}, SIZE, FPS, problems)
clock = FixedClock(FPS)
for index in range({count}):
    tick = clock.tick()
    if recorder.wants(tick):
        recorder.take(noise(index), tick)
    sys.stdout.write(f"{{recorder.frames}}\\n")
    sys.stdout.flush()
recorder.close()
sys.stdout.write(recorder.failed + "|" + str(problems.current) + "\\n")
"""


def child(path: Path, count: int, limit: int = 0) -> subprocess.Popen[str]:
    code = CHILD.format(tests=str(Path(__file__).parent), path=str(path), count=count, limit=limit)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_a_kill_leaves_a_file_that_plays(tmp_path: Path) -> None:
    path = tmp_path / "killed.mp4"
    process = child(path, 100_000)
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if int(line) >= FPS * 6:
                break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    frames = decoded(path)
    assert len(frames) >= FPS * 2, "at most the last seconds are lost"
    assert np.abs(frames[7][1].astype(int) - noise(7)[..., :3]).mean() < 60


def plays_after_a_full_disk(path: Path, problem: str) -> None:
    assert "recording" in problem
    assert "make room" in problem
    frames = decoded(path)
    assert len(frames) >= FPS
    with av.open(str(path)) as container:  # and it ends cleanly, with no broken fragment
        assert sum(1 for _ in container.decode(video=0)) == len(frames)


def test_a_file_that_may_not_grow_stops_the_recording_and_not_the_show(tmp_path: Path) -> None:
    path = tmp_path / "full.mp4"
    process = child(path, FPS * 20, limit=1_500_000)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    plays_after_a_full_disk(path, output.splitlines()[-1])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount, umount = shutil.which("mount"), shutil.which("umount")
    place = tmp_path / "disk"
    place.mkdir()
    if mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk; the test with a limit on the file covers the same path")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(place)], check=False).returncode:
        pytest.skip("mounting is not allowed here; the test with a limit on the file covers the same path")
    yield place
    subprocess.run([umount, "-l", str(place)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    problems = Problems()
    recorder = Recorder(small_disk / "full.mp4", SIZE, FPS, problems)
    render(recorder, FPS * 20, noise)
    assert recorder.failed == "No space left on device"
    assert not recorder.wants(Tick(0, 0.0, 0.0))
    plays_after_a_full_disk(small_disk / "full.mp4", problems.current["recorder"].text)


def test_a_disk_that_is_full_at_the_very_end_is_said(small_disk: Path) -> None:
    problems = Problems()
    path = small_disk / "late.mp4"
    recorder = Recorder(path, SIZE, FPS, problems)
    render(recorder, FPS * 3 - 3, noise, close=False)
    while recorder.frames < FPS * 3 - 3:
        sleep(0.01)
    (small_disk / "other").write_bytes(bytes(shutil.disk_usage(small_disk).free - 20_000))
    recorder.close()
    assert "does not fit" in recorder.failed
    plays_after_a_full_disk(path, problems.current["recorder"].text)


@pytest.mark.parametrize("path", ["no/such/folder/show.mp4", "."])
def test_a_place_that_cannot_be_written_is_said_before_the_show(tmp_path: Path, path: str) -> None:
    with pytest.raises(UserError, match=r"cannot record to .*choose another place"):
        Recorder(tmp_path / path, SIZE, FPS, Problems())


def test_a_recording_of_nothing_ends_quietly(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "none.mp4", SIZE, FPS, Problems())
    recorder.close()
    assert recorder.failed == ""


def test_contact_sheet(tmp_path: Path) -> None:
    frames = [picture(n, (320, 180)) for n in range(7)]
    contact_sheet(frames, tmp_path / "sheet.png", 3, [f"{n} s" for n in range(7)], "first light")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (3 * 340 + 20, 60 + 3 * (180 + 40) + 20)
        assert sheet.getpixel((60, 80)) == COLOUR
        assert sheet.getpixel((5, 5)) != COLOUR
    with pytest.raises(UserError, match="choose another place"):
        contact_sheet(frames, tmp_path / "no" / "sheet.png")
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], tmp_path / "sheet.png")
