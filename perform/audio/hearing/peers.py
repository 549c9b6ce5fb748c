"""Other trackers on the same music, where they are installed: what ours is to be compared with.

librosa works offline (it sees the whole piece); aubio's programs (Debian: aubio-tools) and madmom's online mode are
causal. None of them is a part of this program.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from perform.audio.file import read_sound
from perform.audio.hearing.live import Heard
from perform.audio.hearing.pieces import Times
from perform.engine.clock import process_time

Peer = Callable[[Path], Heard]


def peers() -> dict[str, Peer]:
    """The peers that are there, by name."""
    found: dict[str, Peer] = {"librosa (offline)": librosa_offline}
    if shutil.which("aubiotrack") and shutil.which("aubioonset"):
        found["aubio"] = aubio_live
    if find_spec("madmom") is not None:
        found["madmom (online)"] = madmom_online
    return found


def librosa_offline(path: Path) -> Heard:
    """librosa's dynamic-programming beats (Ellis 2007) and its onsets."""
    import librosa

    sound = read_sound(path)
    began = process_time()
    mono = librosa.resample(sound.mono, orig_sr=sound.rate, target_sr=22050, res_type="soxr_hq")
    strength = librosa.onset.onset_strength(y=mono, sr=22050)
    _, beats = librosa.beat.beat_track(onset_envelope=strength, sr=22050, units="time")
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=22050, units="time")
    return _heard(beats, onsets, sound.seconds, process_time() - began)


def aubio_live(path: Path) -> Heard:
    """aubio's tracker and its default onset detector, as its programs report them."""
    sound = read_sound(path)
    began = process_time()
    beats = _lines(["aubiotrack", "-i", str(path)])
    onsets = _lines(["aubioonset", "-i", str(path)])
    return _heard(beats, onsets, sound.seconds, process_time() - began)


def madmom_online(path: Path) -> Heard:
    """madmom's recurrent network and forward filter in online mode (Boeck et al. 2014; its weights are NC)."""
    from madmom.features.beats import DBNBeatTrackingProcessor, RNNBeatProcessor

    sound = read_sound(path)
    began = process_time()
    activation = RNNBeatProcessor(online=True)(str(path))
    beats = DBNBeatTrackingProcessor(fps=100, online=True)(activation)
    return _heard(beats, np.zeros(0), sound.seconds, process_time() - began)


def _lines(command: list[str]) -> Times:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    return np.array([float(line.split()[0]) for line in done.stdout.splitlines() if line.strip()[:1].isdigit()])


def _heard(beats: Times, onsets: Times, seconds: float, cost: float) -> Heard:
    """Beats and onsets alone as what was heard; the tempo is that of the last eight beats."""
    beats = np.asarray(beats, np.float64)
    bpm = np.array([60.0 / np.median(np.diff(beats[max(0, at - 7) : at + 1])) for at in range(1, len(beats))])
    return Heard(beats, None, {"onset": onsets}, beats[1:], bpm, np.array([cost]), seconds)
