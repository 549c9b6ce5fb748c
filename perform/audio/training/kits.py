"""Sampled drum kits as Hydrogen keeps them: a folder of sounds and a drumkit.xml that names them."""

# ruff: noqa: E501 - tables
from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perform.audio.file import read_sound
from perform.audio.training.midi import Note
from perform.engine.problems import UserError

Floats = NDArray[np.float32]

RATE = 48000
# Debian's hydrogen-drumkits: those whose licence is stated there (CC0, GPL, CC-BY, CC-BY-SA)
FOLDER = Path("/usr/share/hydrogen/data/drumkits")
KITS = ("Audiophob", "ElectricEmpireKit", "ForzeeStereo", "HardElectro1", "The Black Pearl 1.0", "VariBreaks",
        "rumpf_kit_z01_h2", "BJA_Pacific")  # fmt: skip
_WORDS = {
    "kick": r"kick|bass ?drum", "snare": r"snare", "clap": r"clap", "stick": r"stick|rim",
    "hat": r"(closed|pedal|\bcl\b|low).*(hh|hat)|(hh|hat|hi-hat).*(closed|cl|pedal|pd|low)", "open": r"(open|\bop\b).*(hh|hat)|(hh|hat).*(open|op\b)",
    "cymbal": r"crash|ride|cymbal|splash", "tom": r"tom|drum|conga",
}  # fmt: skip
_PARTS = {35: "kick", 36: "kick", 37: "stick", 38: "snare", 40: "snare", 39: "clap", 42: "hat", 44: "hat", 46: "open",
          41: "tom", 43: "tom", 45: "tom", 47: "tom", 48: "tom", 50: "tom"}  # fmt: skip


def parts_of(folder: Path) -> dict[str, list[Path]]:
    """The sounds of each part of a kit."""
    text = (folder / "drumkit.xml").read_text(encoding="utf-8", errors="replace")
    found: dict[str, list[Path]] = {}
    for instrument in ET.fromstring(re.sub(r'\sxmlns="[^"]*"', "", text)).iter("instrument"):
        name = (instrument.findtext("name") or "").lower()
        files = [node.text for node in instrument.iter("filename") if node.text]
        for part, words in _WORDS.items():
            if files and re.search(words, name) and (part != "tom" or not re.search("bass", name)):
                found.setdefault(part, []).append(folder / files[-1])  # the loudest layer comes last
                break
    return found


def sampled(notes: Sequence[Note], seconds: float, name: str, random: np.random.Generator) -> Floats:
    """Drums from the sounds of a kit [N]; what the kit lacks is silent. Raises OSError where it is not installed."""
    out = np.zeros(int(seconds * RATE), np.float32)
    parts = parts_of(FOLDER / name)
    voices: dict[int, Floats] = {}
    for note in notes:
        voice = voices.get(note.pitch)
        if voice is None:
            files = parts.get(_PARTS.get(note.pitch, "cymbal"), [])
            voice = voices[note.pitch] = (
                _trimmed(files[int(random.integers(len(files)))]) if files else np.zeros(0, np.float32)
            )
        at = int(note.start * RATE)
        count = min(len(voice), len(out) - at)
        if count > 0:
            out[at : at + count] += voice[:count] * np.float32((note.velocity / 127) ** 1.5)
    return out


def has(notes: Sequence[Note], name: str) -> set[int]:
    """The keys of these notes that a kit has a sound for."""
    parts = parts_of(FOLDER / name)
    return {note.pitch for note in notes if parts.get(_PARTS.get(note.pitch, "cymbal"))}


def _trimmed(path: Path) -> Floats:
    """One sound from its attack on, at most 1.5 s, at 48 kHz."""
    import librosa

    try:
        sound = read_sound(path)
    except UserError:
        return np.zeros(0, np.float32)
    mono = sound.mono
    loud = np.flatnonzero(np.abs(mono) > 0.05 * np.abs(mono).max(initial=1e-9))
    mono = mono[max(int(loud[0]) - 32, 0) :][: int(1.5 * sound.rate)] if len(loud) else mono[:0]
    if sound.rate != RATE:
        mono = librosa.resample(mono, orig_sr=sound.rate, target_sr=RATE, res_type="soxr_hq")
    fade = np.minimum(1.0, np.arange(len(mono), 0, -1) / 960)
    return np.asarray(mono / max(float(np.abs(mono).max(initial=0.0)), 1e-6) * 0.5 * fade, np.float32)
