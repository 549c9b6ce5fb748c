"""Two traps of X11, with libX11 asked directly, as it is there wherever GLFW's X11 is.

A window manager that ended badly leaves its `_NET_SUPPORTING_WM_CHECK` on the root window, pointing at a window that
is gone. GLFW 3.4.0 (the one in the wheel; mended in 3.5.1) then aborts the whole process.

And a screen saver darkens the wall in the middle of a show that nobody touches: GLFW holds it back only for its own
kind of fullscreen, which we do not use.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Any

PROPERTY = b"_NET_SUPPORTING_WM_CHECK"
ANY_TYPE = 0


def remove_stale_wm_check(display_name: str | None = None) -> bool:
    """Remove the property if its window is gone; says whether it did. Does nothing where there is no X11."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return False
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(display_name.encode() if display_name else None)
    if not display:
        return False
    try:
        return _remove(x11, ctypes.c_void_p(display))
    finally:
        x11.XCloseDisplay(ctypes.c_void_p(display))


class Wakefulness:
    """Keeps the screen saver away while its owner calls `touch` now and then. Does nothing where there is no X11."""

    def __init__(self, display_name: str | None = None) -> None:
        self._x11: Any = None
        self._display = None
        try:
            self._x11 = ctypes.CDLL("libX11.so.6")
        except OSError:
            return
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._display = self._x11.XOpenDisplay(display_name.encode() if display_name else None)

    def touch(self) -> None:
        """As if somebody had moved the mouse. Sends a few bytes and waits for nothing."""
        if self._display:
            self._x11.XResetScreenSaver(ctypes.c_void_p(self._display))
            self._x11.XFlush(ctypes.c_void_p(self._display))

    def close(self) -> None:
        """Let the screen saver have its way again."""
        if self._display:
            self._x11.XCloseDisplay(ctypes.c_void_p(self._display))
            self._display = None


def _remove(x11: Any, display: ctypes.c_void_p) -> bool:
    errors: list[int] = []
    handler_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def remember(_display: object, _event: object) -> int:
        errors.append(1)
        return 0

    x11.XDefaultRootWindow.restype = ctypes.c_ulong
    x11.XInternAtom.restype = ctypes.c_ulong
    x11.XSetErrorHandler.restype = ctypes.c_void_p
    root = ctypes.c_ulong(x11.XDefaultRootWindow(display))
    atom = ctypes.c_ulong(x11.XInternAtom(display, PROPERTY, True))
    if not atom.value:
        return False
    handler = handler_type(remember)
    former = x11.XSetErrorHandler(handler)
    try:
        window = _window_of(x11, display, root, atom)
        if window is None:
            return False
        owned = _window_of(x11, display, ctypes.c_ulong(window), atom)
        x11.XSync(display, 0)
        if owned == window and not errors:
            return False
        x11.XDeleteProperty(display, root, atom)
        x11.XSync(display, 0)
        return True
    finally:
        x11.XSetErrorHandler(ctypes.c_void_p(former))


def _window_of(x11: Any, display: ctypes.c_void_p, window: ctypes.c_ulong, atom: ctypes.c_ulong) -> int | None:
    """The window number in the property of `window`, or None."""
    kind, form = ctypes.c_ulong(), ctypes.c_int()
    count, left = ctypes.c_ulong(), ctypes.c_ulong()
    data = ctypes.POINTER(ctypes.c_ulong)()
    x11.XGetWindowProperty(
        display, window, atom, ctypes.c_long(0), ctypes.c_long(1), 0, ctypes.c_ulong(ANY_TYPE),
        ctypes.byref(kind), ctypes.byref(form), ctypes.byref(count), ctypes.byref(left), ctypes.byref(data),
    )  # fmt: skip
    if not data:
        return None
    found = int(data[0]) if count.value and form.value == 32 else None
    x11.XFree(data)
    return found
