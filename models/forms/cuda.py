"""The form on an NVIDIA card: the whole picture captured once as a CUDA graph, replayed with one call.

    card = OnCard(device)                                       # one for each deck
    form = CapturedForm(generator, "bfloat16", taps, card)      # off the generator's thread
    form.moving.copy_(numbers, non_blocking=True)               # each frame
    image = form.replay()

Everything that moves lies in buffers on the device (w, the noise's strength and the pose in `moving`; taps keep their
own numbers), so a frame is a few small copies and one replay: no launch by launch work for the processor, no
allocation, no synchronisation. The graph reads the generator's own weights where they lie, so values changed in place
show in the next picture; moving a weight to another address asks for a new capture.
https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs

Taps are captured with the rest: each must do the same work on every call and read its knobs from tensors on the device.
What captures is an argument, so that all of this can be tested where there is no card.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from models.forms.moving import Moving, at_rest, size
from models.generators import Generator, Scalar, identity

Tap = Callable[[Tensor], Tensor]
Capture = Callable[[Callable[[], Tensor]], tuple[Tensor, Callable[[], None]]]
WARM_UP = 3  # calls before a capture, in which libraries choose their kernels and make their workspaces


class OnCard:
    """Captures pictures of one deck on its card. Any thread, one at a time; other networks may play meanwhile.

    All its graphs share one pool of memory, so many captured pictures need the room of one. That is safe because
    a deck replays one graph at a time on one stream and its picture is read before the next replay: what one graph
    leaves in the pool the next may overwrite. Capturing runs nothing, so it harms no graph that plays.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = None  # torch's name for it is its own
        self._stream: torch.cuda.Stream | None = None

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        """`work` captured: the picture, which is always in the same place, and what makes it anew.

        RuntimeError where something in it cannot be captured; the card plays on.
        """
        with torch.cuda.device(self._device):
            if self._stream is None:
                # Blocks of memory belong to a stream, so graphs share a pool only if one stream captures them all.
                self._stream, self._pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()  # type: ignore[no-untyped-call]
            self._warm_up(work)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.stream(self._stream):
                # Not torch.cuda.graph(): it collects garbage and empties the cache of memory, and the picture would
                # stop. "thread_local": what other threads do with the card meanwhile is no error of this capture.
                graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
                try:
                    image = work()
                except BaseException:
                    with contextlib.suppress(RuntimeError):  # it says again that the capture is void
                        graph.capture_end()
                    self._stream = self._pool = None  # whatever state they are in, the next capture has its own
                    raise
                graph.capture_end()
        return image, graph.replay

    def _warm_up(self, work: Callable[[], Tensor]) -> None:
        # On a stream of its own: matrix products keep a workspace for each stream, and the one of the capturing stream
        # is in use by the graph that plays.
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        if beside == self._stream:  # there are 32, handed out in turn
            beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                work()
        beside.synchronize()  # this thread alone waits: what was made on the way is there for whoever replays


class CapturedForm:
    """One captured picture. Made on any thread, by the thread that captures; then one thread at a time replays it.

    `dtype` is float32 or bfloat16; float16 is refused: sums overflow it before demodulation brings them down.
    `moving` [`moving.size(generator)`] float32 on the device is laid out as `models.forms.moving.Moving` says.
    `captures` counts for tests. Raises whatever cannot be captured: mostly RuntimeError.
    """

    captures = 0

    def __init__(
        self,
        generator: Generator,
        dtype: str = "float32",
        taps: Mapping[str, Tap] | None = None,
        capture: Capture | None = None,
    ) -> None:
        if dtype not in ("float32", "bfloat16"):
            raise ValueError(f"{dtype} overflows inside the network; float32 and bfloat16 do not")
        self.dtype, self._taps = dtype, dict(taps or {})
        self.cuts = tuple(layer for layer in generator.layers if layer in self._taps)
        self._generator = generator
        device = generator.w_avg.device
        self.moving = torch.zeros(size(generator), device=device)
        self._places = Moving.of(self.moving, generator.num_ws)
        self._places.w.copy_(generator.w_avg.expand_as(self._places.w))
        self._places.noise_strength.fill_(1)
        self._rest = at_rest(generator)
        self._places.transform.copy_(self._rest.get("transform", torch.eye(3)))
        call: Callable[..., Tensor] = generator.synthesize
        self._moves = "anchor" in signature(call).parameters
        with torch.no_grad():
            self._image, self._replay = (capture or OnCard(device))(self._picture)
        type(self).captures += 1

    def _picture(self) -> Tensor:
        now = self._places
        call: Callable[..., Tensor] = self._generator.synthesize
        given = {"anchor": now.anchor} if self._moves else {}
        with _computing(self._generator, getattr(torch, self.dtype)):
            tap = self._tap if self._taps else identity  # fused kernels know that this one does nothing
            return call(now.w, "const", tap, now.noise_strength, transform=now.transform, **given)

    def _tap(self, layer: str, x: Tensor) -> Tensor:
        change = self._taps.get(layer)
        return x if change is None else change(x)

    @torch.no_grad()
    def __call__(self, w: Tensor, noise_strength: Scalar = 1.0, transform: Tensor | None = None) -> Tensor:
        """As `models.forms.form.Form`; the picture is the graph's own and stands until the next call of any graph that
        shares its memory.

        Whoever fills `self.moving` by one copy of all numbers calls `replay` instead.
        """
        self._places.w.copy_(w, non_blocking=True)
        strength = self._places.noise_strength
        if isinstance(noise_strength, Tensor):
            strength.copy_(noise_strength, non_blocking=True)
        else:
            strength.fill_(noise_strength)
        if transform is not None:
            self._places.transform.copy_(transform, non_blocking=True)
        return self.replay()

    def replay(self) -> Tensor:
        """The picture of what lies in `moving` and in the taps' numbers."""
        self._replay()
        return self._image


@contextlib.contextmanager
def _computing(generator: Generator, dtype: torch.dtype) -> Iterator[None]:
    """The network computes in this type for a while; left alone where it does, for another thread may be playing it."""
    before = generator.compute_dtype
    if before == dtype:
        yield
        return
    generator.compute_dtype = dtype
    try:
        yield
    finally:
        generator.compute_dtype = before
