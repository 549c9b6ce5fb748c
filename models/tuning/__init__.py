"""The way that a network went while it was trained further, kept densely and played as one fader."""
