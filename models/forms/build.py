"""Compiles one form: the child process behind `compile_form`.

    python -m models.forms.build < request.json

Reads one request (JSON: architecture, config, dtype, cuts, folder), builds the network with random weights, exports
it, has torch's AOTInductor write and compile C++ for it, and leaves in `folder` one shared library a piece and
`form.json`. Says on standard output how far it is (a share of 1 and a word), on standard error why it cannot.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

FORMAT = 1


def build_form(request: dict[str, Any], folder: Path, told: IO[str]) -> None:
    """Compile into `folder`. Whatever torch or the compiler raises comes out."""
    import torch
    from safetensors.torch import save_file

    from models.forms.graph import parts
    from models.forms.moving import at_rest
    from models.generators import build

    def tell(share: float, word: str) -> None:
        told.write(f"{share:.2f} {word}\n")
        told.flush()

    tell(0.02, "exporting")
    generator = build(request["architecture"], request["config"])
    for weight in generator.state_dict().values():
        weight.requires_grad_(False)
    generator.compute_dtype = getattr(torch, request["dtype"])
    whole = parts(generator, request["cuts"])
    if whole.constants:
        save_file(whole.constants, folder / "constants.safetensors")
    for k, piece in enumerate(whole.pieces):
        tell(0.1 + 0.9 * k / len(whole.pieces), f"compiling {k + 1} of {len(whole.pieces)}")
        library = compile_piece(piece.module, folder / f"piece{k}.pt2")
        library.rename(folder / f"piece{k}.so")
    about = {
        "format": FORMAT,
        "request": request,
        "moving": list(at_rest(generator)),
        "steps": [asdict(step) for step in whole.steps],
        "pieces": [
            {"moving": p.moving, "packed": [asdict(one) for one in p.packed], "gives": p.gives, "tap": p.tap}
            for p in whole.pieces
        ],
    }
    (folder / "form.json").write_text(json.dumps(about))
    tell(1.0, "done")


def compile_piece(module: Any, package: Path) -> Path:
    """A graph over tensors to a shared library beside `package`."""
    import torch

    examples = []
    for node in module.graph.find_nodes(op="placeholder"):
        value = node.meta["val"]
        examples.append(torch.empty_strided(value.shape, value.stride(), dtype=value.dtype).zero_())
    with torch.no_grad():
        exported = torch.export.export(module, tuple(examples), strict=False)
        known = torch._inductor.config.get_config_copy()
        options = {name: value for name, value in OPTIONS.items() if name in known}
        torch._inductor.aoti_compile_and_package(exported, package_path=str(package), inductor_configs=options)
    with zipfile.ZipFile(package) as parcel:
        (name,) = [name for name in parcel.namelist() if name.endswith(".so")]
        library = package.with_suffix(".library")
        library.write_bytes(parcel.read(name))
    package.unlink()
    return library


OPTIONS: dict[str, Any] = {
    "aot_inductor.precompile_headers": False,  # they pay from the third library on
    "aot_inductor.compile_wrapper_opt_level": "O0",  # it only calls
    "cpp.dynamic_threads": True,  # the show leaves a core to the picture, a film takes all
}


def leave_with(parent: int) -> None:
    """End this process when the one that asked is gone: a show that was closed leaves no compiler behind."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(1.0)
    os._exit(1)


def main() -> int:
    """The child's whole life."""
    threading.Thread(target=leave_with, args=[os.getppid()], daemon=True).start()
    request = json.load(sys.stdin)
    if hasattr(os, "nice"):
        os.nice(10)
    told, sys.stdout = sys.stdout, sys.stderr  # what torch prints is no report
    build_form(request, Path(request["folder"]), told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
