"""The commands, one file each; the folder is the registry.

A file here has `ABOUT` (one line of help), `arguments(parser)` and `run(parsed) -> int | None` (the exit status). Its
name is the command's, without the underscore that keeps it from being a Python keyword. Whatever is heavy is imported
inside `run`: every file is imported to build the help.
"""
