"""`perform study hearing DIR`: how well the ear hears, on annotated music, beside other trackers."""

from __future__ import annotations

import argparse
from pathlib import Path

ABOUT = "judge the ear on annotated music"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("hearing",))
    parser.add_argument("folder", type=Path, metavar="DIR", help="WAV or FLAC files with NAME.json beside NAME.wav")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures")
    parser.add_argument("--level", type=float, default=0.0, metavar="DB", help="make the sound louder or quieter first")
    parser.add_argument("--noise", type=float, metavar="DB", help="add pink noise at this signal-to-noise ratio first")
    parser.add_argument("--no-peers", action="store_true", help="only our own ear")


def run(parsed: argparse.Namespace) -> None:
    import json

    from perform.audio.hearing.live import Treatment
    from perform.audio.hearing.study import study_hearing, text
    from perform.engine.problems import UserError

    try:
        import mir_eval  # noqa: F401
    except ImportError as error:
        raise UserError("this study needs mir_eval: pip install mir_eval (it is in the extra `dev`)") from error
    result = study_hearing(
        parsed.folder, treatment=Treatment(parsed.level, parsed.noise), with_peers=not parsed.no_peers
    )
    print(text(result))
    if parsed.json:
        parsed.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
