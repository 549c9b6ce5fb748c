"""The kernels by Triton's compiler, down to machine code for cards, at the sizes of a network for 1024x1024.

A network without numbers is played while each launch is written down; then the launches are compiled as Triton would on
a card. `test_fused` runs this file in a process of its own.
"""

import math
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from models.generators import build, fused
from models.generators.fused import kernels, operations, styles

NAMES = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int64: "*i64"}
ALIGNED = [["tt.divisibility", 16]]


@dataclass(frozen=True)
class Launch:
    name: str
    grid: tuple[int, ...]
    given: tuple[Any, ...]
    warps: int
    constants: dict[str, Any]

    @property
    def transposed(self) -> bool:
        return self.name == "fold" and self.constants["rows"] > 1

    def work(self) -> int:
        tile = self.constants["rows"] * self.constants["columns"] * self.constants.get("lines", 1)
        return math.prod(self.grid) * tile

    def compiled(self, target: GPUTarget) -> Any:
        """As Triton's launcher does it: ones are constants, what is divisible by 16 is told so."""
        kernel = getattr(kernels, self.name)
        signature: dict[str, str] = dict.fromkeys(kernel.arg_names, "constexpr")
        constants: dict[tuple[int, ...], Any] = {}
        aligned: dict[tuple[int, ...], Any] = {}
        for k, (name, value) in enumerate(zip(kernel.arg_names, self.given, strict=False)):
            if isinstance(value, torch.Tensor):
                signature[name] = NAMES[value.dtype]
                if name not in kernels.SCALARS:
                    aligned[k,] = ALIGNED
            elif isinstance(value, float):
                signature[name] = "fp32"
            elif value == 1:
                constants[k,] = 1
            else:
                signature[name] = "i32"
                if value % 16 == 0:
                    aligned[k,] = ALIGNED
        for name, value in self.constants.items():
            constants[kernel.arg_names.index(name),] = value
        source = ASTSource(kernel, signature, constants, aligned)
        return triton.compile(source, target=target, options={"num_warps": self.warps})


@pytest.fixture(scope="module")
def launches() -> Iterator[list[Launch]]:
    found: list[Launch] = []

    def launch(name: str, grid: tuple[int, ...], *given: Any, warps: int = 4, **constants: Any) -> None:
        found.append(Launch(name, grid, given, warps, constants))

    with torch.device("meta"), pytest.MonkeyPatch.context() as patch, torch.no_grad():
        g = build("stylegan2", {"img_resolution": 1024, "conv_clamp": 256.0})
        g.compute_dtype = torch.bfloat16
        patch.setattr(operations, "launch", launch)
        patch.setattr(styles, "launch", launch)
        patch.setattr(fused, "KINDS", {"meta"})
        patch.setattr(fused, "_verdicts", {torch.device("meta"): True})
        picture = g.synthesize(torch.empty([1, g.num_ws, g.w_dim]), noise_strength=torch.ones([]))
        assert picture.shape == (1, 3, 1024, 1024)
        assert operations.join(torch.empty([1, 32, 1024, 1024]), torch.empty([1, 32, 512, 512])).is_meta
        yield found


def test_a_frame_of_a_thousand_pixels_is_few_launches(launches: list[Launch]) -> None:
    names = [one.name for one in launches]
    assert names.count("styles") == 1
    assert names.count("fold") == 17
    assert names.count("finish") == 9
    assert names.count("blur_finish") == 8
    assert names.count("to_rgb") == 9
    for one in launches:  # what a launch may be, says CUDA
        assert one.grid[0] < 2**31
        assert max([*one.grid[1:], 1]) < 2**16


@pytest.mark.parametrize("name", ["styles", "fold", "fold transposed", "finish", "blur_finish", "to_rgb", "join"])
def test_machine_code(launches: list[Launch], name: str, tmp_path: Path) -> None:
    """For the most work that a frame has: nothing is spilled, bfloat16 maps are read and written 16 bytes at a time."""
    kernel, _, transposed = name.partition(" ")
    most = max((one for one in launches if one.name == kernel and one.transposed == bool(transposed)), key=Launch.work)
    made = most.compiled(GPUTarget("cuda", 80, 32))
    (tmp_path / "cubin").write_bytes(made.asm["cubin"])
    ask = [triton.knobs.nvidia.cuobjdump.path, "-res-usage", str(tmp_path / "cubin")]
    usage = subprocess.run(ask, check=True, capture_output=True, text=True, timeout=60).stdout
    assert " STACK:0 " in usage
    assert " LOCAL:0 " in usage
    code = made.asm["ptx"]
    assert "ld.global.v4.b32" in code or kernel == "join"
    assert "st.global.v4.b32" in code or kernel in ("styles", "to_rgb", "join")
