"""The form on an NVIDIA card: the whole picture captured once as a CUDA graph, replayed with one call.

Everything that moves lies in one buffer on the device (w, the noise's strength, other moving inputs), so a frame is one
small copy and one replay: no launch by launch work for the processor, no allocation, no synchronisation. The graph
reads the generator's own weights where they lie, so values changed in place show in the next picture; moving a weight
to another address asks for a new capture. https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs

Taps are captured with the rest: each must do the same work on every call and read its knobs from tensors on the device.
Written from torch's documentation; the tests skip where there is no card.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from models.forms.moving import at_rest
from models.generators import Generator, Scalar

Tap = Callable[[Tensor], Tensor]
WARM_UP = 3  # calls before a capture, in which libraries choose their kernels and make their workspaces


class CapturedForm:
    """One captured picture. The thread that made it calls it; `captures` counts for tests.

    `dtype` is float32 or bfloat16. float16 is refused: sums overflow it before demodulation brings them down.
    """

    captures = 0

    def __init__(self, generator: Generator, dtype: str = "float32", taps: Mapping[str, Tap] | None = None) -> None:
        if dtype not in ("float32", "bfloat16"):
            raise ValueError(f"{dtype} overflows inside the network; float32 and bfloat16 do not")
        self.dtype, self._taps = dtype, dict(taps or {})
        self.cuts = tuple(layer for layer in generator.layers if layer in self._taps)
        self._generator = generator
        device = generator.w_avg.device
        rest = at_rest(generator)
        shapes: dict[str, list[int]] = {"w": [1, generator.num_ws, generator.w_dim], "noise_strength": []}
        shapes |= {name: list(t.shape) for name, t in rest.items()}
        counts = [math.prod(shape) for shape in shapes.values()]
        self.moving = torch.zeros(sum(counts), device=device)
        views = zip(shapes.items(), torch.split(self.moving, counts), strict=True)
        self._places = {name: flat.view(shape) for (name, shape), flat in views}
        self._places["noise_strength"].fill_(1)
        for name, value in rest.items():
            self._places[name].copy_(value)
        self._graph = torch.cuda.CUDAGraph()
        self._image = self._capture()

    @torch.no_grad()
    def _capture(self) -> Tensor:
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                self._picture()
        torch.cuda.current_stream().wait_stream(beside)
        # "thread_local": another network may be playing in its own thread meanwhile
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            image = self._picture()
        type(self).captures += 1
        return image

    def _picture(self) -> Tensor:
        places = self._places
        w, strength, transform = places["w"], places["noise_strength"], places.get("transform")
        before = self._generator.compute_dtype
        self._generator.compute_dtype = getattr(torch, self.dtype)
        try:
            return self._generator.synthesize(w, "const", self._tap, strength, transform=transform)
        finally:
            self._generator.compute_dtype = before

    def _tap(self, layer: str, x: Tensor) -> Tensor:
        change = self._taps.get(layer)
        return x if change is None else change(x)

    @torch.no_grad()
    def __call__(self, w: Tensor, noise_strength: Scalar = 1.0, transform: Tensor | None = None) -> Tensor:
        """As `models.forms.form.Form`; the picture is the graph's own and stands until the next call.

        Whoever fills `self.moving` by one copy of all numbers may call `replay` instead.
        """
        self._places["w"].copy_(w, non_blocking=True)
        strength = self._places["noise_strength"]
        if isinstance(noise_strength, Tensor):
            strength.copy_(noise_strength, non_blocking=True)
        else:
            strength.fill_(noise_strength)
        if transform is not None and "transform" in self._places:
            self._places["transform"].copy_(transform, non_blocking=True)
        return self.replay()

    def replay(self) -> Tensor:
        """The picture of what lies in `moving`."""
        self._graph.replay()
        return self._image
