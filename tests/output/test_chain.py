"""The chain: order, lazy compiling, hot reload that keeps the last good, errors with the file's own lines."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from output_tools import Show

from perform.engine.problems import Problems, UserError
from perform.output.chain import Chain, chain_knobs
from perform.output.wall import OffscreenWall

IMAGE = {"NAME": "inputImage", "TYPE": "image"}
INVERT = "void main() { gl_FragColor = vec4(1.0 - IMG_THIS_PIXEL(inputImage).rgb, 1.0); }\n"
RED = "void main() { gl_FragColor = vec4(1.0, 0.0, 0.0, 1.0); }\n"
pytestmark = pytest.mark.gl


def write(folder: Path, name: str, body: str, *inputs: dict[str, object], **more: object) -> None:
    (folder / f"{name}.fs").write_text("/*" + json.dumps({"INPUTS": [IMAGE, *inputs], **more}) + "*/\n" + body)


def until(show: Show, true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Draw frames until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"did not happen; problems: {show.problems.current}"
        show.run(1, moving=False)
        threading.Event().wait(0.02)


def test_order_and_unknown_names(show: Show) -> None:
    with pytest.raises(UserError, match=r'no shader "feedbak".* mean "feedback"'):
        show.chain.order(["feedbak"])
    with pytest.raises(UserError, match="twice"):
        show.chain.order(["grade", "grade"])
    show.again(["mirror", "chroma"], {})
    one = show.run(2)
    show.again(["chroma", "mirror"], {})
    assert (show.run(2) != one).any(), "the order is heard"


def test_one_compilation_a_frame_and_the_playing_first(wall: OffscreenWall, tmp_path: Path) -> None:
    for name in "abcd":
        write(tmp_path, name, INVERT)
    show = Show(wall, tmp_path)
    show.chain.order(["d"])
    plain = show.run(0)
    counts = []
    for _ in range(5):
        plain = show.run(1, moving=False)
        counts.append(len(show.chain._effects))
    assert counts == [1, 2, 3, 4, 4]
    show.chain.order([])
    assert (show.run(1, moving=False)[..., :3] == 255 - plain[..., :3]).all()
    show.stage.close()


def test_a_broken_file_is_left_out_and_named(wall: OffscreenWall, tmp_path: Path) -> None:
    write(tmp_path, "good", INVERT)
    write(tmp_path, "wrong", "\n\nvoid main() { gl_FragColor = vec4(nonsense); }\n")
    (tmp_path / "headless.fs").write_text("void main() {}")
    assert set(chain_knobs(tmp_path)) == {"good", "wrong", "headless"}
    show = Show(wall, tmp_path)
    show.chain.order(["wrong", "good", "headless"])
    show.chain.compile_all()
    text = show.problems.current["shader"].text
    assert "wrong.fs, line 4" in text
    assert "nonsense" in text
    assert "headless.fs: line 1" in text
    played = show.run(2, moving=False)
    show.chain.order([])
    assert (played[..., :3] == 255 - show.run(1, moving=False)[..., :3]).all()
    show.stage.close()


def test_hot_reload_keeps_the_last_good(show_in: Callable[[Path], Show], tmp_path: Path) -> None:
    write(tmp_path, "play", INVERT)
    show = show_in(tmp_path)
    show.chain.order(["play"])
    inverted = show.run(2, moving=False)
    write(tmp_path, "play", "void main() { gl_FragColor = vec4(oops) ; }\n")
    until(show, lambda: "shader" in show.problems.current)
    assert "play.fs, line 2" in show.problems.current["shader"].text
    assert "the last good one plays on" in show.problems.current["shader"].text
    assert (show.run(2, moving=False) == inverted).all()
    (tmp_path / "play.fs").write_text("/*{ half a header")
    until(show, lambda: "header" in show.problems.current["shader"].text)
    assert (show.run(2, moving=False) == inverted).all()
    write(tmp_path, "play", RED)
    until(show, lambda: "shader" not in show.problems.current)
    assert (show.run(1)[..., :3] == (255, 0, 0)).all()


def test_a_new_file_and_a_new_knob_while_playing(show_in: Callable[[Path], Show], tmp_path: Path) -> None:
    write(tmp_path, "play", INVERT)
    show = show_in(tmp_path)
    show.run(2)
    knob = {"NAME": "level", "TYPE": "float", "DEFAULT": 0.5}
    write(tmp_path, "fresh", "void main() { gl_FragColor = vec4(vec3(level), 1.0); }\n", knob)
    until(show, lambda: "fresh" in show.chain.names and show.chain.ready)
    show.chain.order(["fresh"])
    drawn = show.run(1)
    assert (abs(drawn[..., :3].astype(int) - 128) <= 1).all(), "its knob is not in the tree: it stands at its default"


def test_persistent_buffers_survive_and_start_empty(wall: OffscreenWall, tmp_path: Path) -> None:
    body = """void main() {
        if (PASSINDEX == 0) gl_FragColor = vec4(IMG_THIS_PIXEL(sum).r + 0.1);
        else gl_FragColor = vec4(vec3(IMG_THIS_PIXEL(sum).r), 1.0);
    }"""
    write(tmp_path, "count", body, PASSES=[{"TARGET": "sum", "PERSISTENT": True, "FLOAT": True}, {}])
    show = Show(wall, tmp_path)
    show.chain.compile_all()
    show.chain.order(["count"])
    assert abs(int(show.run(4)[0, 0, 0]) - round(0.4 * 255)) <= 1
    show.stage.canvas = (48, 27)
    assert abs(int(show.run(1)[20, 40, 0]) - round(0.5 * 255)) <= 1, "it survives another size"
    show.parameters.set("shader.count.amount", 0.0)
    show.run(1)
    show.parameters.set("shader.count.amount", 1.0)
    assert abs(int(show.run(1)[20, 40, 0]) - round(0.1 * 255)) <= 1, "it comes back empty"
    show.stage.close()


def test_a_last_pass_with_a_target_is_the_output(wall: OffscreenWall, tmp_path: Path) -> None:
    write(tmp_path, "only", RED, PASSES=[{"TARGET": "out_buffer", "PERSISTENT": True}])
    show = Show(wall, tmp_path)
    show.chain.compile_all()
    show.chain.order(["only"])
    assert (show.run(1)[..., :3] == (255, 0, 0)).all()
    show.stage.close()


def test_numbers_that_are_none_do_not_stay(wall: OffscreenWall, tmp_path: Path) -> None:
    body = """void main() {
        float bad = 0.0 * log(float(FRAMEINDEX == 0 ? 0.0 : 1.0));
        if (PASSINDEX == 0) gl_FragColor = vec4(IMG_THIS_PIXEL(kept).r * 0.5 + 0.25 + bad);
        else gl_FragColor = vec4(vec3(IMG_THIS_PIXEL(kept).r), 1.0);
    }"""
    write(tmp_path, "poison", body, PASSES=[{"TARGET": "kept", "PERSISTENT": True, "FLOAT": True}, {}])
    show = Show(wall, tmp_path)
    show.chain.compile_all()
    show.chain.order(["poison"])
    assert show.run(8)[0, 0, 0] > 100
    show.stage.close()


def test_built_ins(wall: OffscreenWall, tmp_path: Path) -> None:
    """RENDERSIZE, TIME, FRAMEINDEX, a colour, a point, a word, a phase and old GLSL words, read off one pixel each."""
    body = """varying vec2 unused;
    void main() {
        float place = floor(isf_FragNormCoord.x * 8.0);
        vec3 c = vec3(0.0);
        if (place == 0.0) c = vec3(RENDERSIZE.x / 255.0, RENDERSIZE.y / 255.0, IMG_SIZE(inputImage).x / 255.0);
        if (place == 1.0) c = vec3(TIME, TIMEDELTA, float(FRAMEINDEX) / 255.0);
        if (place == 2.0) c = tint.rgb;
        if (place == 3.0) c = vec3(spot, spin_phase);
        if (place == 4.0) c = vec3(float(word) / 255.0, on ? 1.0 : 0.0, vv_FragNormCoord.y);
        if (place == 5.0) c = texture2D(inputImage, vec2(0.5)).rgb - IMG_NORM_PIXEL(inputImage, vec2(0.5)).rgb;
        if (place == 6.0) c = IMG_PIXEL(inputImage, 0.5 * RENDERSIZE).rgb - IMG_NORM_PIXEL(inputImage, vec2(0.5)).rgb;
        gl_FragColor = vec4(c, 1.0);
    }""".replace("varying vec2 unused;", "")
    inputs: list[dict[str, object]] = [
        {"NAME": "tint", "TYPE": "color", "DEFAULT": [0.2, 0.4, 0.6, 1]},
        {"NAME": "spot", "TYPE": "point2D", "DEFAULT": [0.25, 0.75]},
        {"NAME": "spin", "TYPE": "float", "DEFAULT": 1, "PHASE": 0.75},
        {"NAME": "word", "TYPE": "long", "VALUES": [10, 90], "LABELS": ["ten", "ninety"], "DEFAULT": 90},
        {"NAME": "on", "TYPE": "bool", "DEFAULT": True},
    ]
    write(tmp_path, "probe", body, *inputs)
    show = Show(wall, tmp_path, fps=10.0)
    show.chain.compile_all()
    show.chain.order(["probe"])
    drawn = show.run(10)[20]
    seen = {place: drawn[place * 12 + 6, :3].astype(int) for place in range(7)}
    for place, want in {
        0: (96, 54, 96),
        1: (0.9 * 255, 0.1 * 255, 9),
        2: (51, 102, 153),
        3: (64, 191, 0.25 * 255),
        4: (90, 255, (54 - 20.5) / 54 * 255),
        5: (0, 0, 0),
        6: (0, 0, 0),
    }.items():
        assert np.abs(seen[place] - want).max() <= 1, f"at {place}: {seen[place]} is not {want}"
    show.stage.close()


def test_time_counts_finely_all_night(wall: OffscreenWall, tmp_path: Path) -> None:
    write(tmp_path, "late", "void main() { gl_FragColor = vec4(vec3(fract(TIME)), 1.0); }\n")
    chain = Chain(wall.ctx, wall.size, tmp_path, Problems(), watch=False)
    chain.compile_all()
    chain.close()
    show = Show(wall, tmp_path)
    show.chain.compile_all()
    show.chain.order(["late"])
    tick = show.clock.tick()
    values = show.parameters.play(show.parameters.base * 0.0)
    show.stage.draw(None, values, type(tick)(0, 8 * 3600 + 0.5, 0.1))
    assert abs(int(show.wall.read()[0, 0, 0]) - 128) <= 1
    show.stage.close()
