"""Network bending: transforms put between the layers of a trained network, which itself stays as it is.

Broad, Leymarie and Grierson, "Network Bending" (2021): u = sigma(W2 f(sigma(W1 x + b1), y) + b2). What is where:

- `transforms/`: one pure function a file; the folder is the registry, the signature declares the knobs.
- `slots`: what a performer sets: which transform, at which layer, on which channels, how strongly.
- `bender`: slots and a network become taps; all numbers that move lie in one flat vector.
- `warp`, `morphology`, `pyramid`, `layout`: what transforms of one family share.
- `native`: the same as machine code (`fetch.cpp`, `spread.cpp`, `change.cpp`), where there is a compiler.
- `clusters`, `grouping`, `sheet`: groups of channels that draw the same thing, found in seconds, and a picture of what
  each does; `classifier`: the paper's way to find them.
- `enlarge`: native wide pictures by resizing and tiling maps (Pouliot 2020).
- `author`, `plain_yaml`: the configurations and cluster files of the paper's own program.
"""
