"""How the ear's small networks were made: music composed by rule, rendered, learned. Not needed to play.

`python -m perform.audio.training` runs the recipe; `perform/audio/beat/ear.md` is its card. Needs fluidsynth and free
soundfonts (Debian: see `render.SOUNDFONTS`), MMA and torch (in `tempi.py` and `barlines.py` alone).
"""
