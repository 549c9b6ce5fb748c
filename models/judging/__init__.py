"""Read-outs of what networks make: numbers that a performer may watch and an agent may aim at."""
