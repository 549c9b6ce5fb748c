"""Steering: what is done to w after the walk, before the network sees it.

- `steer`: the instrument of a show: style mixing per layer and eight faders, each on a direction and a range of layers.
- `directions`, `files`: named directions of one network, and the file they are kept in, which a hand may edit.
- `find`: GANSpace components and SeFa directions of a network, in seconds.
- `sheet`: a picture of what each direction does. `factors`: measured, which of them move one thing alone.
- `bank`: places that were kept, and brought back exactly. `temperature`: how decided a mixture of classes is.

`steer`, `directions`, `files`, `bank` and `temperature` need no torch, so their knobs are there before a network is.
"""
