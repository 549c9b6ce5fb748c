"""The check in front of python-osc: every malformed packet we know, by name, and agreement with python-osc."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from osc_packets import FUTURE, HEAD, MALFORMED, bundle, message, text
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from perform.control import wire
from perform.control.wire import Reader, RefusedError, elements, read_message


@pytest.mark.parametrize("packet", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_packets_are_refused_and_counted(packet: bytes) -> None:
    reader = Reader()
    assert list(reader.read(packet)) == []
    assert (reader.messages, reader.refused) == (0, 1)
    assert reader.last_refusal
    assert list(reader.read(message())) == [("a", 0.5)], "the next good message is read as if nothing had been"


@pytest.mark.parametrize(
    ("packet", "pairs"),
    [
        (message("/walk/speed"), [("walk.speed", 0.5)]),
        (message(tags=",i", body=struct.pack(">i", -7)), [("a", -7.0)]),
        (message(tags=",h", body=struct.pack(">q", 1 << 40)), [("a", float(1 << 40))]),
        (message(tags=",d", body=struct.pack(">d", 0.1)), [("a", 0.1)]),
        (message(tags=",T", body=b""), [("a", 1.0)]),
        (message(tags=",F", body=b""), [("a", 0.0)]),
        (message(tags=",I", body=b""), [("a", 1.0)]),
        (message(tags=",", body=b""), [("a", 1.0)]),
        (text("/home"), [("home", 1.0)]),
        (message(tags=",s", body=text("bilinear")), [("a", "bilinear")]),
        (message(tags=",ff", body=struct.pack(">ff", 0.25, 0.75)), [("a", 0.25), ("a.0", 0.25), ("a.1", 0.75)]),
        (message(tags=",[ff]", body=struct.pack(">ff", 0.25, 0.75)), [("a", 0.25), ("a.0", 0.25), ("a.1", 0.75)]),
        (message(tags=",bf", body=struct.pack(">i", 3) + b"abc\x00" + struct.pack(">f", 2)), [("a", 2.0)]),
        (bundle(message("/a"), message("/b")), [("a", 0.5), ("b", 0.5)]),
        (bundle(message("/a"), when=FUTURE), [("a", 0.5)]),
        (bundle(bundle(message("/a")), message("/b")), [("a", 0.5), ("b", 0.5)]),
        (bundle(), []),
        (bundle(*[message(f"/n/{n}") for n in range(2000)]), [(f"n.{n}", 0.5) for n in range(2000)]),
    ],
)
def test_good_packets(packet: bytes, pairs: list[tuple[str, float | str]]) -> None:
    reader = Reader()
    assert list(reader.read(packet)) == pairs
    assert list(reader.read(packet)) == pairs, "the second time takes the quick way"
    assert reader.refused == 0


def test_an_odd_message_in_a_sound_bundle_does_not_silence_the_rest() -> None:
    reader = Reader()
    assert list(reader.read(bundle(message("/a"), message("/*"), message("/b")))) == [("a", 0.5), ("b", 0.5)]
    assert (reader.messages, reader.refused) == (2, 1)


def test_a_flood_of_invented_addresses_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_NAMES", 10)
    reader = Reader(known={"walk.speed"})
    for n in range(100):
        reader.read(message(f"/invented/{n}"))
    assert (reader.messages, reader.refused) == (10, 90)
    assert list(reader.read(message("/walk/speed"))) == [("walk.speed", 0.5)]
    assert len(reader._heads) <= 20


@given(st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_random_bytes_never_raise(data: bytes) -> None:
    Reader().read(data)
    Reader().read(HEAD + data)
    Reader().read(b"/a\x00\x00" + data)


arguments = st.lists(
    st.one_of(
        st.tuples(st.just("f"), st.floats(width=32, allow_nan=False, allow_infinity=False)),
        st.tuples(st.just("d"), st.floats(allow_nan=False, allow_infinity=False)),
        st.tuples(st.just("i"), st.integers(-(2**31), 2**31 - 1)),
        st.tuples(st.just("h"), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just("s"), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)),
        st.tuples(st.just("T"), st.just(True)),
        st.tuples(st.just("F"), st.just(False)),
    ),
    min_size=1,
    max_size=6,
)


@given(st.from_regex(r"(/[a-z0-9_]{1,9}){1,4}", fullmatch=True), arguments)
@settings(max_examples=300, deadline=None)
def test_both_ways_agree_with_python_osc(address: str, given_: list[tuple[str, object]]) -> None:
    builder = OscMessageBuilder(address)
    for kind, value in given_:
        builder.add_arg(value, kind)
    packet = builder.build().dgram
    theirs = OscMessage(packet)
    name, values = read_message(packet)
    assert name == theirs.address.strip("/").replace("/", ".")
    assert values == [value if isinstance(value, str) else float(value) for value in theirs.params]
    reader = Reader()
    slow = list(reader.read(packet))
    assert list(reader.read(packet)) == slow
    assert slow[0] == (name, values[0])


def test_structure_is_checked_before_anything_is_played() -> None:
    with pytest.raises(RefusedError, match="size -4"):
        list(elements(bundle(message()) + struct.pack(">i", -4)))
