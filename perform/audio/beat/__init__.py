"""The beat: a filter over tempo and phase, three small networks that know styles, and a clock. Card: `ear.md`."""
