"""Changing the weights of a network while it plays, and taking it back.

Neural glitch after Klingemann (2018), convolutional layer reconnection after Ruzicka (2020), and splices between
models after Collins, Ruzicka and Grierson (2020). The weights of a trained network are altered, deleted or exchanged
by chance; what chance does is a seed, so a glitch is a few numbers (`glitch.Glitch`) that can be kept, written into a
preset and taken back.

- `glitch`: the numbers, the knobs, and the history behind keep, undo and home. No torch.
- `operations/`: what can be done to a layer, one file each.
- `rewriter.Rewriter`: does it to one loaded network, as a stage of `models.resident`.
- `sheet`: pictures of what it does.
"""
