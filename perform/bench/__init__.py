"""Benchmarks as commands: `perform bench engine | generator | latency | osc | show | startup`.

Each gives rows of figures. Machines are noisy: medians and ratios of one run are what counts.
"""
