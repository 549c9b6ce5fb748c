"""The few numbers that belong to a place and not to a preset: kept in `settings.toml` of the user's own folder.

    "listen.offset_ms" = 35.0

Names of parameters and their values. They are set when a show begins, before its preset plays.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import tomli_w

from perform.engine.preset import user_folder
from perform.engine.problems import UserError


def place() -> Path:
    """The file."""
    return user_folder().parent / "settings.toml"


def load() -> dict[str, float]:
    """All that is kept; nothing where there is no file. Raises UserError that names the file and what is wrong."""
    path = place()
    try:
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}); mend or delete it") from error
    for name, value in kept.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f'{path}: "{name}" must be a number; mend or delete it')
    return {name: float(value) for name, value in kept.items()}


def keep(name: str, value: float) -> Path:
    """Keep one number; gives the file. Raises UserError where it cannot be written."""
    kept = load() | {name: value}
    path = place()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting = path.with_suffix(".toml.part")
        waiting.write_text(tomli_w.dumps(kept), encoding="utf-8")
        waiting.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; the number was not kept") from error
    return path
