"""Which input is meant, which channels of it, what the system itself plays, and inputs that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from perform.audio import ear as ears
from perform.audio import listing
from perform.audio.device import AudioDevice, Device, Wanted, devices, find_input
from perform.audio.dummy import PulseServer
from perform.audio.ear import LiveEar, Zeros
from perform.audio.meters import Meters
from perform.audio.names import parse_channels, picker
from perform.audio.ring import Block
from perform.commands.devices import louder
from perform.devices import meter_lines
from perform.engine.clock import Clock, machine_time, sleep
from perform.engine.problems import Problems, UserError
from perform.engine.signals import Source

PATIENCE = 25.0
ODD = "Größe „x“: 3,4 (hw:0,0) 日本"

OnStage = Callable[[Source], Any]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("Scarlett", ("Scarlett", "")),
        ("Scarlett:3", ("Scarlett", "3")),
        ("Scarlett 18i20 : 3, 4", ("Scarlett 18i20", "3,4")),
        ("hw:1:mix", ("hw:1", "mix")),
        ("hw:0,0", ("hw:0,0", "")),
        ("USB Audio (hw:2,1)", ("USB Audio (hw:2,1)", "")),
        (":3", (":3", "")),
        ("odd\nname:2", ("odd\nname", "2")),
    ],
)
def test_a_name_may_be_followed_by_channels(text: str, means: tuple[str, str]) -> None:
    assert parse_channels(text) == means


def test_a_device_is_found_by_its_name_whatever_letters_it_has_and_asked_whether_it_has_the_channels() -> None:
    found = [
        Device("hw:0,3", "input", 2, 48000, False),
        Device(ODD, "input", 8, 48000, False),
        Device("Monitor of Loud", "monitor", 2, 48000, False),
        Device("Speakers", "output", 2, 48000, True),
    ]
    assert find_input("hw:0,3", found) == ("hw:0,3", "")
    assert find_input(ODD, found) == (ODD, "")
    assert find_input(f"{ODD}:7,8", found) == (ODD, "7,8")
    assert find_input("größe:mix", found) == (ODD, "mix")
    assert find_input("monitor of loud", found) == ("Monitor of Loud", "")
    with pytest.raises(UserError, match=r'"hw:0,3" has 2 channels; there is no channel 4'):
        find_input("hw:0,3:4", found)
    with pytest.raises(UserError, match="there is no sound input"):
        find_input("Speakers", found)


def test_the_wanted_channels_are_taken_and_the_others_never_touch_them() -> None:
    block = np.arange(24, dtype=np.float32).reshape(4, 6)
    block[:, 5] = np.nan
    assert np.array_equal(picker("")(block), block[:, :2])
    assert np.array_equal(picker("3")(block), block[:, 2:3])
    assert np.array_equal(picker("3,4")(block), block[:, 2:4])
    assert np.array_equal(picker("4,1")(block), block[:, [3, 0]])
    assert np.array_equal(picker("2,2")(block), block[:, 1:2])
    assert np.array_equal(picker("1,2,3")(block), block[:, 1:2])
    assert picker("mix")(block[:, :5]).shape == (4, 1)


def test_a_card_that_vanishes_while_they_are_listed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import sounddevice

    def query(index: int) -> dict[str, Any]:
        if index == 1:
            raise sounddevice.PortAudioError("Error querying device 1")
        if index == 2:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        name = f"card {index}\n\x1b[31m"
        return {"name": name, "max_input_channels": 2, "max_output_channels": 0, "default_samplerate": 44100.0}

    monkeypatch.setattr(sounddevice, "_lib", SimpleNamespace(Pa_GetDeviceCount=lambda: 4))
    monkeypatch.setattr(sounddevice, "query_devices", query)
    monkeypatch.setattr(listing, "default_device", lambda kind: 3)
    monkeypatch.setattr(listing.pulse, "ask", lambda *words: "Source #0\n\tName: half\n")
    rows = listing.list_devices()
    assert [row["name"] for row in rows] == ["card 0\n\x1b[31m", "card 3\n\x1b[31m"]
    assert [row["default"] for row in rows] == [False, True]


@pytest.fixture
def open_ears() -> Iterator[list[LiveEar]]:
    made: list[LiveEar] = []
    yield made
    for one in made:
        one.close()


@pytest.mark.sound
def test_a_monitor_of_six_channels_at_44100_gives_the_channels_asked_for_as_they_are(
    pulse: PulseServer, problems: Problems, tmp_path: Path
) -> None:
    """A tone on channel 5 alone, through a sink with an odd name, heard through the monitor as channels 5 and 6."""
    pulse.sink("six", channels=6, rate=44100, title=ODD)
    found = devices(pulse.env)
    monitor = next(one for one in found if one.kind == "monitor" and ODD in one.name)
    assert (monitor.channels, monitor.rate) == (6, 44100)
    name, channels = find_input(f"{monitor.name}:5,6", found)
    tone = np.zeros((5 * 44100, 6), np.float32)
    tone[:, 4] = 0.5 * np.sin(2 * np.pi * 441 * np.arange(len(tone)) / 44100)
    song = tmp_path / "six.wav"
    soundfile.write(song, tone, 44100, subtype="FLOAT")
    device = AudioDevice(Wanted("device", name, channels=channels), problems, env=pulse.env)
    try:
        player = pulse.play(song, "six")
        loud: list[np.ndarray] = []
        end = machine_time() + PATIENCE
        while sum(map(len, loud)) < 20000 and machine_time() < end:
            device.tend()
            block = device.read()
            if block is not None and np.abs(block.samples).max() > 0.4:
                loud.append(block.samples)
            if player.poll() is not None:
                player = pulse.play(song, "six")
            sleep(0.002)
        heard = np.concatenate(loud)[2000:18000]
        assert device.rate == 44100
        assert not device.is_input
        assert not heard[:, 1].any()
        spectrum = np.abs(np.fft.rfft(heard[:, 0] * np.hanning(len(heard))))
        assert spectrum.argmax() * 44100 / len(heard) == pytest.approx(441, abs=4)
    finally:
        device.close()


@pytest.mark.sound
def test_when_the_default_input_changes_the_new_one_is_heard(
    pulse: PulseServer, clock: Clock, problems: Problems, open_ears: list[LiveEar], show: OnStage,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    pulse.sink("other", channels=2, rate=48000)
    pulse.pactl("set-default-source", "perform.monitor")
    ear = LiveEar(Wanted("default"), clock, problems, env=pulse.env)
    open_ears.append(ear)
    stage = show(ear)
    assert stage.until(lambda _: ear.health.text == "device default", PATIENCE)
    first = ear.pid
    sleep(0.3)
    pulse.pactl("set-default-source", "other.monitor")
    assert stage.until(lambda _: ear.pid not in (None, first) and ear.health.text == "device default", PATIENCE)
    assert 'the default input is now "other.monitor"' in caplog.text
    assert "sound" not in problems.current


def test_an_input_that_gives_only_zeros_is_noticed_and_forgiven(problems: Problems) -> None:
    zeros = Zeros(problems)
    device: Any = SimpleNamespace(is_input=True, title="Scarlett")
    quiet, loud = np.zeros((256, 2), np.float32), np.full((256, 2), 1e-6, np.float32)
    for n in range(1000):
        zeros.watch(Block(quiet, n * 0.00533, 0), device)
    assert '"Scarlett" gives only zeros' in problems.current["input"].text
    assert problems.status() == 0, "a pause must not fail the show"
    zeros.watch(Block(loud, 6.0, 0), device)
    assert not problems.current
    monitor: Any = SimpleNamespace(is_input=False, title="Monitor of Speakers")
    for n in range(2000):
        zeros.watch(Block(quiet, 7.0 + n * 0.00533, 0), monitor)
    assert not problems.current


@pytest.mark.sound
def test_the_zeros_of_a_real_source_are_said(
    pulse: PulseServer, clock: Clock, problems: Problems, open_ears: list[LiveEar], show: OnStage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(ears.Zeros, "PATIENCE", 0.5)
    ear = LiveEar(Wanted("device", "pulse"), clock, problems, env=pulse.env)
    open_ears.append(ear)
    assert show(ear).until(lambda _: "input" in problems.current, PATIENCE)
    assert "only zeros" in problems.current["input"].text


@pytest.mark.sound
def test_the_meters_show_every_input_and_monitor(pulse: PulseServer, tmp_path: Path) -> None:
    pulse.sink("six", channels=6, rate=44100, title=ODD)
    tone = np.zeros((20 * 44100, 6), np.float32)
    tone[:, 2] = 0.5
    song = tmp_path / "six.wav"
    soundfile.write(song, tone, 44100, subtype="FLOAT")
    pulse.play(song, "six")
    meters = Meters(pulse.env)
    try:
        end = machine_time() + PATIENCE
        levels: Any = None
        while machine_time() < end:
            levels = meters.read(10.0)
            assert levels is not None
            if levels.get(f"Monitor of {ODD}", [0, 0, 0])[2] > 0.4:
                break
        assert levels[f"Monitor of {ODD}"] == pytest.approx([0, 0, 0.5, 0, 0, 0], abs=0.01)
        assert {"pulse", "default", "Monitor of Null Output"} <= set(levels)
    finally:
        meters.close()


def test_meters_are_bars_whatever_the_name_and_say_why_an_input_is_silent() -> None:
    levels: Any = {"odd\x1b[31m\nname": [1.0, 0.001, 0.0], "busy": "Device unavailable"}
    first, second = meter_lines(levels, 80, plain=True)
    assert "\x1b" not in first
    assert "\n" not in first
    assert "########### " in first
    assert "Device unavailable" in second
    assert len(first) <= 80
    assert louder({"a": [0.1, 0.5]}, {"a": [0.3, 0.2], "b": "no"}) == {"a": [0.3, 0.5], "b": "no"}
