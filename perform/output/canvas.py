"""The few GL pieces that every pass is made of: a program that fills a picture, and a picture that can be filled.

Textures are in GL's order, bottom row first; only what comes in (`texture.py`) and what goes out to a file
(`Wall.read`, `Stage`) has the top row first. Main thread only, like everything that touches a context.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
Pixels = NDArray[np.uint8]

VERTEX = """#version 330 core
out vec2 isf_FragNormCoord;
void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    isf_FragNormCoord = corner;
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}
"""

SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software", "gdi generic", "basic render")


def renderer(ctx: moderngl.Context) -> str:
    """The name that the driver gives itself."""
    return str(ctx.info["GL_RENDERER"])


def is_software(ctx: moderngl.Context) -> bool:
    """Whether pictures are made on the processor; then small canvases are wise."""
    name = renderer(ctx).lower()
    return any(word in name for word in SOFTWARE)


def paint_alone() -> None:
    """Let Mesa's software renderer paint on the thread that asks, not on threads of its own. Before the first context.

    Its own threads corrupt the heap, about once in an hour of a show: `lp_fence_signalled` looks at a fence without its
    lock, so the fence may be freed while the painting thread still gives that lock back (seen in a core file of Mesa
    22.3; the code is the same in later ones). And a core is left to the network. LP_NUM_THREADS overrules it.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")


class Patience:
    """What is called after each pass. On a real device it does nothing: nothing may wait in the frame path.

    A software renderer waits anyway, at the first pass that reads what the last one drew; but it waits inside moderngl,
    which holds the interpreter's lock, and so the network's thread and the ear's stand still for as long as the
    picture takes. Waiting here, on a fence, costs no time and leaves them running: on two cores, hand to photon went
    from 256 ms to 95 (p99). `between` is called about once a millisecond of it: something else to look after.
    """

    def __init__(self, fences: _Fences | None) -> None:
        self.between: Callable[[], None] = _nothing
        self._fences = fences

    def __call__(self) -> None:
        """Wait until all that was drawn is there. Main thread."""
        if self._fences is None:
            return
        fence = self._fences.fence(_GPU_COMMANDS_COMPLETE, 0)
        while fence and self._fences.wait(fence, _FLUSH, _LOOK_UP) == _TIMEOUT_EXPIRED:
            self.between()
        self._fences.delete(fence)
        self.between()


@dataclass(frozen=True, slots=True)
class _Fences:
    """The driver's fence calls, called without the interpreter's lock. OpenGL 3.2, section 5.2."""

    fence: Callable[[int, int], int | None]
    wait: Callable[[int, int, int], int]
    delete: Callable[[int | None], None]


_GPU_COMMANDS_COMPLETE, _FLUSH, _TIMEOUT_EXPIRED = 0x9117, 1, 0x911B
_LOOK_UP = 1_000_000  # nanoseconds


def patience(ctx: moderngl.Context) -> Patience:
    """The patience of this context, always the same one."""
    if not isinstance(ctx.extra, Patience):
        ctx.extra = Patience(_fences() if is_software(ctx) else None)
    return ctx.extra


@cache
def _fences() -> _Fences | None:
    """None where the calls cannot be had that way: then moderngl waits."""
    if not sys.platform.startswith("linux"):
        return None
    for library in ("libOpenGL.so.0", "libGL.so.1"):
        try:
            driver = ctypes.CDLL(library)  # ctypes gives the lock away during a call
            fence, wait, delete = driver.glFenceSync, driver.glClientWaitSync, driver.glDeleteSync
        except (OSError, AttributeError):
            continue
        fence.restype, fence.argtypes = ctypes.c_void_p, (ctypes.c_uint, ctypes.c_uint)
        wait.restype, wait.argtypes = ctypes.c_uint, (ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint64)
        delete.restype, delete.argtypes = None, (ctypes.c_void_p,)
        return _Fences(fence, wait, delete)
    return None


def _nothing() -> None:
    """Nobody to look after."""


@dataclass(frozen=True, slots=True)
class Target:
    """A texture with the framebuffer that draws into it."""

    texture: moderngl.Texture
    framebuffer: moderngl.Framebuffer

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        width, height = self.texture.size
        return int(width), int(height)

    def clear(self) -> None:
        """Transparent black."""
        self.framebuffer.clear()

    def release(self) -> None:
        """Give the memory back."""
        self.framebuffer.release()
        self.texture.release()


def target(ctx: moderngl.Context, size: Size, dtype: str = "f1") -> Target:
    """An RGBA picture to draw into, cleared: 8 bits a channel, or half floats with dtype "f2". Sampled smoothly."""
    texture = ctx.texture(size, 4, dtype=dtype)
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    texture.repeat_x = texture.repeat_y = False
    made = Target(texture, ctx.framebuffer([texture]))
    made.clear()
    return made


class Pass:
    """A program that fills a whole framebuffer.

    `set` and `sample` ignore names that the compiler found unused, so a shader may be edited down to nothing.
    """

    def __init__(self, ctx: moderngl.Context, fragment: str, vertex: str = VERTEX) -> None:
        """Compile. Raises moderngl.Error with the driver's words."""
        self.program = ctx.program(vertex_shader=vertex, fragment_shader=fragment)
        self._array = ctx.vertex_array(self.program, [])
        self._wait = patience(ctx)
        self._uniforms: dict[str, Any] = {
            name: self.program[name] for name in self.program if isinstance(self.program[name], moderngl.Uniform)
        }
        self._units = {name: unit for unit, name in enumerate(self._samplers())}
        for name, unit in self._units.items():
            self._uniforms[name].value = unit

    def _samplers(self) -> list[str]:
        return [name for name, uniform in self._uniforms.items() if uniform.gl_type == 0x8B5E]  # GL_SAMPLER_2D

    def __contains__(self, name: str) -> bool:
        return name in self._uniforms

    def set(self, name: str, value: object) -> None:
        """Set a uniform: a number, or a tuple for a vector."""
        if name in self._uniforms:
            self._uniforms[name].value = value

    def sample(self, name: str, texture: moderngl.Texture) -> None:
        """Let the sampler `name` read `texture`."""
        if name in self._units:
            texture.use(self._units[name])

    def draw(self, framebuffer: moderngl.Framebuffer, uniforms: Mapping[str, object] | None = None) -> None:
        """Fill `framebuffer`."""
        for name, value in (uniforms or {}).items():
            self.set(name, value)
        framebuffer.use()
        self._array.render(moderngl.TRIANGLES, vertices=3)
        self._wait()

    def release(self) -> None:
        """Give the program back."""
        self._array.release()
        self.program.release()


def read(framebuffer: moderngl.Framebuffer, size: Size) -> Pixels:
    """The picture as `[H, W, 4]` uint8, top row first. Waits for the device: not for the frame path."""
    width, height = size
    raw = np.frombuffer(framebuffer.read(viewport=(0, 0, width, height), components=4, alignment=1), dtype=np.uint8)
    return np.ascontiguousarray(raw.reshape(height, width, 4)[::-1])
