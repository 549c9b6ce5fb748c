"""Weights on disk: our own format in `io`, and one file for each foreign one."""


class Refused(ValueError):
    """A file that will not be loaded; the message names the file, what is wrong with it, and what to do."""
