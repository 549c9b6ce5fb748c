"""The study of hearing: its figures on beats that are known, and what it says to wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from perform.audio.hearing import measures
from perform.audio.hearing.live import Heard, Treatment, listen
from perform.audio.hearing.pieces import Piece, pieces_of
from perform.audio.hearing.study import study_hearing
from perform.audio.track import RATE, Track
from perform.cli import main
from perform.engine.problems import UserError

BEATS = np.arange(0.5, 30, 0.5)
KEYS = {
    "beat_f", "cmlt", "amlt", "acc1", "acc2", "lead_ms_median", "lead_ms_sd", "lock_s", "onset_f", "kick_f", "snare_f",
    "hat_f", "onset_latency_ms_median", "onset_latency_ms_p95", "downbeat_f", "cpu_percent",
}  # fmt: skip


def heard(beats: np.ndarray, bpm: float, downbeats: np.ndarray | None = None, **onsets: np.ndarray) -> Heard:
    times = np.arange(0.01, 30, 0.01)
    return Heard(beats, downbeats, onsets, times, np.full(len(times), bpm), np.full(3000, 1e-4), 30.0)


def piece(**onsets: np.ndarray) -> Piece:
    full = {drum: onsets.get(drum, np.zeros(0)) for drum in ("kick", "snare", "hat")}
    return Piece(Path("a.wav"), BEATS, BEATS[::4], full)


def test_right_beats_are_right_and_late_ones_are_late() -> None:
    score = measures.score(piece(), heard(BEATS + 0.008, 120.0, BEATS[::4]))
    assert score["beat_f"] == score["cmlt"] == score["amlt"] == score["acc1"] == score["downbeat_f"] == 1.0
    assert score["lead_ms_median"] == pytest.approx(8.0)
    assert score["lead_ms_sd"] == pytest.approx(0.0, abs=1e-6)
    assert score["lock_s"] == 0.5


def test_double_tempo_is_an_octave_and_no_lock() -> None:
    score = measures.score(piece(), heard(np.arange(0.5, 30, 0.25), 240.0))
    assert score["beat_f"] == pytest.approx(2 / 3, abs=0.01)
    assert score["cmlt"] < 0.05
    assert score["amlt"] > 0.95
    assert (score["acc1"], score["acc2"]) == (0.0, 1.0)
    assert score["lock_s"] == 30.0


def test_no_beats_at_all_is_nothing() -> None:
    score = measures.score(piece(), heard(np.zeros(0), 0.0))
    assert score["beat_f"] == score["cmlt"] == score["acc2"] == 0.0
    assert score["lock_s"] == 30.0
    assert "lead_ms_median" not in score


def test_onsets_are_told_by_drum_and_hits_that_fall_together_are_one() -> None:
    kicks, hats = np.arange(1.0, 20), np.arange(1.005, 20, 0.5)
    score = measures.score(
        piece(kick=kicks, hat=hats), heard(BEATS, 120, onset=hats + 0.01, kick=kicks + 0.1, hat=hats[::2])
    )
    assert score["onset_f"] == pytest.approx(1.0)
    assert score["onset_latency_ms_median"] == pytest.approx(10.0, abs=5.1)
    assert score["kick_f"] == 0.0
    assert score["hat_f"] == pytest.approx(2 / 3, abs=0.02)
    assert "snare_f" not in score


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, track: Track) -> Path:
    """Fourteen seconds of the built-in track from bar 8 on, annotated."""
    folder = tmp_path_factory.mktemp("hearing")
    start, end = track.downbeats[8], track.downbeats[8] + 14.0

    def inside(times: tuple[float, ...]) -> list[float]:
        return [time - start for time in times if start <= time < end]

    soundfile.write(folder / "track.flac", track.samples[int(start * RATE) : int(end * RATE)], RATE)
    onsets = {"kick": inside(track.kicks), "snare": inside(track.snares), "hat": inside(track.hats)}
    notes = {"beats": inside(track.beats), "downbeats": inside(track.downbeats), "onsets": onsets}
    (folder / "track.json").write_text(json.dumps(notes))
    soundfile.write(folder / "not annotated.wav", np.zeros(100), RATE)
    return folder


def test_the_command_writes_every_key_for_each_piece_and_the_mean(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert main(["study", "hearing", str(folder), "--no-peers", "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert set(result["mean"]) >= KEYS
    assert set(result["files"]) == {"track"}
    assert set(result["files"]["track"]) >= KEYS
    assert result["mean"]["beat_f"] > 0.9
    assert result["mean"]["acc1"] == 1.0
    assert "beat F" in capsys.readouterr().out


def test_peers_are_measured_in_the_same_run(folder: Path) -> None:
    result = study_hearing(folder)
    assert result["peers"]["librosa (offline)"]["mean"]["beat_f"] is not None
    assert result["peers"]["librosa (offline)"]["mean"]["kick_f"] is None


def test_level_and_noise_can_be_put_on_first(folder: Path) -> None:
    quiet = listen(folder / "track.flac", Treatment(level=-40.0))
    plain = listen(folder / "track.flac")
    late = [np.abs(plain.beats - beat).min() for beat in quiet.beats if beat > 5]
    assert late
    assert max(late) < 0.02
    noisy = listen(folder / "track.flac", Treatment(noise=15.0))
    assert not np.array_equal(noisy.beats, plain.beats)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        pieces_of(tmp_path / "none")
    with pytest.raises(UserError, match=r"nothing in .* is annotated"):
        pieces_of(tmp_path)
    soundfile.write(tmp_path / "a.wav", np.zeros(10), RATE)
    for wrong, said in (("{", "cannot be read"), ("[]", "must be an object"), ('{"beats": ["x"]}', '"beats"'),
                        ('{"beats": [-1]}', '"beats"'), ('{"beats": [1], "onsets": [2]}', '"onsets"')):  # fmt: skip
        (tmp_path / "a.json").write_text(wrong)
        with pytest.raises(UserError, match=said):
            pieces_of(tmp_path)
