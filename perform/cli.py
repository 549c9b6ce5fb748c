"""The command line. What the commands are is said by the files of `perform/commands`.

Errors of the user end with one line and exit status 2; a show that did not run as asked ends with 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

from perform import __version__, commands, large_pages
from perform.engine.problems import ShowStopped, UserError


def program() -> None:
    """The command as it is installed: run, then leave, whatever is still at work in a thread."""
    large_pages.ask()
    try:
        status = main()
    except SystemExit as asked:  # a plain stop (SIGTERM), or argparse
        status = asked.code if isinstance(asked.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.daemon and thread.is_alive() for thread in threading.enumerate()):
        # A thread that still imports torch or waits in a driver would be torn out of native code by the interpreter's
        # end, and the process would die of it with another status. All files are closed by now.
        os._exit(status)
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 as asked, 1 the show broke off, 2 for the user to mend."""
    parsed = parser().parse_args(arguments)
    level = logging.INFO if parsed.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        return int(parsed.run(parsed) or 0)
    except UserError as error:
        print(f"perform: {error}", file=sys.stderr)
        return 2
    except ShowStopped as error:
        print(f"perform: the show stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The arguments of every command."""
    top = argparse.ArgumentParser(prog="perform", description="Play generative networks live.")
    top.add_argument("--version", action="version", version=f"perform {__version__}")
    top.add_argument("-v", "--verbose", action="store_true", help="say more on standard error")
    several = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for found in iter_modules(commands.__path__):
        command = import_module(f"{commands.__name__}.{found.name}")
        if hasattr(command, "run"):  # words.py is no command
            one = several.add_parser(found.name.rstrip("_"), help=command.ABOUT, description=command.__doc__)
            command.arguments(one)
            one.set_defaults(run=command.run)
    return top


if __name__ == "__main__":
    program()
