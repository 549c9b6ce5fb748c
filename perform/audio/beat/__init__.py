"""The beat: a filter over tempo and phase, two small perceptrons that know styles, and a clock. Card: `ear.md`."""
