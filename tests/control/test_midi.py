"""MIDI: one table of messages walked by one test, and a real port over JACK where a server starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from control_tools import missing, need, wait_events
from hypothesis import given
from hypothesis import strategies as st

from perform.control.midi import NOTE_DECAY, MidiSource, events_of
from perform.engine.clock import WallClock, sleep
from perform.engine.problems import Problems, UserError

Named = dict[str, float]

MESSAGES: dict[str, tuple[list[int], Named]] = {
    "control change": ([0xB0, 74, 127], {"midi.cc.74": 1.0, "midi.cc.1.74": 1.0}),
    "control change on channel 16": ([0xBF, 1, 0], {"midi.cc.1": 0.0, "midi.cc.16.1": 0.0}),
    "note on": ([0x90, 60, 127], {"midi.note.60": 1.0, "midi.note": 1.0}),
    "note off": ([0x80, 60, 64], {"midi.note.60": 0.0}),
    "note on with velocity 0": ([0x93, 60, 0], {"midi.note.60": 0.0}),
    "bend at rest": ([0xE0, 0, 64], {"midi.bend": 0.0, "midi.bend.1": 0.0}),
    "bend down": ([0xE0, 0, 0], {"midi.bend": -1.0, "midi.bend.1": -1.0}),
    "bend up": ([0xE1, 127, 127], {"midi.bend": 1.0, "midi.bend.2": 1.0}),
    "channel pressure": ([0xD2, 127], {"midi.pressure": 1.0, "midi.pressure.3": 1.0}),
    "key pressure": ([0xA0, 60, 127], {"midi.touch.60": 1.0}),
    "program": ([0xC0, 5], {"midi.program": 5.0}),
    "clock": ([0xF8], {"midi.clock": 1.0}),
    "start": ([0xFA], {"midi.start": 1.0}),
    "continue": ([0xFB], {"midi.continue": 1.0}),
    "stop": ([0xFC], {"midi.stop": 1.0}),
    "song position": ([0xF2, 4, 1], {"midi.position": 132.0}),
    "half a song position": ([0xF2, 4], {}),
    "active sensing": ([0xFE], {}),
    "system exclusive": ([0xF0, 1, 2, 0xF7], {}),
    "nothing": ([], {}),
    "only data": ([60, 100], {}),
    "too short": ([0xB0, 74], {}),
    "too long": ([0xC0, 1, 2], {}),
    "data above 127": ([0xB0, 74, 200], {}),
}


@pytest.mark.parametrize(("message", "named"), MESSAGES.values(), ids=MESSAGES.keys())
def test_messages(message: list[int], named: Named) -> None:
    events = events_of(bytes(message), 1.5)
    assert {event.name: event.value for event in events} == named
    assert all(event.time == 1.5 and event.hand == (message[0] < 0xF0) for event in events)
    assert all((event.decay == NOTE_DECAY) == (event.name == "midi.note") for event in events)


def test_fourteen_bit_pairs() -> None:
    coarse: dict[int, int] = {}
    events_of(bytes([0xB0, 7, 64]), 0.0, coarse)
    fine = {event.name: event.value for event in events_of(bytes([0xB0, 39, 1]), 0.0, coarse)}
    assert fine["midi.cc14.7"] == fine["midi.cc14.1.7"] == (64 * 128 + 1) / 16383
    assert "midi.cc14.2.7" not in {event.name for event in events_of(bytes([0xB1, 39, 1]), 0.0, coarse)}


@given(st.binary(max_size=5))
def test_random_bytes_give_only_playable_values(data: bytes) -> None:
    for event in events_of(data, 0.0, {}):
        assert event.name.startswith("midi.")
        assert isinstance(event.value, float)
        assert -1.0 <= event.value <= (16383.0 if event.name == "midi.position" else 127.0)


@pytest.fixture(scope="module")
def jack() -> Iterator[subprocess.Popen[bytes]]:
    """A JACK server with no sound card, under a name of its own."""
    jackd = need("jackd", "jackd2")
    name = f"hands{os.getpid()}"
    command = [jackd, "-n", name, "-r", "-S", "-d", "dummy", "-r", "48000", "-p", "1024"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    was = {key: os.environ.get(key) for key in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER")}
    os.environ.update(JACK_DEFAULT_SERVER=name, JACK_NO_START_SERVER="1")
    try:
        sleep(0.5)
        if server.poll() is not None:
            missing(
                f"jackd does not start here (exit status {server.returncode}); where it says 'too many servers', "
                "killed ones are still registered: stop all and delete /dev/shm/jack*"
            )
        yield server
    finally:
        server.terminate()  # a killed one stays in JACK's registry of eight servers
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        for key, value in was.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})


def test_an_unknown_port_names_those_that_are_there() -> None:
    with pytest.raises(UserError, match=r'no MIDI input "no such box"; the inputs here: '):
        MidiSource(WallClock(), Problems(), "no such box", wait=30.0)


def test_no_midi_is_a_state_and_no_problem() -> None:
    clock, problems = WallClock(), Problems()
    source = MidiSource(clock, problems)
    assert clock.now() < 2.0, "the start does not wait for MIDI"
    assert source.poll(clock.tick()) == []
    assert source.describe() in ("no MIDI port", ", ".join(source.ports))
    before = clock.now()
    source.close()
    assert clock.now() - before < 5.0
    assert not problems.current


def test_a_silent_child_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perform.control.midi._PATIENCE", 0.3)
    monkeypatch.setattr("perform.control.midi._CHILD", "import time; time.sleep(60)")
    clock = WallClock()
    source = MidiSource(clock, Problems())
    children = set()
    try:
        while len(children) < 2 and clock.now() < 20:
            if source._child is not None:
                children.add(source._child.pid)
            sleep(0.05)
        assert len(children) == 2
        assert "does not answer" in source.describe()
    finally:
        source.close()


SENDER = """
import select, sys, rtmidi
out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="fader box")
out.open_virtual_port("out")
while not select.select([sys.stdin], [], [], 0.01)[0]:
    for value in range(8):
        out.send_message([0xB0, 74, value])
        out.send_message([0x90, 60, 100])
out.delete()
"""


def start_sender() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SENDER], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)


def stop_sender(sender: subprocess.Popen[bytes]) -> None:
    """In order: a JACK server stalls for seconds over a client that is killed."""
    try:
        sender.communicate(b"stop", timeout=5)
    except subprocess.TimeoutExpired:
        sender.kill()
        sender.wait()


def test_a_real_port_and_its_loss_and_return(jack: subprocess.Popen[bytes]) -> None:
    clock, problems = WallClock(), Problems()
    sender = start_sender()
    source = None
    try:
        sleep(1.0)
        source = MidiSource(clock, problems, "FADER BOX", wait=30.0)
        assert any("fader box" in port for port in source.ports), source.describe()
        events = wait_events(source, clock, lambda events: len(events) >= 200, 20.0)
        assert {"midi.cc.74", "midi.cc.1.74", "midi.note.60", "midi.note"} <= {event.name for event in events}
        assert all(-1.0 < clock.now() - event.time < 30.0 for event in events)
        stop_sender(sender)
        wait_events(source, clock, lambda _: not source.ports, 20.0)
        assert "plug it in again" in problems.current["midi"].text
        sender = start_sender()
        wait_events(source, clock, lambda _: bool(source.ports), 20.0)
        assert not problems.current
    finally:
        if source is not None:
            source.close()
        if sender.poll() is None:
            stop_sender(sender)


def test_a_server_that_hangs_does_not_hold_the_show(jack: subprocess.Popen[bytes]) -> None:
    clock = WallClock()
    jack.send_signal(signal.SIGSTOP)
    try:
        source = MidiSource(clock, Problems())
        longest = 0.0
        while clock.now() < 2.0:
            tick = clock.tick()
            source.poll(tick)
            longest = max(longest, tick.dt)
            sleep(clock.left())
        before = clock.now()
        source.close()
        assert clock.now() - before < 5.0
        assert longest < 1.0
    finally:
        jack.send_signal(signal.SIGCONT)
