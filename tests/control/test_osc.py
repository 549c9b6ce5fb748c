"""OSC over real UDP: foreign senders, floods, hostile packets, a port that is taken."""

from __future__ import annotations

import socket
import struct
import subprocess
from itertools import pairwise

import pytest
from control_tools import Stage, need
from osc_packets import MALFORMED, bundle, message, text

from perform.control.bench import bench_osc
from perform.control.osc import OscSource
from perform.engine.clock import FixedClock, Tick, WallClock, sleep
from perform.engine.problems import Problems, UserError
from perform.engine.signals import Event


def test_a_message_is_an_event_of_a_hand_stamped_on_arrival(stage: Stage) -> None:
    before = stage.clock.now()
    stage.send(message("/walk/speed"))
    (event,) = stage.events(1)
    assert (event.name, event.value, event.hand, event.decay) == ("walk.speed", 0.5, True, 0.0)
    assert before <= event.time <= stage.clock.now()


@pytest.mark.parametrize(
    ("tags", "arguments", "value"),
    [
        ("f", ["0.25"], 0.25),
        ("i", ["7"], 7.0),
        ("h", ["7"], 7.0),
        ("d", ["0.1"], 0.1),
        ("T", [], 1.0),
        ("F", [], 0.0),
        ("s", ["tide"], "tide"),
        ("", [], 1.0),
    ],
)
def test_oscsend(stage: Stage, tags: str, arguments: list[str], value: float | str) -> None:
    oscsend = need("oscsend", "liblo-tools")
    words = [tags, *arguments] if tags else []
    subprocess.run([oscsend, "127.0.0.1", str(stage.osc.port), "/from/liblo", *words], check=True, timeout=20)
    assert [(event.name, event.value) for event in stage.events(1)] == [("from.liblo", value)]
    assert stage.osc.refused == 0


def test_hostile_packets_leave_it_listening(stage: Stage) -> None:
    packets = [packet for packet in MALFORMED.values() if len(packet) < 65000]
    for packet in packets:
        stage.send(packet)
    stage.send(bundle(message("/still/here"), when=struct.pack(">II", 0xF0000000, 0)))
    assert [event.name for event in stage.events(1)] == ["still.here"]
    assert stage.osc.refused == len(packets)
    assert "refused" in stage.osc.describe()
    assert not stage.problems.current, "what a stranger sends is counted, it is no problem of the show"


def test_the_largest_datagram_there_is(stage: Stage) -> None:
    stage.send(bundle(*[message(f"/n/{n % 50}") for n in range(2600)]))
    assert len(stage.events(2600)) == 2600


def test_order_is_kept(stage: Stage) -> None:
    for n in range(3000):
        stage.send(text("/fader") + text(",i") + struct.pack(">i", n))
    assert [event.value for event in stage.events(3000)] == [float(n) for n in range(3000)]


def test_counters_and_the_line_for_the_hud(stage: Stage) -> None:
    for _ in range(100):
        stage.send(message())
    stage.events(100)
    stage.osc.poll(Tick(1, stage.clock.now() + 1.0, 1.0))
    assert stage.osc.messages == 100
    assert stage.osc.per_second > 0
    assert stage.osc.describe().startswith(f"127.0.0.1:{stage.osc.port}")
    assert "from 127.0.0.1" in stage.osc.describe()


def test_lost_messages_are_told_once_and_forgotten_when_it_is_well_again() -> None:
    problems = Problems()
    source = OscSource("127.0.0.1", 0, FixedClock(), problems)
    try:
        for n in range(65536 + 5):
            source._queue.put(Event("x", float(n), 0.0))
        source.poll(Tick(0, 1.0, 1.0))
        assert "fewer per second" in problems.current["osc"].text
        assert "5 lost" in source.describe()
        source.poll(Tick(0, 10.0, 9.0))
        assert not problems.current
    finally:
        source.close()


def test_a_taken_port_names_the_port_and_the_remedy() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} is in use.*--osc"):
            OscSource("127.0.0.1", port, FixedClock(), Problems())


@pytest.mark.parametrize(("host", "port"), [("203.0.113.7", 0), ("127.0.0.1", 70000), ("a..b", 9000)])
def test_an_impossible_address_names_the_remedy(host: str, port: int) -> None:
    with pytest.raises(UserError, match="--osc"):
        OscSource(host, port, FixedClock(), Problems())


def test_close_is_quick_and_frees_the_port() -> None:
    clock = WallClock()
    source = OscSource("127.0.0.1", 0, clock, Problems())
    source.close()
    assert clock.now() < 5.0
    OscSource("127.0.0.1", source.port, clock, Problems()).close()


def test_bench_loses_nothing() -> None:
    figures = bench_osc(rate=8000, seconds=1.5, foreign=2)
    assert figures["sent"] == 12000
    assert (figures["lost"], figures["out_of_order"], figures["dropped"], figures["refused"]) == (0, 0, 0, 0)
    assert figures["foreign_received"] == figures["foreign_sent"]


def test_times_of_a_stream_rise(stage: Stage) -> None:
    for _ in range(50):
        stage.send(message())
        sleep(0.001)
    times = [event.time for event in stage.events(50)]
    assert all(a <= b for a, b in pairwise(times))
