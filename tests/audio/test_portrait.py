"""What the ear hears, for the eye: the picture of a file and the bars of a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from perform.audio import terminal
from perform.audio.picture import RANGE, Pictures, log_bank
from perform.audio.portrait import Portrait
from perform.audio.spectrum import Hop
from perform.cli import main
from perform.engine.signals import Event
from perform.engine.sound import SPECTRUM

RATE = 48000


def pictured(sound: np.ndarray, rate: int = RATE):
    hop = Hop(rate)
    pictures = Pictures(hop)
    for start in range(0, len(sound) - hop.size + 1, hop.size):
        part = np.asarray(sound[start : start + hop.size], np.float32)
        hop.step(part)
        pictures.step(hop)
    return pictures.newest


def test_every_band_hears_something_and_the_lowest_are_told_apart_as_far_as_bins_allow() -> None:
    bank = log_bank(Hop(RATE).hertz)
    assert bank.shape[0] == SPECTRUM
    assert bank.sum(axis=1) == pytest.approx(np.ones(SPECTRUM))
    centres = bank @ Hop(RATE).hertz
    assert (np.diff(centres) > 0).all()


@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_a_tone_is_the_brightest_band_at_any_level(gain: float) -> None:
    t = np.arange(RATE) / RATE
    for hertz in (100.0, 1000.0, 8000.0):
        spectrum = pictured(gain * 0.5 * np.sin(2 * np.pi * hertz * t)).spectrum
        place = np.log(hertz / 30) / np.log(16000 / 30) * (SPECTRUM - 1)
        assert abs(int(spectrum.argmax()) - place) < 2.5
        assert spectrum.max() == pytest.approx(1.0, abs=0.05)
        assert np.median(spectrum) < 0.2


def test_the_wave_fills_its_height_at_any_level_and_silence_is_black_and_flat() -> None:
    t = np.arange(RATE) / RATE
    for gain in (1.0, 0.003):
        wave = pictured(gain * np.sin(2 * np.pi * 200 * t)).wave
        assert wave.max() == pytest.approx(0.95, abs=0.03)
        assert wave.min() == pytest.approx(0.05, abs=0.03)
    silent = pictured(np.concatenate([np.sin(t * 1000), np.zeros(3 * RATE)]))
    assert not silent.spectrum.any()
    assert np.abs(silent.wave - 0.5).max() < 1e-3
    assert RANGE > 40


def test_the_picture_shows_each_thing_in_its_time(tmp_path: Path) -> None:
    portrait = Portrait("a song", 10.0)
    for step in range(500):
        now = step / 50
        events = [Event("audio.rms", float(now > 5.0), now), Event("beat.bpm", 120.0, now)]
        if step % 25 == 0:
            events.append(Event("audio.kick", 1.0, now, 0.2))
        portrait.take(events, None, now)
    assert np.count_nonzero(portrait.pulses("audio.kick")) == 20
    line = portrait.line("audio.rms")
    assert not line[: portrait.columns // 2].any()
    assert line[portrait.columns // 2 + 2 :].all()
    portrait.save(tmp_path / "song.png")
    with Image.open(tmp_path / "song.png") as image:
        drawn = np.asarray(image.convert("RGB"))
    assert drawn.shape[1] > 700
    assert drawn.std() > 10


def test_a_picture_of_hours_is_no_larger_than_one_of_a_song() -> None:
    portrait = Portrait("a night", 3 * 3600.0)
    for now in np.linspace(0, 3 * 3600 - 1, 2000):
        portrait.take([Event("audio.low", 0.5, float(now))], None, float(now))
    assert portrait.columns == 1500
    assert portrait.line("audio.low") == pytest.approx(np.full(1500, 0.5))


def test_listen_draws_a_file_and_says_what_it_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song, out = tmp_path / "a song „ü“.wav", tmp_path / "features.png"
    soundfile.write(song, 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE), RATE)
    assert main(["listen", str(song), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "features.png: rms 0." in said
    assert "A4" in said
    with Image.open(out) as drawn:
        assert drawn.size[1] > 500
    assert main(["listen", str(song), "-o", str(tmp_path / "no" / "x.png")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["listen", str(tmp_path / "gone.wav"), "-o", str(out)]) == 2
    assert main(["listen", "none", "-o", str(out)]) == 2


def test_without_a_terminal_listen_gives_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "none", "--seconds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert all("\x1b" not in line and "silent" in line for line in lines)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
@pytest.mark.parametrize("plain", [True, False])
def test_the_bars_fit_the_terminal(size: tuple[int, int], plain: bool) -> None:
    values = {f"audio.number{n}": n / 60 for n in range(60)} | {"audio.number3.raw": 0.4, "beat.bpm": 120.0}
    shown = terminal.frame("device „Größe“", values, frozenset({"audio.number5"}), size, plain=plain)
    bare = [re.sub(r"\x1b\[\d*m", "", line) for line in shown]
    assert len(bare) <= size[1]
    assert max(map(len, bare)) <= size[0]
    assert not plain or all(ord(letter) < 128 for line in bare[1:] for letter in line)


def test_bars_and_notes_are_right() -> None:
    assert terminal.bar(0.5, 4, plain=True) == "##.."
    assert terminal.bar(1.0, 4) == "████"
    assert terminal.bar(float("nan"), 4) == "    "
    assert terminal.note(0.6, 0.9) == "A4"
    assert terminal.note(0.6, 0.1) == "-"
