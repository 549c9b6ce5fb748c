"""A pickle machine that runs nothing: opcodes in, plain values and inert records out.

Python's own unpickler looks names up, calls them and sets attributes on what it finds; here none of that exists. A
name in the file stays a `Name`, two strings. REDUCE on a name asks the reader's table (`models.checkpoints.inert`)
what *we* do for exactly this pair, and a name outside the table makes an `Opaque`: a sealed stone that swallows
whatever the file does to it. So there is nothing to import, nothing to call and nothing to set; what a reader may not
use, it refuses when it meets a stone.

Only opcodes that protocols 2 to 5 write are known (Python's `pickletools` documents them). All work is linear in the
file: bytes are views of it, keys are plain scalars (a tuple as key could nest a million deep, and Python hashes it
recursively), the memo is a dict (the C unpickler makes an array as long as the file says), and the number of
operations has a limit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from models.checkpoints import Refused
from models.checkpoints.opcodes import OPCODES, STOP
from models.checkpoints.sealed import CUT, Name, Opaque, damaged

MOST_OPERATIONS = 5_000_000  # the snapshot of a 1024x1024 StyleGAN2 with its discriminator has 65,000

# Asked for only by files made to run a program: said in so many words. (What is not here is not run either.)
HOSTILE_MODULES = {
    "os", "posix", "nt", "subprocess", "sys", "importlib", "runpy", "socket", "shutil", "ctypes", "code", "pty",
    "pickle", "_pickle", "marshal", "webbrowser", "multiprocessing", "asyncio", "commands", "pip", "urllib",
    "requests",
}  # fmt: skip
HOSTILE_BUILTINS = {"eval", "exec", "execfile", "compile", "open", "globals", "breakpoint", "input", "apply"}

_SIZED = (str, list, tuple, dict)

Persistent = Callable[[object], object]
Handler = Callable[[tuple[Any, ...]], object]


class Budget:
    """What a file may still ask for, shared by all pickles inside it."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_OPERATIONS) -> None:
        self.left = left

    def spend(self, amount: int) -> None:
        """Take from it; Refused when it is used up."""
        self.left -= amount
        if self.left < 0:
            raise Refused("it asks for millions of operations, as no network does. It is damaged or made to harm.")


class Machine:
    """Reads the one pickle that starts at `at` of `data`; afterwards `at` is just behind it.

    `names` says what is done for each allowed (module, name); `persistent` answers persistent ids (None: they are
    refused). Every Name outside the table is in `foreign`. `run` raises Refused and nothing else.
    """

    def __init__(
        self,
        data: memoryview,
        names: Mapping[tuple[str, str], Handler],
        persistent: Persistent | None = None,
        at: int = 0,
        progress: Callable[[float], None] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.data, self.names, self.persistent, self.at = data, names, persistent, at
        self.progress = progress
        self.foreign: set[Name] = set()
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.budget = budget or Budget()

    def run(self) -> object:
        """The value that the pickle holds."""
        data, stop, budget = self.data, len(self.data), self.budget
        try:
            while (code := data[self.at]) != STOP:
                self.at += 1
                budget.spend(1)
                if self.progress is not None and not budget.left % 256:
                    self.progress(self.at / stop)
                OPCODES[code](self)
            self.at += 1
            return self.pop()
        except KeyError as error:  # an opcode or a place in the memo that does not exist
            raise damaged(f"at byte {self.at}") from error
        except (IndexError, struct.error) as error:  # beyond the end of the data
            raise Refused(CUT) from error
        except UnicodeDecodeError as error:
            raise damaged("text that is no text") from error

    def take(self, count: int) -> memoryview:
        """The next `count` bytes, as a view."""
        end = self.at + count
        if end > len(self.data):
            raise Refused(CUT)
        taken, self.at = self.data[self.at : end], end
        return taken

    def number(self, form: struct.Struct) -> Any:
        """The next number."""
        (value,) = form.unpack_from(self.data, self.at)
        self.at += form.size
        return value

    def text(self, count: int) -> str:
        """The next `count` bytes as text, decoded as Python's unpickler does."""
        return str(self.take(count), "utf-8", "surrogatepass")

    def line(self) -> str:
        """The text up to the next line feed, as in GLOBAL."""
        piece = bytes(self.data[self.at : self.at + 512])
        length = piece.find(b"\n")
        if length < 0:
            raise Refused(CUT) if len(piece) < 512 else damaged("a name without end")
        self.at += length + 1
        return piece[:length].decode("utf-8")

    def pop(self) -> Any:
        """The top of the stack, never from below the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise damaged("an empty stack")
        return self.stack.pop()

    def top(self) -> Any:
        """The top of the stack, left there."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise damaged("an empty stack")
        return self.stack[-1]

    def since_mark(self) -> list[Any]:
        """What was pushed since the last mark, taken off with the mark."""
        if not self.marks:
            raise damaged("no mark")
        start = self.marks.pop()
        items, self.stack[start:] = self.stack[start:], []
        return items

    def name(self, module: object, name: object) -> Name:
        """A name, noted if we have nothing for it. Dotted and double-underscore names are ways out of a table."""
        if not (isinstance(module, str) and isinstance(name, str) and len(module) < 300 and len(name) < 300):
            raise damaged("a name that is no text")
        found = Name(module, name)
        hostile = module.partition(".")[0] in HOSTILE_MODULES
        hostile |= module in ("builtins", "__builtin__") and name in HOSTILE_BUILTINS
        if hostile or "." in name or name.startswith("__"):
            raise Refused(f"it asks for {found}, as only a harmful file does. Nothing was run; delete it.")
        if (module, name) not in self.names:
            self.foreign.add(found)
        return found

    def made(self, what: object, args: object) -> object:
        """REDUCE and NEWOBJ: what we make where the file would call `what(*args)`."""
        if isinstance(what, Opaque):
            return what
        if not isinstance(what, Name) or not isinstance(args, tuple):
            raise damaged("a call of something that is no name")
        # What a handler copies is work too: otherwise one long list, copied again and again, would never end.
        self.budget.spend(sum(len(a) // 1000 if isinstance(a, str) else len(a) for a in args if isinstance(a, _SIZED)))
        handler = self.names.get((what.module, what.name))
        return Opaque(what) if handler is None else handler(args)
