"""OSC packets built by hand, among them every malformed one we know, by name."""

from __future__ import annotations

import math
import struct

IMMEDIATELY = struct.pack(">Q", 1)
FUTURE = struct.pack(">II", 0xF0000000, 0)


def text(word: str) -> bytes:
    data = word.encode() + b"\x00"
    return data + b"\x00" * (-len(data) % 4)


def message(address: str = "/a", tags: str = ",f", body: bytes = struct.pack(">f", 0.5)) -> bytes:
    return text(address) + text(tags) + body


def bundle(*parts: bytes, when: bytes = IMMEDIATELY) -> bytes:
    return b"#bundle\x00" + when + b"".join(struct.pack(">i", len(part)) + part for part in parts)


def nested(depth: int) -> bytes:
    packet = message()
    for _ in range(depth):
        packet = bundle(packet)
    return packet


HEAD = b"#bundle\x00" + IMMEDIATELY
MALFORMED = {
    "the 24-byte bundle of element size -4": HEAD + struct.pack(">i", -4) + b"\x00" * 4,
    "element size -8": HEAD + struct.pack(">i", -8) + b"\x00" * 4,
    "element size -100": HEAD + struct.pack(">i", -100) + b"\x00" * 4,
    "element size 0": HEAD + struct.pack(">i", 0),
    "element size 3": HEAD + struct.pack(">i", 3) + b"/a\x00\x00",
    "element larger than the packet": HEAD + struct.pack(">i", 64) + message(),
    "element of the largest size": HEAD + struct.pack(">i", 0x7FFFFFFC) + message(),
    "half an element size": bundle(message()) + b"\x00\x00",
    "bundle without a time": b"#bundle\x00\x00\x00\x00\x01",
    "a bundle that is only its name": b"#bundle\x00",
    "size -4 inside a nested bundle": bundle(HEAD + struct.pack(">i", -4) + b"\x00" * 4),
    "nested 100 deep": nested(100),
    "an empty packet": b"",
    "one byte": b"/",
    "not a multiple of four": message() + b"\x00",
    "neither message nor bundle": b"GET / HTTP/1.1\r\n",
    "address without an end": b"/aaaaaaa",
    "invalid UTF-8 in the address": b"/\xff\xfe\x00" + text(",f") + struct.pack(">f", 0.5),
    "invalid UTF-8 in a word": message(tags=",s", body=b"\xff\xfe\xfd\x00"),
    "truncated float": text("/a") + text(",f") + b"\x3f\x00",
    "no float at all": text("/a") + text(",f"),
    "truncated second float": message(tags=",ff"),
    "truncated double": message(tags=",d"),
    "truncated word": message(tags=",s", body=b"abcd"),
    "blob larger than the packet": message(tags=",b", body=struct.pack(">i", 1000) + b"abcd"),
    "blob of negative size": message(tags=",b", body=struct.pack(">i", -4) + b"abcd"),
    "bytes after the last argument": message(body=struct.pack(">ff", 0.5, 0.5)),
    "unknown type tag": message(tags=",q"),
    "unknown type tag after a known one": message(tags=",fq"),
    "type tags without a comma": message(tags="f"),
    "array that never ends": message(tags=",[f"),
    "array that never began": message(tags=",f]"),
    "NaN": message(body=struct.pack(">f", math.nan)),
    "infinity": message(body=struct.pack(">f", math.inf)),
    "minus infinity as a double": message(tags=",d", body=struct.pack(">d", -math.inf)),
    "NaN among good numbers": message(tags=",ff", body=struct.pack(">ff", 0.5, math.nan)),
    "wildcard /*": message("/*"),
    "wildcard //": message("//speed"),
    "wildcard ?": message("/walk/spee?"),
    "wildcard []": message("/walk/[a-z]"),
    "wildcard {}": message("/{walk,bend}/speed"),
    "empty address": message("/"),
    "a control character in the address": message("/a\n"),
    "an address of 60,000 letters": message("/" + "a" * 60000),
    "a word of 60,000 letters": message(tags=",s", body=text("a" * 60000)),
    "15,000 arguments": message(tags="," + "f" * 15000, body=b"\x00" * 60000),
    "only a blob": message(tags=",b", body=struct.pack(">i", 4) + b"abcd"),
    "only nil": message(tags=",N", body=b""),
}
