"""python -m models.training RECIPE FOLDER: the training process that `perform train` starts."""

import argparse

import torch

from models.training import train

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m models.training", description="Train a recipe; continues where it stopped.")
    parser.add_argument("recipe")
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=None, help="processor threads (default: all)")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    train(options.recipe, options.folder)
