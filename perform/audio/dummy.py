"""Real sound servers without a sound card, for tests, benchmarks and rehearsal on a machine that has none.

Each server is private to its folder, so that several may run beside each other and beside the user's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from perform.engine.clock import machine_time, sleep
from perform.engine.problems import UserError

_ASOUNDRC = (
    "pcm.!default { type pulse }\nctl.!default { type pulse }\npcm.pulse { type pulse }\nctl.pulse { type pulse }\n"
)


class PulseServer:
    """A PulseAudio server with one null sink of 48 kHz whose monitor is the default source. Needs no rights.

    `env` is what a process needs to find it: PortAudio sees it as the device "pulse", `paplay` plays into it.
    """

    def __init__(self, folder: Path) -> None:
        for program, package in (("pulseaudio", "pulseaudio"), ("paplay", "pulseaudio-utils")):
            if shutil.which(program) is None:
                raise UserError(f"{program} is not installed: apt install {package} libasound2-plugins")
        runtime, home = folder / "runtime", folder / "home"
        for place in (runtime, home):
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o700)
        (home / ".asoundrc").write_text(_ASOUNDRC)
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        own = {"LC_ALL": "C.UTF-8", "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "XDG_CACHE_HOME": cache}
        no_jack = {"JACK_DEFAULT_SERVER": "perform-none", "JACK_NO_START_SERVER": "1"}  # a sick one holds PortAudio up
        self.env = {**_clean(os.environ), **own, **no_jack}
        self._log = folder / "pulse.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the server and wait until it answers. Raises UserError if it does not within 10 s."""
        # a null sink sleeps 2 s before its first sample, unless it may not rewind: then 50 ms, as a card would
        sink = "module-null-sink sink_name=perform rate=48000 channels=2 format=float32le norewinds=1"
        command = [
            "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
            "-L", "module-native-protocol-unix", "-L", sink,
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = machine_time() + 10
        while machine_time() < end:
            answer = subprocess.run(["pactl", "info"], env=self.env, capture_output=True, check=False, timeout=10)
            if answer.returncode == 0:
                return
            sleep(0.05)
        self.kill()
        raise UserError(f"pulseaudio does not start here: {self._log.read_text(errors='replace')[-300:]}")

    def pactl(self, *words: str) -> str:
        """Ask or tell the server something. Raises CalledProcessError where it refuses."""
        told = subprocess.run(["pactl", *words], env=self.env, capture_output=True, check=True, timeout=10, text=True)
        return told.stdout.strip()

    def sink(self, name: str, *, channels: int, rate: int, title: str = "") -> None:
        """One more null sink; its monitor is a source of as many channels at that rate, "Monitor of `title`"."""
        quoted = (title or name).replace("\\", "\\\\").replace("'", "\\'")
        about = f"sink_properties=\"device.description='{quoted}'\""
        self.pactl(
            "load-module", "module-null-sink", f"sink_name={name}", f"channels={channels}", f"rate={rate}",
            "format=float32le", about,
        )  # fmt: skip

    def play(self, path: Path, sink: str = "perform") -> subprocess.Popen[bytes]:
        """Play a sound file into a sink with `paplay`; a process of its own."""
        player = subprocess.Popen(
            ["paplay", "--latency-msec=50", f"--device={sink}", str(path)],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._players.append(player)
        return player

    def kill(self) -> None:
        """The server dies without a word (SIGKILL), and with it all that plays."""
        for process in [*self._players, self._process]:
            if process is not None:
                process.kill()
                process.wait(10)
        self._players, self._process = [], None
        for stale in Path(self.env["XDG_RUNTIME_DIR"]).glob("pulse/native"):
            stale.unlink(missing_ok=True)

    def __enter__(self) -> PulseServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class JackServer:
    """A JACK server on its dummy card, 48 kHz, period 1024, not real-time: starts without rights.

    PortAudio sees it as the device "system"; programs that look at `env` find it by its own name.
    """

    def __init__(self, name: str, *, period: int = 1024) -> None:
        if shutil.which("jackd") is None:
            raise UserError("jackd is not installed: apt install jackd2")
        self._name = name
        self._period = period
        self.env = {**_clean(os.environ), "JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers. Raises UserError if it does not within 10 s."""
        command = ["jackd", "-n", self._name, "-r", "-S", "-d", "dummy", "-r", "48000", "-p", str(self._period)]
        self._process = subprocess.Popen(
            command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = machine_time() + 10
        while machine_time() < end and self._process.poll() is None:
            answer = subprocess.run(
                ["jack_lsp", "-s", self._name], env=self.env, capture_output=True, check=False, timeout=10
            )
            if answer.returncode == 0 and b"system:" in answer.stdout:
                return
            sleep(0.1)
        self.kill()
        raise UserError("the JACK server does not start here (jackd -r -S -d dummy)")

    def kill(self) -> None:
        """The server dies without a word (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    def stop(self) -> None:
        """End the server so that it frees its shared memory."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None
        for left in Path("/dev/shm").glob(f"jack*{self._name}*"):  # a server that was killed cleans nothing up
            left.unlink(missing_ok=True)

    def __enter__(self) -> JackServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would lead to another server."""
    return {key: value for key, value in env.items() if not key.startswith(("PULSE_", "JACK_", "ALSA_"))}
