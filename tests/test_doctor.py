"""The doctor must come back with an answer whatever the parts of this machine do."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from perform import doctor
from perform.doctor import CHECKS, Finding, ask, examine, table


def child(code: str, limit: float = 30.0) -> Finding:
    return ask([sys.executable, "-c", code], "part", limit)


@pytest.mark.slow
def test_every_check_gives_a_finding_with_a_remedy_where_there_is_something_to_do() -> None:
    findings = doctor.doctor()
    assert [finding.name for finding in findings] == list(CHECKS)
    for finding in findings:
        assert finding.detail
        assert finding.state == "ok" or finding.remedy, finding
        assert "Traceback" not in finding.detail
    by_name = {finding.name: finding for finding in findings}
    assert by_name["Python"].state == "ok"
    assert by_name["torch"].state == "ok"
    assert by_name["video"].state == "ok"
    assert by_name["fonts"].state == "ok"


def test_a_hang_is_a_finding() -> None:
    finding = child("import threading; threading.Event().wait()", limit=0.5)
    assert finding.state == "missing"
    assert "no answer within 0.5 s" in finding.detail


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_server_that_outlives_the_check_does_not_hold_the_doctor_back() -> None:
    answer = json.dumps({"name": "part", "state": "ok", "detail": "fine", "remedy": ""})
    code = f"import os, select; os.fork() or select.select([], [], [], 20); print('{answer}', flush=True); os._exit(0)"
    parent_first = code.replace("os.fork() or", "os.fork() == 0 and")
    assert child(parent_first, limit=15).detail == "fine"


def test_a_crash_and_an_exception_are_findings() -> None:
    assert "SIGABRT" in child("import os; os.abort()").detail
    assert child("raise RuntimeError('no such card')").detail == "RuntimeError: no such card"
    assert "ended with 3" in child("raise SystemExit(3)").detail
    assert child("pass").state == "missing"


def test_noise_of_the_libraries_is_not_the_answer() -> None:
    answer = json.dumps({"name": "part", "state": "ok", "detail": "fine", "remedy": ""})
    assert child(f"print('ALSA lib: cannot'); print('{answer}')") == Finding("part", "ok", "fine")


def test_a_taken_osc_port_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        with contextlib.suppress(OSError):  # somebody else has it: just as good
            taken.bind(("0.0.0.0", doctor.OSC_PORT))
        finding = examine("OSC")
    assert finding.state == "note"
    assert str(doctor.OSC_PORT) in finding.detail
    assert "--osc" in finding.remedy


def test_without_a_display_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux can lack a display")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    finding = examine("display")
    assert finding.state == "note"
    assert "--offscreen" in finding.remedy


def test_a_display_that_is_not_there_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":4711")
    finding = examine("display")
    assert finding.state == "missing"
    assert finding.remedy


def test_weights_that_are_cut_off_are_told_and_whole_ones_are_well(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    file = tmp_path / "model.safetensors"
    about = {"format": 1, "architecture": "cppn", "config": {}, "card": {}}
    save_file({"a": np.ones((4, 4), np.float32)}, file, {"perform": json.dumps(about)})
    assert doctor.weights_fault(file) == ""
    file.write_bytes(file.read_bytes()[:-1])
    assert "model.safetensors: cut short" in doctor.weights_fault(file)
    assert "cannot be read" in doctor.weights_fault(tmp_path / "not there.safetensors")


def test_the_table_puts_the_remedy_under_what_is_missing() -> None:
    text = table([Finding("Python", "ok", "3.12", "not shown"), Finding("sound", "missing", "gone", "plug it in")])
    assert text.splitlines() == [
        "ok      Python  3.12",
        "missing sound   gone",
        "                -> plug it in",
        "",
        "1 of 2 checks found something missing",
    ]
    assert table([]).strip() == "nothing is missing"


def test_asking_the_doctor_imports_nothing_heavy() -> None:
    code = (
        "import sys, perform.doctor; sys.exit(any(name in sys.modules for name in ('torch', 'librosa', 'numpy', 'av')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(doctor.__file__).parent.parent, timeout=60)


def test_what_grows_on_the_disk_is_said_once_it_is_much(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PERFORM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(doctor, "MUCH", 100_000)
    assert CHECKS["kept"]().state == "ok"
    (tmp_path / "home" / "training" / "gan-1").mkdir(parents=True)
    (tmp_path / "home" / "training" / "gan-1" / "step-100").write_bytes(b"0" * 200_000)
    finding = CHECKS["kept"]()
    assert finding.state == "note"
    assert "training" in finding.detail
    assert str(tmp_path / "home" / "training") in finding.detail
    assert "delete" in finding.remedy
