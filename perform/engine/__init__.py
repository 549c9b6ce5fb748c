"""Time, signals, parameters, frames. Knows no device, no GL, no sound card."""
