"""What `models.generators.stylegan2` needs beside its file: the plan of a network."""
