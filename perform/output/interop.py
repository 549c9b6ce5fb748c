"""A picture from CUDA memory into a GL texture, without the host: CUDA-GL interop.

NVIDIA, CUDA Runtime API, "Graphics Interoperability" and "OpenGL Interoperability". Nothing here waits: the copy is
ordered on a stream of its own, behind the event that the generator recorded when the picture was ready, and mapping
orders it between the drawing before and the drawing after.
"""

from __future__ import annotations

import logging
from typing import Any

import moderngl

log = logging.getLogger("perform")

GL_TEXTURE_2D = 0x0DE1
WRITE_DISCARD = 2  # cudaGraphicsRegisterFlagsWriteDiscard


class NoInterop(RuntimeError):
    """The picture cannot go this way; the message says why."""


class Bridge:
    """Copies frames into one GL texture. Main thread, with the texture's context current.

    `runtime` is `cuda.bindings.runtime` (or what stands for it in a test), `streams` makes a stream for a device.
    """

    def __init__(self, runtime: Any, streams: Any) -> None:
        self._cuda, self._streams = runtime, streams
        self._stream: Any = None
        self._device: Any = None
        self._registered: tuple[moderngl.Texture, Any] | None = None

    def copy(self, pixels: Any, ready: Any, texture: moderngl.Texture) -> None:
        """Put `pixels`, a CUDA tensor `[H, W, 4]` uint8, into `texture` once the event `ready` has happened.

        Raises NoInterop where the driver refuses: another card draws than computes, or no interop in this context.
        """
        if self._device != pixels.device:
            self._device, self._stream = pixels.device, self._streams(pixels.device)
        resource = self._resource(texture)
        stream = self._stream.cuda_stream
        if ready is not None:
            self._stream.wait_event(ready)
        pixels.record_stream(self._stream)  # the allocator may not hand this memory on before the copy is done
        height, width = pixels.shape[:2]
        self._call("cudaGraphicsMapResources", 1, resource, stream)
        try:
            array = self._call("cudaGraphicsSubResourceGetMappedArray", resource, 0, 0)
            kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice
            row = 4 * width
            self._call("cudaMemcpy2DToArrayAsync", array, 0, 0, pixels.data_ptr(), row, row, height, kind, stream)
        finally:
            self._call("cudaGraphicsUnmapResources", 1, resource, stream)

    def forget(self) -> None:
        """Let go of the texture. Before it is released."""
        if self._registered is not None:
            resource, self._registered = self._registered[1], None
            try:
                self._call("cudaGraphicsUnregisterResource", resource)
            except NoInterop as error:
                log.info("%s", error)

    def _resource(self, texture: moderngl.Texture) -> Any:
        if self._registered is None or self._registered[0] is not texture:
            self.forget()
            self._call("cudaSetDevice", self._device.index or 0)
            made = self._call("cudaGraphicsGLRegisterImage", texture.glo, GL_TEXTURE_2D, WRITE_DISCARD)
            self._registered = (texture, made)
        return self._registered[1]

    def _call(self, name: str, *arguments: Any) -> Any:
        """One call of the runtime: its result, or NoInterop with the driver's word."""
        error, *result = getattr(self._cuda, name)(*arguments)
        if int(error) != 0:
            raise NoInterop(f"{name} said {getattr(error, 'name', error)}")
        return result[0] if result else None


def open_bridge() -> Bridge:
    """The bridge of this machine. Raises NoInterop where its parts are missing."""
    try:
        import torch
        from cuda.bindings import runtime
    except ImportError as error:
        raise NoInterop(f"{error}; install it with: pip install cuda-bindings") from error
    return Bridge(runtime, torch.cuda.Stream)
