"""python -m models.training RECIPE FOLDER: the training process that `perform train` starts.

`--processes 2` trains in two processes of one thread each, which make half of every batch and share gradients once a
step. On a busy machine that is several times faster than two threads, which wait for each other thousands of times a
step.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import distributed as dist

from models.training import train


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training", description="Train a recipe; continues where it stopped."
    )
    parser.add_argument("recipe")
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=None, help="processor threads of each process (default: all)")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--join", metavar="RANK:FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.processes == 1:
        train(options.recipe, options.folder)
        return
    rank, meeting = (options.join or "0:").split(":", 1)
    with tempfile.TemporaryDirectory() as folder:
        meeting = meeting or str(Path(folder) / "meeting")
        if not options.join:
            for other in range(1, options.processes):
                subprocess.Popen([sys.executable, *sys.orig_argv[1:], "--join", f"{other}:{meeting}"], env=os.environ)
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=int(rank), world_size=options.processes)
        train(options.recipe, options.folder, progress=not options.join)
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
