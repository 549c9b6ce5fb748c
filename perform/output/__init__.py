"""Frames become light: texture, shaders, HUD, recorder, window. On the main thread, with its context."""
