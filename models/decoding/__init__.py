"""Creative decoding: quiet neurons of a trained network are made to speak, which itself stays as it is.

Das, Quanz et al., "Toward a Neuro-Inspired Creative Decoder" (IJCAI 2020). What is where:

- `statistics`: how often each neuron of a layer is active, how strongly, and with which others; gathered once.
- `choice`: which neurons a method switches on. Pure functions.
- `decoder`: the methods as taps for a network that plays, with their knobs.
- `sheet`: what each method makes of a few pictures.

What the paper leaves open, fixed here before the first run of the table (`perform study decode`):

- *Neuron*: a unit of a plain layer; of a layer of maps a channel, and its activity is the mean of its map.
- *Active*: above 0 where the layer is rectified and flat. Elsewhere, where nothing is ever exactly off: not below the
  15th percentile of all activities of the layer.
- *Low-active*: among the neurons that are ever active, those whose rate lies between the 1st and the 15th percentile.
- *Idea*: one low-active neuron that is off, drawn at random, and the off low-active ones whose activities correlate
  most with its own (Pearson), until `n_neurons` (5) are on.
- *On*: a neuron's mean activity when active plus `on_value` (1) of its standard deviations when active.
- *Random*: as many neurons that are off, drawn at random. *Noisy*: as many neurons, drawn at random, get Gaussian noise
  of the layer's standard deviation. A neuron that was never active has no on value and is left out of all three.
- The layer is the third hidden one of the paper's decoder.
"""
