"""The offset of the beat: by eye on the test screen, by ear through a sound server, kept for the next show."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from perform.app import Options, open_show
from perform.audio.analysis import Analysis
from perform.audio.clicks import click, click_track
from perform.audio.dummy import PulseServer
from perform.audio.roundtrip import CLICKS, find_ways, measure
from perform.cli import main
from perform.engine import settings
from perform.engine.problems import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path / "mine"))
    return tmp_path / "mine"


@pytest.mark.parametrize("bpm", [60.0, 100.0, 174.0])
def test_the_clicks_are_where_they_should_be_and_the_ear_hears_them_there(bpm: float) -> None:
    sound, beats = click_track(bpm, bars=4)
    loud = np.flatnonzero(np.abs(sound[:, 0]) > 0.2) / 48000
    firsts = loud[np.flatnonzero(np.diff(loud, prepend=-1.0) > 0.1)]
    assert firsts == pytest.approx(beats, abs=0.001)
    assert len(sound) / 48000 == pytest.approx(16 * 60 / bpm, abs=1e-4)
    heard = [event.time for event in Analysis(48000).feed(np.tile(sound, (2, 1)), len(sound) / 24000)
             if event.name == "audio.onset"]  # fmt: skip
    late = [min(abs(np.array(heard) - beat)) for beat in beats[1:]]
    assert np.median(late) < 0.015


@pytest.mark.parametrize("way", [0.0, 0.0213, 0.18, 0.4])
def test_the_way_is_found_in_noise_and_what_is_not_heard_is_not_made_up(way: float) -> None:
    random = np.random.default_rng(0)
    starts = [24000 + 21600 * number for number in range(6)]
    recorded = np.asarray(0.002 * random.standard_normal(24000 + 21600 * 7), np.float32)
    for start in starts[:-1]:
        at = start + round(way * 48000)
        recorded[at : at + len(click())] += 0.05 * click()
    ways = find_ways(recorded, starts, 48000)
    assert ways == pytest.approx([way] * 5, abs=1 / 48000)
    assert find_ways(np.asarray(0.1 * random.standard_normal(200000), np.float32), starts, 48000) == []


@pytest.mark.sound
def test_the_way_through_a_sound_server_is_measured(pulse: PulseServer) -> None:
    """Out into the null sink, in again from its monitor."""
    trip = measure("", pulse.env)
    assert 3 <= trip.heard <= CLICKS
    assert 0.0 <= trip.way < 0.43
    assert trip.spread < 0.02
    assert 0.0 <= trip.into <= trip.way


@pytest.mark.sound
def test_the_wizard_keeps_what_it_measured(
    pulse: PulseServer, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HOME", "XDG_RUNTIME_DIR", "JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
        monkeypatch.setenv(name, pulse.env[name])
    assert main(["sync", "--microphone"]) == 0
    said = capsys.readouterr().out
    offset = float(re.findall(r"offset ([\d.]+) ms", said)[0])
    assert settings.load() == {"listen.offset_ms": offset}
    assert main(["sync", "--microphone", "no such thing"]) == 2
    assert "no such thing" in capsys.readouterr().err


def test_settings_are_kept_and_broken_ones_are_said(home: Path) -> None:
    assert settings.load() == {}
    path = settings.keep("listen.offset_ms", 35.0)
    settings.keep("output.level", 0.5)
    assert settings.load() == {"listen.offset_ms": 35.0, "output.level": 0.5}
    path.write_text('"listen.offset_ms" = "much"')
    with pytest.raises(UserError, match=r"settings\.toml.*listen\.offset_ms.*must be a number"):
        settings.load()
    path.write_text("what is this")
    with pytest.raises(UserError, match="cannot be read"):
        settings.load()


@pytest.mark.gl
def test_the_keys_move_the_offset_and_the_next_show_has_it(home: Path) -> None:
    settings.keep("listen.offset_ms", -20.0)
    options = Options(preset="sync", audio="none", osc=None, midi="none", size=(64, 36), offscreen=True)
    with open_show(options) as show:
        assert show.parameters.get("listen.offset_ms") == -20.0
        for key, stands in ((",", -15.0), (",", -10.0), (".", -15.0)):
            show.keyboard.press(key, (), "press")
            show.engine.step()
            assert show.parameters.get("listen.offset_ms") == stands
        show.parameters.set("home", 1.0)
        show.engine.step()
        assert show.parameters.get("listen.offset_ms") == -15.0, "a place does not go home"
    settings.place().write_text("]")
    with open_show(options) as show:
        assert "settings.toml" in show.problems.current["settings"].text


@pytest.mark.gl
def test_the_test_screen_runs_and_says_what_it_kept(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sync", "--offscreen", "--window", "64x36", "--seconds", "2", "--osc", "none", "--midi", "none"]
    assert main([*arguments, "--audio", "track"]) == 0
    assert "offset 0 ms, unchanged" in capsys.readouterr().out
    assert not settings.place().exists()
