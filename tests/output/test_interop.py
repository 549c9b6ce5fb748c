"""The way from CUDA memory to a GL texture. There is no CUDA where these tests usually run, so the runtime is a fake
(a substitute: it writes the host's bytes into the real texture) that keeps the rules of the real one.
"""

from __future__ import annotations

import enum
from types import SimpleNamespace
from typing import Any

import moderngl
import numpy as np
import pytest

from perform.engine.clock import Tick
from perform.engine.frame import Frame
from perform.output.interop import Bridge, NoInterop
from perform.output.texture import FrameTexture
from perform.output.wall import OffscreenWall

pytestmark = pytest.mark.gl


class Error(enum.IntEnum):
    cudaSuccess = 0  # noqa: N815  the runtime's own names
    cudaErrorUnknown = 999  # noqa: N815


class Memory:
    """What a CUDA tensor shows of itself."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.host, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
        self.device = SimpleNamespace(type="cuda", index=0)
        self.recorded: list[Any] = []

    def data_ptr(self) -> int:
        return id(self)

    def record_stream(self, stream: Any) -> None:
        self.recorded.append(stream)

    def detach(self) -> Memory:
        return self

    def cpu(self) -> Any:
        return SimpleNamespace(numpy=lambda: self.host)


class Runtime:
    """The calls of the CUDA runtime that the bridge makes, with the rules of its documentation."""

    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDeviceToDevice=3)  # noqa: N815

    def __init__(self, ctx: moderngl.Context, refuse: str = "") -> None:
        self.ctx, self.refuse = ctx, refuse
        self.calls: list[str] = []
        self.registered: set[int] = set()
        self.mapped: set[int] = set()
        self.memory: dict[int, Memory] = {}
        self.textures: dict[int, moderngl.Texture] = {}

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> tuple[Any, ...]:
            self.calls.append(name)
            if name == self.refuse:
                return (Error.cudaErrorUnknown,)
            return (Error.cudaSuccess, *getattr(self, f"do_{name}")(*arguments))

        return call

    def do_cudaSetDevice(self, _: int) -> tuple[()]:  # noqa: N802
        return ()

    def do_cudaGraphicsGLRegisterImage(self, glo: int, kind: int, flags: int) -> tuple[int]:  # noqa: N802
        assert (kind, flags) == (0x0DE1, 2)
        assert glo not in self.registered
        self.registered.add(glo)
        return (glo,)

    def do_cudaGraphicsMapResources(self, count: int, resource: int, _: Any) -> tuple[()]:  # noqa: N802
        assert count == 1
        assert resource in self.registered - self.mapped
        self.mapped.add(resource)
        return ()

    def do_cudaGraphicsSubResourceGetMappedArray(self, resource: int, *_: int) -> tuple[int]:  # noqa: N802
        assert resource in self.mapped
        return (resource,)

    def do_cudaMemcpy2DToArrayAsync(  # noqa: N802
        self, array: int, x: int, y: int, source: int, pitch: int, width: int, height: int, kind: int, _: Any
    ) -> tuple[()]:
        memory = self.memory[source]
        assert (x, y, kind) == (0, 0, 3)
        assert pitch == width == 4 * memory.shape[1]
        assert height == memory.shape[0]
        self.textures[array].write(np.ascontiguousarray(memory.host))
        return ()

    def do_cudaGraphicsUnmapResources(self, _: int, resource: int, __: Any) -> tuple[()]:  # noqa: N802
        self.mapped.remove(resource)
        return ()

    def do_cudaGraphicsUnregisterResource(self, resource: int) -> tuple[()]:  # noqa: N802
        assert resource not in self.mapped
        self.registered.remove(resource)
        return ()


class Stream:
    cuda_stream = 77

    def __init__(self, _: Any) -> None:
        self.waited: list[Any] = []

    def wait_event(self, event: Any) -> None:
        self.waited.append(event)


class Bench:
    """A texture with a bridge over the fake runtime."""

    def __init__(self, wall: OffscreenWall, refuse: str = "") -> None:
        self.runtime = Runtime(wall.ctx, refuse)
        self.streams: list[Stream] = []
        self.texture = FrameTexture(wall.ctx, bridge=lambda: Bridge(self.runtime, self._stream))
        sized = self.texture._sized

        def known(height: int, width: int) -> moderngl.Texture:
            texture = sized(height, width)
            self.runtime.textures[texture.glo] = texture
            return texture

        self.texture._sized = known

    def _stream(self, device: Any) -> Stream:
        self.streams.append(Stream(device))
        return self.streams[-1]

    def show(self, pixels: np.ndarray, index: int, event: object = None) -> Memory:
        memory = Memory(pixels)
        self.runtime.memory[id(memory)] = memory
        self.texture.update(Frame(memory, Tick(index, 0.0, 0.0), "cuda:0", ready=event))
        return memory


def noise(seed: int, height: int = 6, width: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


def test_a_picture_goes_across_without_the_host_and_behind_its_event(wall: OffscreenWall) -> None:
    bench = Bench(wall)
    for index in range(5):
        memory = bench.show(noise(index), index, f"event {index}")
        assert bench.texture.texture.read() == noise(index).tobytes()
        assert memory.recorded == bench.streams
    assert bench.texture.path == "cuda-gl"
    assert bench.streams[0].waited == [f"event {index}" for index in range(5)]
    assert bench.runtime.calls.count("cudaGraphicsGLRegisterImage") == 1, "registered once, not each frame"
    assert not bench.runtime.mapped


def test_another_size_registers_another_texture_and_lets_go_of_the_first(wall: OffscreenWall) -> None:
    bench = Bench(wall)
    bench.show(noise(1), 0)
    bench.show(noise(2, 10, 4), 1)
    assert bench.texture.texture.size == (4, 10)
    assert bench.runtime.registered == {bench.texture.texture.glo}
    bench.texture.release()
    assert bench.runtime.registered == set()


@pytest.mark.parametrize(
    "refuse", ["cudaGraphicsGLRegisterImage", "cudaGraphicsMapResources", "cudaMemcpy2DToArrayAsync"]
)
def test_where_the_driver_refuses_pictures_go_through_the_host(wall: OffscreenWall, refuse: str) -> None:
    bench = Bench(wall, refuse)
    for index in range(3):
        bench.show(noise(index), index)
        assert bench.texture.texture.read() == noise(index).tobytes()
    assert bench.texture.path == "download"
    assert bench.runtime.calls.count(refuse) == 1, "what failed once is not tried at every frame"
    assert not bench.runtime.mapped


def test_without_the_bindings_pictures_go_through_the_host(wall: OffscreenWall) -> None:
    def missing() -> Bridge:
        raise NoInterop("No module named 'cuda'")

    texture = FrameTexture(wall.ctx, bridge=missing)
    texture.update(Frame(Memory(noise(1)), Tick(0, 0.0, 0.0), "cuda:0"))
    assert texture.texture.read() == noise(1).tobytes()
    assert texture.path == "download"
