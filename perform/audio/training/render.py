"""Songs to sound: fluidsynth and free soundfonts for notes and drums, sampled and synthesised kits for drums.

Drums and the rest are rendered apart, so that learning can mix them anew each time.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perform.audio.file import read_sound
from perform.audio.training.midi import Note, write_midi

Floats = NDArray[np.float32]

RATE = 48000
DRUMS = 9
_SF = Path("/usr/share/sounds")
# Debian packages with their licences: fluid-soundfont-gm (MIT), musescore-general-soundfont (MIT), opl3-soundfont
# (public domain), csound-soundfont (LGPL-2.1+), timgm6mb-soundfont (GPL-2), avldrums.lv2-soundfont (CC-BY-SA)
SOUNDFONTS = {
    "fluid": _SF / "sf2/FluidR3_GM.sf2",
    "musescore": _SF / "sf3/MuseScore_General_Full.sf3",
    "opl3": _SF / "sf2/OPL-3_FM_128M.sf2",
    "csound": _SF / "sf2/sf_GMbank.sf2",
    "timgm": _SF / "sf2/TimGM6mb.sf2",
}
DRUM_FONTS = {"pearl": _SF / "sf2/Black_Pearl_4_LV2.sf2", "zeppelin": _SF / "sf2/Red_Zeppelin_4_LV2.sf2"}


def render(notes: Sequence[Note], font: Path, seconds: float, *, room: bool = False) -> Floats:
    """Notes through fluidsynth [N], mono at 48 kHz. Raises OSError where fluidsynth or the soundfont is missing."""
    out = np.zeros(int(seconds * RATE), np.float32)
    if not notes:
        return out
    if not font.is_file():
        raise OSError(f"the soundfont {font} is not installed")
    with tempfile.TemporaryDirectory(prefix="perform-render-") as folder:
        midi, wav = Path(folder) / "a.mid", Path(folder) / "a.wav"
        kit = font in DRUM_FONTS.values()  # a kit that is no General MIDI bank: its drums are on its first channel
        write_midi(midi, [replace(note, channel=0) if kit else note for note in notes])
        wet = "1" if room else "0"
        how = f"-q -ni -R {wet} -C {wet} -g 0.4 -r {RATE} -T wav -F".split()
        command = ["fluidsynth", *how, str(wav), str(font), str(midi)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=300)
        if done.returncode or not wav.is_file():
            raise OSError(f"fluidsynth failed: {done.stderr.decode(errors='replace')[-200:]}")
        mono = read_sound(wav).mono
    count = min(len(mono), len(out))
    out[:count] = mono[:count]
    return out


def kind_of(note: Note) -> str:
    """What a drum note counts as: kick, snare, hat, cymbal, other."""
    match note.pitch:
        case 35 | 36:
            return "kick"
        case 38 | 39 | 40:
            return "snare"
        case 42 | 44 | 46:
            return "hat"
        case 49 | 51 | 52 | 53 | 55 | 57 | 59:
            return "cymbal"
    return "other"


def kit(notes: Sequence[Note], seconds: float, random: np.random.Generator) -> Floats:
    """Drums from a kit that is synthesised anew for each piece [N]: the machines of electronic music."""
    out = np.zeros(int(seconds * RATE) + RATE, np.float32)
    voices: dict[int, Floats] = {}
    shape = random.uniform(0.0, 1.0, 8)
    for note in notes:
        voice = voices.get(note.pitch)
        if voice is None:
            voice = voices[note.pitch] = _voice(kind_of(note), note.pitch, shape, random)
        at = int(note.start * RATE)
        if at + len(voice) < len(out):
            out[at : at + len(voice)] += voice * np.float32((note.velocity / 127) ** 1.5)
    return out[: int(seconds * RATE)] * np.float32(0.35)


def _voice(kind: str, pitch: int, shape: NDArray[np.float64], random: np.random.Generator) -> Floats:
    t = np.arange(int(0.45 * RATE)) / RATE
    white = random.standard_normal(len(t))
    bright = np.diff(white, prepend=0.0)
    match kind:
        case "kick":
            low, drop, decay = 38 + 30 * shape[0], 30 + 250 * shape[1], 5 + 25 * shape[2]
            body = np.sin(2 * np.pi * (low * t + drop / 45 * (1 - np.exp(-45 * t)))) * np.exp(-decay * t)
            sound = np.tanh(body * (1 + 3 * shape[3])) + 0.25 * shape[4] * bright * np.exp(-300 * t)
        case "snare":
            tone = np.sin(2 * np.pi * (150 + 100 * shape[0]) * t) * np.exp(-25 * t)
            noise = (white * shape[5] + bright * (1 - shape[5])) * np.exp(-(10 + 30 * shape[6]) * t)
            if pitch == 39:
                noise *= 1 + (np.sin(2 * np.pi * 90 * t) > 0) * (t < 0.03)
                tone *= 0
            sound = 0.5 * tone + 0.5 * noise
        case "hat" | "cymbal":
            decay = {42: 60.0, 44: 70.0, 46: 12.0}.get(pitch, 6.0) * (0.6 + shape[7])
            pitches = [f * (0.8 + 0.5 * shape[1]) for f in (4031, 5333, 6187, 7411, 8223)]
            metal = np.sum([np.sign(np.sin(2 * np.pi * f * t)) for f in pitches], axis=0)
            sound = (np.diff(bright, prepend=0.0) * 0.25 + shape[2] * 0.06 * np.diff(metal, prepend=0.0)) * np.exp(
                -decay * t
            )
        case _:
            f = 90 * 2 ** ((pitch % 16) / 8)
            sound = np.sin(2 * np.pi * (f * t + f / 60 * (1 - np.exp(-30 * t)))) * np.exp(
                -14 * t
            ) + 0.1 * white * np.exp(-80 * t)
    fade = np.minimum(1.0, (t[-1] - t) / 0.02)
    return np.asarray(sound * fade, np.float32)
