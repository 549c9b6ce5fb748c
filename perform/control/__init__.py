"""What hands do: OSC, MIDI, keys and slow oscillators become events. Knows no sound card, no window and no picture."""
