"""A compiled network on live weights, and how one is got."""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.forms import Unavailable, cache
from models.forms.mixing import Mixture
from models.forms.moving import at_rest
from models.forms.native import Library
from models.forms.pack import Packed, Step
from models.forms.packer import Packer, Pool
from models.generators import Generator, Scalar

log = logging.getLogger("models")

Tap = Callable[[Tensor], Tensor]
CHILD = [sys.executable, "-P", "-W", "ignore", "-m", "models.forms.build"]
COMPILED = itertools.count()  # how many child processes compiled something; tests look at it


class Form:
    """The picture of one generator from w, compiled. One thread at a time; the generator's own thread.

    Changes of the generator's weights in place show in the next picture. `cuts` are the layers that `taps` may name.
    """

    def __init__(self, generator: Generator, folder: Path, pool: Pool | None = None) -> None:
        about = json.loads((folder / "form.json").read_text())
        self.dtype: str = about["request"]["dtype"]
        self.cuts: tuple[str, ...] = tuple(about["request"]["cuts"])
        self._generator = generator
        weights = _weights(generator)
        if (folder / "constants.safetensors").is_file():
            weights |= load_file(folder / "constants.safetensors")
        steps = [Step(**step) for step in about["steps"]]
        self._pieces = [_Piece(piece, folder / f"piece{k}.so") for k, piece in enumerate(about["pieces"])]
        wanted = {one.name: one for piece in self._pieces for one in piece.packed}
        self._packer = Packer(weights, steps, list(wanted.values()), pool)
        place = {name: k for k, name in enumerate(wanted)}
        self._places = [[place[one.name] for one in piece.packed] for piece in self._pieces]
        self._rest = {name: value for name, value in at_rest(generator).items() if name in about["moving"]}
        self._shape = torch.Size([1, generator.num_ws, generator.w_dim])
        self._strength = torch.ones([])

    def follow(self, mixture: Mixture | None) -> None:
        """Change faster while the weights are mixtures of parents (`models.blending`). The pictures are the same to a
        unit in the last place of `dtype`, and the parents' own at the ends; None: no longer. A few milliseconds a
        parent, from any thread.
        """
        self._packer.follow(mixture)

    @torch.no_grad()
    def __call__(
        self,
        w: Tensor,
        noise_strength: Scalar = 1.0,
        taps: Mapping[str, Tap] | None = None,
        transform: Tensor | None = None,
    ) -> Tensor:
        """w [1, num_ws, w_dim] float32 -> [1, C, H, W] float32, as `synthesize` with constant noise gives it.

        `taps` maps layers among `cuts` to what shall be done to their output (a new tensor of the same shape).
        `transform` [3, 3] moves the picture, for networks that can; others pass over it. The picture is the caller's.
        ValueError for a tap that the form has no cut for, or a w of another shape.
        """
        taps = taps or {}
        if w.shape != self._shape:
            raise ValueError(f"w is {list(w.shape)}; this form takes {list(self._shape)}")
        if foreign := taps.keys() - set(self.cuts):
            raise ValueError(f"this form has no cut at {min(foreign)}; it has {', '.join(self.cuts) or 'none'}")
        if not isinstance(noise_strength, Tensor):
            noise_strength = self._strength.fill_(noise_strength)
        live: dict[str, Tensor] = {"w": w.float().contiguous(), "noise_strength": noise_strength, **self._rest}
        if transform is not None and "transform" in live:
            live["transform"] = transform.float().contiguous()
        torch.get_num_threads()  # asking tells a thread that is new to OpenMP how many cores torch was left
        self._packer.refresh()
        made = self._packer.made
        for piece, places in zip(self._pieces, self._places, strict=True):
            given = [live[name] for name in piece.moving] + [made[k] for k in places]
            live.update(zip(piece.gives, piece.library(given), strict=True))
            if piece.tap in taps:
                before = live[piece.gives[-1]]
                after = taps[piece.tap](before)
                live[piece.gives[-1]] = after if after.stride() == before.stride() else _strided(after, before)
        return live[self._pieces[-1].gives[-1]]


class _Piece:
    """What is known of one compiled piece."""

    def __init__(self, about: Mapping[str, Any], library: Path) -> None:
        self.moving: tuple[str, ...] = tuple(about["moving"])
        self.gives: tuple[str, ...] = tuple(about["gives"])
        self.tap: str = about["tap"]
        self.packed = [
            Packed(
                one["name"], tuple(one["weights"]), tuple(one["steps"]), tuple(one["shape"]), tuple(one["stride"]),
                one["dtype"],
            )
            for one in about["packed"]
        ]  # fmt: skip
        self.library = Library(library, len(self.gives))
        if self.library.inputs != len(self.moving) + len(self.packed):
            raise RuntimeError(f"the compiled network takes {self.library.inputs} inputs")


def _weights(generator: Generator) -> dict[str, Tensor]:
    """Parameters and buffers by name, the very tensors, also buffers that are not saved."""
    if not isinstance(generator, torch.nn.Module):
        raise Unavailable(f"{generator.architecture} is no torch module and plays as it is")
    return {**dict(generator.named_parameters()), **dict(generator.named_buffers())}


def _strided(t: Tensor, like: Tensor) -> Tensor:
    """A tap's result laid out as the next piece expects it; ValueError if it is no tensor of that shape."""
    if t.shape != like.shape:
        raise ValueError(f"a tap made {list(t.shape)} of {list(like.shape)}")
    return torch.empty_like(like).copy_(t)


def request_of(generator: Generator, dtype: str, cuts: Sequence[str]) -> dict[str, Any]:
    """All that a compiled form depends on but machine and code."""
    if foreign := [layer for layer in cuts if layer not in generator.layers]:
        raise ValueError(f"{generator.architecture} has no layer {foreign[0]}; it has {', '.join(generator.layers)}")
    ordered = [layer for layer in generator.layers if layer in cuts]
    config = json.loads(json.dumps(generator.config))
    return {"architecture": generator.architecture, "config": config, "dtype": dtype, "cuts": ordered}


def load_cached(
    generator: Generator, dtype: str = "float32", cuts: Sequence[str] = (), pool: Pool | None = None
) -> Form | None:
    """See `models.forms.load_cached`."""
    if generator.w_avg.device.type != "cpu" or not hasattr(torch._C, "_aoti"):
        return None
    folder = cache.folder_of(request_of(generator, dtype, cuts))
    if not (folder / "form.json").is_file():
        return None
    try:
        return Form(generator, folder, pool)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        log.warning("the compiled form in %s cannot be used (%s)", folder, error)
        return None


def compile_form(
    generator: Generator,
    dtype: str = "float32",
    cuts: Sequence[str] = (),
    progress: Callable[[float, str], None] | None = None,
    pool: Pool | None = None,
) -> Form:
    """See `models.forms.compile_form`."""
    if (ready := load_cached(generator, dtype, cuts, pool)) is not None:
        return ready
    _ask_for_means(generator)
    request = request_of(generator, dtype, cuts)
    target = cache.folder_of(request)
    with tempfile.TemporaryDirectory(prefix="part-", dir=cache.make_room(), ignore_cleanup_errors=True) as beside:
        cache.sweep(Path(beside))
        made = Path(beside) / "form"
        made.mkdir()
        _run_child({**request, "folder": str(made)}, Path(beside), progress)
        if target.is_dir():  # unusable, or another process was quicker
            shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    try:
        return Form(generator, target, pool)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        raise Unavailable(f"{generator.architecture} was compiled but cannot be used: {error}") from error


def compiler() -> str | None:
    """The C++ compiler that would be used, or None."""
    for name in (os.environ.get("CXX", ""), "g++", "clang++", "cl" if sys.platform == "win32" else ""):
        if name and (found := shutil.which(name)):
            return found
    return None


def _ask_for_means(generator: Generator) -> None:
    """Raises Unavailable, with the remedy, where compiling cannot come to anything."""
    if hasattr(generator, "prepare"):
        raise Unavailable(f"{generator.architecture} brings machine code of its own and plays as it is")
    if generator.w_avg.device.type != "cpu":
        raise Unavailable("compiled forms are for the processor; a card has models.forms.cuda")
    if not hasattr(torch._C, "_aoti"):
        raise Unavailable(f"torch {torch.__version__} cannot compile ahead of time; 2.6 or newer can")
    if compiler() is None:
        raise Unavailable(
            "no C++ compiler, so networks play uncompiled, at about half their speed; install g++ "
            "(Debian, Ubuntu: apt install g++; macOS: xcode-select --install)"
        )


def _run_child(request: dict[str, Any], scratch: Path, progress: Callable[[float, str], None] | None) -> None:
    """Compile in a child process. Raises Unavailable."""
    said = scratch / "said"
    environment = os.environ | {
        "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
    }
    next(COMPILED)
    with (
        said.open("w") as errors,
        subprocess.Popen(
            CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(request))
        child.stdin.close()
        for line in child.stdout:
            share, _, words = line.strip().partition(" ")
            if progress is not None:
                progress(float(share), words)
    if child.returncode:
        lines = said.read_text(errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"the compiling process ended with status {child.returncode}"
        raise Unavailable(f"{request['architecture']} cannot be compiled here and plays as it is: {why}")
