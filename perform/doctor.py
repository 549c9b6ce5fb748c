"""What is here, what is missing, what to do: the checks behind `perform doctor`.

Drivers, sound servers and GPU libraries may raise, hang or take the whole process down. So every check runs in a child
process of its own with a time limit, and what becomes of the child is the finding: nothing it does can stop the others.
Nothing here changes the machine. To add a check, write a function that returns a `Finding` and put it into `CHECKS`.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from perform.engine import assets

State = Literal["ok", "missing", "note"]

OSC_PORT = 9000
ROOM = 2_000_000_000  # bytes: about half an hour of recording
MUCH = 20_000_000_000  # bytes of conversions, compiled networks and trainings that are worth a word


# What to do when a check crashes, hangs or raises what it did not expect.
REMEDIES = {
    "OpenGL": "install libegl1 and libgl1 (Debian/Ubuntu), or the driver of your GPU",
    "display": "check DISPLAY, or play with --offscreen",
    "sound": "start the sound server again, then ask the doctor again",
    "MIDI": "start JACK again or plug the controller in anew, then ask the doctor again",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. "note" is nothing to repair, but good to know before a show."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def doctor(limit: float = 30.0) -> list[Finding]:
    """All findings, in the order of `CHECKS`. Takes as long as the slowest check, at most `limit` seconds each."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda name: examine(name, limit), CHECKS))


def examine(name: str, limit: float = 30.0) -> Finding:
    """Run one check of `CHECKS` in its own process. Never raises because of what the check does."""
    return ask([sys.executable, "-c", _CHILD, str(Path(__file__).resolve().parent.parent), name], name, limit)


def ask(command: list[str], name: str, limit: float) -> Finding:
    """Run `command`, whose last line of output is a finding in JSON, and put a crash or a hang into words instead."""
    remedy = REMEDIES.get(name, "set up again (make setup), then ask the doctor again")
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        # Files, not pipes, and a session of its own: a sound server that a library starts must not hold us back.
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=_environment(), start_new_session=True
        )
        try:
            status = child.wait(limit)
        except subprocess.TimeoutExpired:
            _kill(child)
            return Finding(name, "missing", f"gave no answer within {limit:g} s (a driver or a server hangs)", remedy)
        out.seek(0)
        err.seek(0)
        lines, complaints = out.read().splitlines(), err.read().splitlines()
    if status < 0:
        return Finding(name, "missing", f"the check was killed by {signal.Signals(-status).name}", remedy)
    if status > 0 or not lines:
        reason = next((line for line in reversed(complaints) if line.strip()), f"the check ended with {status}")
        return Finding(name, "missing", reason.strip()[:200], remedy)
    return Finding(**json.loads(lines[-1]))


def table(findings: Iterable[Finding]) -> str:
    """The findings as text: a line each, and under it the remedy where there is something to do."""
    rows = list(findings)
    wide = max((len(row.name) for row in rows), default=0)
    lines = []
    for row in rows:
        lines.append(f"{row.state:<8}{row.name:<{wide}}  {row.detail}")
        if row.remedy and row.state != "ok":
            lines.append(f"{'':<8}{'':<{wide}}  -> {row.remedy}")
    missing = sum(row.state == "missing" for row in rows)
    lines.append("")
    lines.append(f"{missing} of {len(rows)} checks found something missing" if missing else "nothing is missing")
    return "\n".join(lines)


_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from perform import doctor; doctor.answer(sys.argv[2])"


def answer(name: str) -> None:
    """In the child process: run the check and write its finding as the last line of the output."""
    finding = replace(CHECKS[name](), name=name)
    sys.stdout.write("\n" + json.dumps(asdict(finding)) + "\n")
    sys.stdout.flush()
    os._exit(0)  # without the farewell of the libraries: a dead JACK server hangs PortAudio's


def _environment() -> dict[str, str]:
    return {**os.environ, "JACK_NO_START_SERVER": "1"}  # looking must not start anything


def _kill(child: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()


# ---- the checks; each runs in a process of its own and may import what it likes


def _finding(state: State, detail: str, remedy: str = "") -> Finding:
    return Finding("", state, detail, remedy)


def _python() -> Finding:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return _finding("missing", detail, "perform is made for Python 3.11 to 3.13")
    return _finding("ok", detail)


def _torch() -> Finding:
    import torch

    capabilities: Mapping[str, Any] = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    bf16 = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    parts = [f"{torch.__version__}, CPU {torch.backends.cpu.get_cpu_capability()}, bf16 {'yes' if bf16 else 'no'}"]
    if torch.cuda.is_available():
        parts += [f"CUDA {torch.cuda.get_device_name(place)}" for place in range(torch.cuda.device_count())]
    elif torch.backends.mps.is_available():
        parts.append("Metal (--device mps)")
    else:
        parts.append("no GPU for the generator: it plays on the processor")
    return _finding("ok", ", ".join(parts))


def _opengl() -> Finding:
    import moderngl

    create: Any = moderngl.create_context
    context = create(standalone=True, require=330, **({"backend": "egl"} if sys.platform == "linux" else {}))
    name, version = context.info["GL_RENDERER"], context.version_code
    detail = f"OpenGL {version // 100}.{version // 10 % 10}, {name}"
    if any(word in name.lower() for word in ("llvmpipe", "softpipe", "swrast")):
        return _finding(
            "note", detail, "pictures are drawn by the processor: keep the window small, or use a GPU driver"
        )
    return _finding("ok", detail)


def _display() -> Finding:
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return _finding(
            "note", "none (neither DISPLAY nor WAYLAND_DISPLAY is set)", "play with --offscreen, or see xvfb-run"
        )
    import glfw

    if not glfw.init():
        return _finding("missing", "there should be a display, but no window can be opened on it", "check DISPLAY")
    screens = []
    for monitor in glfw.get_monitors():
        mode = glfw.get_video_mode(monitor)
        rate = f" at {mode.refresh_rate} Hz" if mode.refresh_rate else ""
        screens.append(f"{os.fsdecode(glfw.get_monitor_name(monitor))} {mode.size.width}x{mode.size.height}{rate}")
    return _finding("ok", "; ".join(screens) or "no monitor is connected")


def _sound() -> Finding:
    try:
        import sounddevice
    except OSError:
        return _finding(
            "missing", "the PortAudio library is not installed", "apt install libportaudio2; then start again"
        )
    devices = list(sounddevice.query_devices())
    inputs = [device["name"] for device in devices if device["max_input_channels"] > 0]
    outputs = [device["name"] for device in devices if device["max_output_channels"] > 0]
    if not devices:
        return _finding("note", "no sound devices or sound server", "the show plays its built-in track, in silence")
    servers = [api["name"] for api in sounddevice.query_hostapis() if api["devices"]]
    servers += [name for name in ("pipewire", "pulse") if any(name == device["name"] for device in devices)]
    detail = f"{', '.join(servers)}: inputs {', '.join(inputs) or 'none'}; outputs {', '.join(outputs) or 'none'}"
    if not inputs:
        return _finding("note", detail, "no input to listen to: the show plays its built-in track")
    return _finding("ok", detail)


def _midi() -> Finding:
    try:
        import rtmidi
    except ImportError:
        return _finding(
            "note", "python-rtmidi is not installed, so MIDI is off", "pip install perform[midi], or Python 3.12"
        )
    ports: list[str] = []
    for api in rtmidi.get_compiled_api():
        try:
            ports += rtmidi.MidiIn(api).get_ports()
        except (rtmidi.SystemError, rtmidi.RtMidiError):  # this one's server does not run
            continue
    if not ports:
        return _finding("note", "no MIDI inputs", "connect a controller before the show starts")
    return _finding("ok", ", ".join(ports))


def _osc() -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        try:
            listener.bind(("0.0.0.0", OSC_PORT))
        except OSError as error:
            remedy = "end the other program, or play with --osc 0.0.0.0:9001"
            return _finding("note", f"UDP port {OSC_PORT} is taken ({error.strerror})", remedy)
    return _finding("ok", f"UDP port {OSC_PORT} is free")


def _compiler() -> Finding:
    from models.forms.form import compiler

    found = compiler()
    if found is None:
        remedy = "install g++ (Debian, Ubuntu: apt install g++; macOS: xcode-select --install)"
        return _finding("note", "no C++ compiler: networks play uncompiled, at about half their speed", remedy)
    return _finding("ok", f"{found} makes networks faster")


def _video() -> Finding:
    import av

    for name in ("libx264", "h264_videotoolbox", "h264"):
        if name in av.codecs_available:
            av.codec.Codec(name, "w")
            return _finding("ok", f"PyAV {av.__version__} writes H.264 with {name}")
    return _finding("missing", f"PyAV {av.__version__} has no H.264 encoder", "pip install --force-reinstall av")


def _weights() -> Finding:
    from models import shipped

    files = list(shipped().values())
    remedy = "install perform again (in a checkout: git checkout -- models/weights); `cppn` needs no weights"
    if not files:
        return _finding("missing", "no weights are installed", remedy)
    broken = [fault for file in files if (fault := weights_fault(file))]
    if broken:
        return _finding("missing", "; ".join(broken), remedy)
    return _finding("ok", ", ".join(f"{file.stem} ({file.stat().st_size / 1e6:.1f} MB)" for file in files))


def weights_fault(file: Path) -> str:
    """What is wrong with one of our weights files, "" if nothing; the numbers in it are not read."""
    from models.checkpoints import Refused
    from models.checkpoints.io import read_header

    try:
        read_header(file)
    except Refused as error:
        return str(error)
    return ""


def _shipped(folder: str, pattern: str) -> Finding:
    try:
        count = sum(1 for _ in assets.folder(folder).glob(pattern))
    except FileNotFoundError as error:
        return _finding("missing", f"no {folder}", str(error))
    return _finding("ok" if count else "missing", f"{count} files", "install perform again")


def _fonts() -> Finding:
    from PIL import ImageFont, features

    if not features.check("freetype2"):
        return _finding("note", "Pillow has no FreeType: the HUD writes with a coarse font", "pip install -U pillow")
    wide = ImageFont.load_default(size=16).getlength("perform")
    return _finding("ok", f"Pillow's own font ({wide:.0f} px for `perform` at 16 px)")


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    detail = f"{free / 1e9:.1f} GB free in {Path.cwd()}"
    return _finding("ok", detail) if free > ROOM else _finding("note", detail, "make room before you record")


def _kept() -> Finding:
    """What grows by itself on the disk: nobody takes it away, for a conversion may be the last copy of a model."""
    from models.cache import cache_folder
    from perform.engine.preset import user_folder

    own, root = user_folder().parent / "training", cache_folder("models").parent
    sizes = {name: _bytes(cache_folder(name)) for name in ("models", "forms", "kernels", "studies")}
    sizes["training"] = _bytes(own)
    detail = (
        ", ".join(f"{name} {size / 1e9:.1f} GB" for name, size in sizes.items() if size > MUCH / 100)
        or "little, all told,"
    )
    detail += f" in {root}" + (f" and {own}" if sizes["training"] > MUCH / 100 else "")
    if sum(sizes.values()) < MUCH:
        return _finding("ok", detail)
    remedy = "delete what you no longer play; all but the folder training is made again when it is asked for"
    return _finding("note", detail, remedy)


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another program may take files away meanwhile
            total += path.lstat().st_size
    return total


CHECKS: dict[str, Callable[[], Finding]] = {
    "Python": _python,
    "torch": _torch,
    "compiler": _compiler,
    "OpenGL": _opengl,
    "display": _display,
    "sound": _sound,
    "MIDI": _midi,
    "OSC": _osc,
    "video": _video,
    "weights": _weights,
    "shaders": lambda: _shipped("shaders", "*.fs"),
    "presets": lambda: _shipped("presets", "*.toml"),
    "fonts": _fonts,
    "disk": _disk,
    "kept": _kept,
}
