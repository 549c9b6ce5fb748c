"""perform: an instrument for playing generative networks live. The line is in `perform/engine/loop.py`."""

__version__ = "0.1.0"
