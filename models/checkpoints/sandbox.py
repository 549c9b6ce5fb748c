"""What the converting child gives up before it looks at a foreign file.

| | Linux | macOS | Windows |
|---|---|---|---|
| no new file, socket or pipe (RLIMIT_NOFILE 0: the system refuses every new descriptor) | yes | yes | - |
| no network of its own (user and network namespaces) | where the system lets it | - | - |
| no new process (RLIMIT_NPROC 0) | not for root | yes | - |
| memory, time on the processor, size of the written file (RLIMIT_AS, _CPU, _FSIZE) | yes | memory: no | - |
| ends with its parent (PR_SET_PDEATHSIG) | yes | - | - |
| opening, importing, running, connecting ends it at once (an audit hook, which cannot be taken off) | yes | yes | yes |
| a limit of time, by the parent | yes | yes | yes |

All of this is the second wall. The first is that the reader has nothing that could open, import or run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

REFUSED_STATUS = 77  # how the child ends if the audit hook fires
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
PR_SET_PDEATHSIG, SIGKILL = 1, 9

# Audit events that reading and writing may not cause; https://docs.python.org/3/library/audit_events.html
FORBIDDEN = (
    "open", "import", "exec", "compile", "code.", "cpython.", "ctypes.", "ftplib.", "function.", "glob.",
    "http.", "imaplib.", "marshal.", "mmap.", "os.", "pathlib.", "pickle.", "pty.", "resource.", "shutil.",
    "signal.", "smtplib.", "socket.", "sqlite3.", "subprocess.", "sys.set", "sys._get", "sys.addaudithook",
    "syslog.", "telnetlib.", "tempfile.", "urllib.", "webbrowser.", "winreg.", "_winapi.", "msvcrt.",
    "_thread.start",
)  # fmt: skip


def leave_the_network() -> None:
    """On Linux: into namespaces of its own, where there is no network, and an end together with the parent. Many
    systems and containers do not let an ordinary user do the former; then the limit on descriptors is what remains.
    Only a process of one thread may leave, so numpy's libraries must have been told to start no others.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


def limit(memory: int, written: int, seconds: int) -> None:
    """Bytes of memory, bytes of one written file, seconds on the processor; no new descriptors, no processes, no core
    file. From here on nothing can be opened.
    """
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError):
        os.nice(10)  # the show goes first
    wanted = {"CORE": 0, "AS": memory, "FSIZE": written, "CPU": seconds, "NPROC": 0, "NOFILE": 0}
    for name, value in wanted.items():
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is not None:
            with contextlib.suppress(ValueError, OSError):  # macOS takes no RLIMIT_AS; a lower limit may stand already
                resource.setrlimit(which, (value, value))


def forbid() -> None:
    """End this process at once if it opens, imports, runs or connects to anything."""

    def hook(event: str, _arguments: tuple[object, ...]) -> None:
        if event.startswith(FORBIDDEN):
            os.write(2, f"forbidden: {event}\n".encode())
            os._exit(REFUSED_STATUS)

    sys.addaudithook(hook)
