"""Headers: every kind of input becomes its knobs, and a broken header says where it is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from perform.engine.problems import UserError
from perform.output.isf import load, parse

IMAGE = {"NAME": "inputImage", "TYPE": "image"}
BODY = "\nvoid main() { gl_FragColor = IMG_THIS_PIXEL(inputImage); }\n"


def shader(*inputs: dict[str, Any], **more: Any) -> str:
    return "/*" + json.dumps({"INPUTS": [IMAGE, *inputs], **more}) + "*/" + BODY


def test_each_kind_of_input_becomes_knobs() -> None:
    read = parse(
        shader(
            {"NAME": "depth", "TYPE": "float", "MIN": -2, "MAX": 4, "DEFAULT": 1, "LABEL": "how deep", "UNIT": "px"},
            {"NAME": "spin", "TYPE": "float", "PHASE": 1},
            {"NAME": "on", "TYPE": "bool", "DEFAULT": True},
            {"NAME": "hit", "TYPE": "event"},
            {"NAME": "mode", "TYPE": "long", "VALUES": [3, 7], "LABELS": ["three", "seven"], "DEFAULT": 7},
            {"NAME": "count", "TYPE": "long", "MIN": 1, "MAX": 9, "DEFAULT": 4},
            {"NAME": "tint", "TYPE": "color", "DEFAULT": [1, 0.5, 0, 1]},
            {"NAME": "center", "TYPE": "point2D", "MIN": [-1, -1], "MAX": [1, 1], "DEFAULT": [0, 0.5]},
            DESCRIPTION="what it does",
            CREDIT="who",
        ),
        Path("try.fs"),
    )
    knobs = {knob.name: knob for knob in read.knobs}
    assert (read.name, read.description, read.credit) == ("try", "what it does", "who")
    assert list(knobs) == [
        "amount", "depth", "spin", "on", "hit", "mode", "count",
        "tint.r", "tint.g", "tint.b", "tint.a", "center.x", "center.y",
    ]  # fmt: skip
    depth = knobs["depth"]
    assert (depth.low, depth.default, depth.high, depth.doc, depth.unit) == (-2, 1, 4, "how deep", "px")
    assert (knobs["on"].kind, knobs["on"].default) == ("bool", 1)
    assert knobs["hit"].kind == "trigger"
    assert (knobs["mode"].choices, knobs["mode"].default) == (("three", "seven"), 1)
    assert (knobs["count"].kind, knobs["count"].high) == ("int", 9)
    assert knobs["tint.g"].default == 0.5
    assert (knobs["center.y"].low, knobs["center.y"].default) == (-1, 0.5)
    assert next(entry for entry in read.inputs if entry.name == "spin").phase == 1


def test_sound_is_an_input_without_knobs() -> None:
    read = parse(
        shader({"NAME": "fft", "TYPE": "audioFFT", "MAX": 256}, {"NAME": "w", "TYPE": "audio"}), Path("try.fs")
    )
    assert [entry.kind for entry in read.inputs] == ["image", "audioFFT", "audio"]
    assert [knob.name for knob in read.knobs] == ["amount"]


def test_passes_and_their_sizes() -> None:
    read = parse(
        shader(
            {"NAME": "size", "TYPE": "float", "MIN": 1, "MAX": 8, "DEFAULT": 2},
            PASSES=[{"TARGET": "past", "PERSISTENT": True, "FLOAT": True, "WIDTH": "$WIDTH/$size", "HEIGHT": 9}, {}],
        ),
        Path("try.fs"),
    )
    first, last = read.passes
    assert (first.target, first.persistent, first.floating, last.target) == ("past", True, True, "")
    assert first.width is not None
    assert first.height is not None
    assert first.width({"WIDTH": 640.0, "size": 2.0}) == 320
    assert first.height({}) == 9


def test_line_numbers_stay_the_files_own() -> None:
    read = parse("/*{\n\n" + json.dumps({"INPUTS": [IMAGE]})[1:] + "\n*/\nvoid main() {}\n", Path("try.fs"))
    assert read.code.splitlines()[4] == "void main() {}"


FLOAT = {"NAME": "x", "TYPE": "float"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("void main() {}", "line 1: a shader begins with its header"),
        ("/* a comment */ void main() {}", "line 1: a shader begins with its header"),
        ('/*{\n"INPUTS": [\n{"NAME": "x",}]}*/', "line 3: the header is not JSON"),
        ("/*" + "{" * 5000 + "*/", "line 1: the header is not JSON"),
        ("/*" + '{"a":[' + "[" * 100000 + "*/", "line 1: the header is nested too deeply"),
        ("/*{}*/" + BODY, 'INPUTS: the image "inputImage" is missing'),
        ('/*{"INPUTS": {}}*/', "INPUTS: must be a list"),
        (shader({"TYPE": "float"}), r"INPUTS\[1\] NAME: None is not a GLSL name"),
        (shader({"NAME": "a b", "TYPE": "float"}), r"INPUTS\[1\] NAME: 'a b' is not a GLSL name"),
        (shader({"NAME": "x", "TYPE": "cube"}), "INPUTS \"x\" TYPE: 'cube' cannot be played"),
        (shader({"NAME": "mask", "TYPE": "image"}), 'INPUTS "mask": the only image'),
        (shader({"NAME": "amount", "TYPE": "float"}), 'INPUTS "amount": this name has a meaning'),
        (shader({"NAME": "TIME", "TYPE": "float"}), 'INPUTS "TIME": this name has a meaning'),
        (shader(FLOAT, FLOAT), 'INPUTS "x": the name is used twice'),
        (shader({**FLOAT, "MIN": 2, "MAX": 1}), 'INPUTS "x": MIN 2 is not below MAX 1'),
        (shader({**FLOAT, "DEFAULT": 3}), 'INPUTS "x": DEFAULT 3 is not inside'),
        (shader({**FLOAT, "MIN": "0"}), "INPUTS \"x\" MIN: '0' is not a number"),
        (shader({**FLOAT, "MAX": float("nan")}), 'INPUTS "x" MAX: nan is not a number'),
        (shader({**FLOAT, "PHASE": -1}), 'INPUTS "x" PHASE: -1 is not a period'),
        (shader({"NAME": "m", "TYPE": "long", "VALUES": []}), 'INPUTS "m" VALUES'),
        (shader({"NAME": "m", "TYPE": "long", "VALUES": [1], "LABELS": ["a", "b"]}), 'INPUTS "m" LABELS'),
        (shader({"NAME": "m", "TYPE": "long", "VALUES": [1], "DEFAULT": 2}), 'INPUTS "m" DEFAULT'),
        (shader({"NAME": "t", "TYPE": "color", "DEFAULT": [1, 1]}), 'INPUTS "t" DEFAULT: must be a list of 4'),
        (shader(PASSES=[{"TARGET": "9"}]), r"PASSES\[0\] TARGET: '9' is not a GLSL name"),
        (shader(PASSES=[{"TARGET": "inputImage"}]), r"PASSES\[0\] TARGET: 'inputImage' has a meaning"),
        (shader(PASSES=[{"WIDTH": "$WIDTH / "}]), r"PASSES\[0\] WIDTH: it stops too early"),
        (shader(PASSES=[{"HEIGHT": "$LENGTH"}]), r"PASSES\[0\] HEIGHT: \$LENGTH is neither"),
        (shader(FLOAT, PASSES=[{"TARGET": "x"}]), 'INPUTS "x": the name is used twice'),
        (shader(PASSES=[{}] * 20), "PASSES: 20 are too many"),
        (shader(IMPORTED={"a": {"PATH": "a.png"}}), "IMPORTED"),
    ],
)
def test_a_broken_header_says_where(text: str, words: str) -> None:
    with pytest.raises(UserError, match=f"^broken.fs: {words}"):
        parse(text, Path("broken.fs"))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "photo.fs"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match=r"photo.fs: is not UTF-8"):
        load(path)
    with pytest.raises(UserError, match=r"gone.fs: cannot be read"):
        load(tmp_path / "gone.fs")
