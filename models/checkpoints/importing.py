"""From any supported file to one of ours: foreign checkpoints are converted once, by a child process, into a cache.

This process never interprets a foreign file. It hashes it, and hands it to the child (`models.checkpoints.child`,
without descriptors, network and time to waste) together with an open file to write into; what comes back is
safetensors, checked like any other. The cache is `$PERFORM_CACHE/models` (`~/.cache/perform/models`, or under
XDG_CACHE_HOME), one file for each source by its sha256, put in place in one step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from models.cache import cache_folder
from models.checkpoints import Refused, child, containers, io, sandbox
from models.checkpoints.sealed import MOST_WORDS, printable

Progress = Callable[[float], None]

MOST_BYTES = 3_000_000_000
SECONDS = 300.0  # that a conversion may take; the largest take a few
PIECE = 1 << 24
KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")  # of the environment, for the child


def kept() -> dict[str, Path]:
    """Every conversion in the cache, by the name (without suffix) of the file it was made from; of several with one
    name, the newest. A few small reads.
    """
    found: dict[str, Path] = {}
    with suppress(OSError):
        for path in sorted(cache_folder("models").glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns):
            if _is_current(path):
                found[Path(str(io.read_header(path).card["source"].get("file", ""))).stem or path.stem] = path
    return found


def ready(path: Path, progress: Progress | None = None) -> Path:
    """A safetensors file of ours for `path`: itself if it is one, else its conversion, made now if there is none.

    `progress` is called with 0..1 from this thread. Takes up to seconds for a new file and touches the disk: never on
    the main, render or generator thread. Raises Refused, with the file's name, what is wrong, and what to do.
    """
    try:
        return _ready(path, progress or (lambda _: None))
    except Refused as error:
        text = printable(str(error), MOST_WORDS)
        raise Refused(text if text.startswith(str(path)) else f"{path.name}: {text}") from error


def _ready(path: Path, progress: Progress) -> Path:
    if path.is_dir():
        raise Refused("a folder. Name the model file inside it.")
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise Refused("a device or a pipe, not a file. Name a file.")
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size >= MOST_BYTES:
                raise Refused(f"{status.st_size / 1e9:.1f} GB. No StyleGAN is that large; is it the right file?")
            if containers.kind(file.read(containers.HEAD)) == "safetensors":
                _refuse_other_safetensors(path)
                return path
            digest = _digest(file, path, status, lambda f: progress(0.2 * f))
            kept = cache_folder("models") / f"{digest}.safetensors"
            if not _is_current(kept):
                _convert(file, path.name, digest, kept, lambda f: progress(0.2 + 0.8 * f))
    except OSError as error:
        raise Refused(f"it cannot be read ({error.strerror}). Check the rights of the file.") from error
    progress(1.0)
    return kept


def _refuse_other_safetensors(path: Path) -> None:
    """Words for safetensors of other programs; ours pass."""
    try:
        io.read_header(path)
    except Refused:
        names = io.names(path)
        if found := containers.stranger(names):
            raise Refused(found) from None
        raise


def _digest(file: IO[bytes], path: Path, status: os.stat_result, progress: Progress) -> str:
    """The sha256 of the file, remembered by its place, size and time, so that the second load need not read it."""
    mark = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}"
    note = cache_folder("models") / "seen" / sha256(mark.encode("utf-8", "surrogateescape")).hexdigest()
    with suppress(OSError, UnicodeDecodeError):
        found = note.read_text("ascii")
        if len(found) == 64 and found.isalnum():
            return found
    digest = sha256()
    file.seek(0)
    while piece := file.read(PIECE):
        digest.update(piece)
        progress(min(file.tell() / max(status.st_size, 1), 1.0))
    with suppress(OSError):  # without the note the file is read again next time
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(digest.hexdigest(), "ascii")
    return digest.hexdigest()


def _is_current(kept: Path) -> bool:
    """Whether the cache has this conversion, whole and made by this version of the converter."""
    try:
        source = io.read_header(kept).card.get("source", {})
    except Refused:
        return False
    return isinstance(source, dict) and source.get("converter") == child.CONVERTER


def _convert(file: IO[bytes], name: str, digest: str, kept: Path, progress: Progress) -> None:
    """Let a child convert the open file, and put what it wrote into the cache."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(".part", dir=kept.parent)
    except OSError as error:
        raise Refused(f"the cache {kept.parent} cannot be written ({error.strerror}). {ELSEWHERE}") from error
    part = Path(beside)
    try:
        with os.fdopen(handle, "wb") as target:
            _run(file, name, target, progress)
        said = io.read_header(part).card["source"]["sha256"]
        if said != digest:
            raise Refused("it changed while it was read. Wait until it is complete, then load it again.")
        part.chmod(0o644)
        part.replace(kept)
    finally:
        part.unlink(missing_ok=True)


ELSEWHERE = "Make room, or name another folder in the environment variable PERFORM_CACHE."


def _run(file: IO[bytes], name: str, target: IO[bytes], progress: Progress) -> None:
    """The child from start to end. Raises Refused if it did not convert."""
    package = Path(__file__).resolve().parents[2]
    environment = {key: os.environ[key] for key in KEPT if key in os.environ}
    environment |= {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")} | {
        "PYTHONPATH": str(package)
    }
    command = [sys.executable, "-P", "-B", "-W", "ignore", "-X", "utf8", "-m", "models.checkpoints.child", name]
    file.seek(0)
    process = subprocess.Popen(command, stdin=file, stdout=target, stderr=subprocess.PIPE, env=environment)
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    alarm = threading.Timer(SECONDS, stop)
    alarm.daemon = True
    alarm.start()
    try:
        said = _listen(process, progress)
    finally:
        alarm.cancel()
        process.kill()  # only has an effect if listening broke off
        status = process.wait()
        assert process.stderr is not None
        process.stderr.close()
    if said.get("done"):
        return
    if "refused" in said:
        raise Refused(str(said["refused"]))
    if "unwritten" in said:
        raise Refused(f"its conversion cannot be written ({said['unwritten']}). {ELSEWHERE}")
    if late.is_set():
        raise Refused(f"reading it took longer than {SECONDS:.0f} seconds. It is damaged or made to harm.")
    if status == sandbox.REFUSED_STATUS:
        raise Refused(f"reading it tried to leave the sandbox ({said.get('last')}). Do not use it; report it, please.")
    raise Refused(f"its conversion broke off ({said.get('last') or f'status {status}'}). Is it still being downloaded?")


def _listen(process: subprocess.Popen[bytes], progress: Progress) -> dict[str, Any]:
    """The child's last word; its words on progress go on. Anything else it says is kept as `last`."""
    said: dict[str, Any] = {}
    assert process.stderr is not None
    for line in process.stderr:
        try:
            words = json.loads(line)
        except ValueError:
            said["last"] = line.decode("utf-8", "replace").strip()[:200]
            continue
        if isinstance(words, dict) and "progress" in words:
            progress(float(words["progress"]))
        elif isinstance(words, dict):
            said |= words
    return said
