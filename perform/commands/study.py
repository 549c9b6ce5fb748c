"""`perform study`: the studies behind the claims.

`perform study hearing DIR`: how well the ear hears, on annotated music, beside other trackers.
`perform study decode`: how far from home each way of decoding leads, over several trainings.
`perform study divergence`: the checks of each method of training, over several trainings, with a page of pictures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perform.commands.words import positive
from perform.engine.problems import UserError

ABOUT = "judge the ear on annotated music, the ways of decoding, or the methods of divergent training"


def arguments(parser: argparse.ArgumentParser) -> None:
    studies = parser.add_subparsers(dest="what", required=True)
    hearing = studies.add_parser("hearing", help="judge the ear on annotated music")
    hearing.add_argument("folder", type=Path, metavar="DIR", help="WAV or FLAC files with NAME.json beside NAME.wav")
    hearing.add_argument(
        "--level", type=float, default=0.0, metavar="DB", help="make the sound louder or quieter first"
    )
    hearing.add_argument("--noise", type=float, metavar="DB", help="add pink noise at this signal-to-noise ratio first")
    hearing.add_argument("--no-peers", action="store_true", help="only our own ear")
    decode = studies.add_parser("decode", help="the table of Das et al. 2020 on substitutes for its data")
    decode.add_argument("--seeds", type=positive, default=5, help="how many trainings of each set (5)")
    decode.add_argument("--samples", type=positive, default=10_000, help="pictures a method (10,000)")
    decode.add_argument("--threads", type=positive, default=1, help="processor threads (1)")
    divergence = studies.add_parser("divergence", help="each method's checks over its trainings, on small drawn data")
    divergence.add_argument("--rows", nargs="+", metavar="ROW", help="only these (all); --rows list names them")
    divergence.add_argument("--seeds", type=positive, default=5, help="how many trainings of each (5)")
    divergence.add_argument(
        "--quick", action="store_true", help="a minute, to see that it runs; the numbers mean nothing"
    )
    divergence.add_argument("-o", "--out", type=Path, metavar="DIR", help="write a page with pictures there")
    divergence.add_argument("--keep", type=Path, metavar="DIR", help="where runs are kept (the user's cache)")
    for one in (hearing, decode, divergence):
        one.add_argument("--json", type=Path, metavar="FILE", help="also write all figures")


def run(parsed: argparse.Namespace) -> None:
    result = {"hearing": _hearing, "decode": _decode, "divergence": _divergence}[parsed.what](parsed)
    if parsed.json and result:
        parsed.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _hearing(parsed: argparse.Namespace) -> dict[str, Any]:
    from perform.audio.hearing.live import Treatment
    from perform.audio.hearing.study import study_hearing, text

    try:
        import mir_eval  # noqa: F401
    except ImportError as error:
        raise UserError("this study needs mir_eval: pip install mir_eval (it is in the extra `dev`)") from error
    result = study_hearing(
        parsed.folder, treatment=Treatment(parsed.level, parsed.noise), with_peers=not parsed.no_peers
    )
    print(text(result))
    return result


def _decode(parsed: argparse.Namespace) -> dict[str, Any]:
    import torch
    from tqdm import tqdm

    from models.cache import cache_folder
    from models.judging.decode_study import study_decode

    torch.set_num_threads(max(1, int(parsed.threads)))
    with tqdm(total=100, bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed}<{remaining}") as bar:

        def show(share: float, words: str) -> None:
            bar.set_description_str(words, refresh=False)
            bar.update(round(100 * share, 1) - bar.n)

        try:
            result = study_decode(cache_folder("studies"), int(parsed.seeds), int(parsed.samples), progress=show)
        except ModuleNotFoundError as error:
            raise UserError(f"{error} (it is in the extra `train`)") from error
        except OSError as error:
            raise UserError(f"the trained networks cannot be kept or the letters not drawn: {error}") from error
    print("\n".join(lines(result)))
    return result


def _divergence(parsed: argparse.Namespace) -> dict[str, Any]:
    import torch
    from tqdm import tqdm

    from models.cache import cache_folder
    from models.studies import page, row, rows
    from models.studies.runner import study

    if parsed.rows == ["list"]:
        print("\n".join(f"{name}: {row(name).ABOUT}" for name in rows()))
        return {}
    torch.set_num_threads(1)  # networks this small are slower on two
    names = parsed.rows or rows()
    kept = parsed.keep or cache_folder("studies") / "divergence"
    with tqdm(total=100, bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed}<{remaining}") as bar:

        def show(share: float, words: str) -> None:
            bar.set_description_str(words, refresh=False)
            bar.update(round(100 * share, 1) - bar.n)

        try:
            result = study(kept, names, int(parsed.seeds), bool(parsed.quick), show)
        except KeyError as error:
            raise UserError(str(error.args[0])) from error
        except ModuleNotFoundError as error:
            raise UserError(f"{error} (it is in the extra `train`)") from error
        except OSError as error:
            raise UserError(f"{kept}: runs cannot be kept there: {error}. Name another folder with --keep") from error
    print("\n".join(page.table(result)))
    if parsed.out:
        print(f"\npage: {page.write(result, kept, parsed.out)}")
    return result


def lines(result: Mapping[str, Any]) -> list[str]:
    """The paper's table on our data, what is a substitute, and which checks held."""
    about = result["settings"]
    said = [
        result["what"], "",
        f"amortised (z = the encoder's): {about['samples']:,} pictures a method",
        f"optimised (descent on z, 3 restarts): the first {about['optimised_samples']} of them", "",
    ]  # fmt: skip
    for name, substitute in result["substitutes"].items():
        trainings = sum(run["set"] == name for run in result["runs"])
        said += [f"{name}: {substitute}", f"mean over {trainings} trainings", ""]
        said += _rows([row for row in result["table"] if row["set"] == name])
        said += ["", *_verdicts(result["verdicts"][name]), ""]
    said += [
        "D_r says how far a picture is from those that the network reconstructs; it is no score of creativity (uniform",
        "noise scores highest). The people who judged in the paper are not replaced by anything here.",
    ]
    return said


def _rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = f"  {'method':<15}{'amortised':>10}  {'(least-most)':<16}{'optimised':>10}  (least-most)"
    return [head] + [
        f"  {row['method']:<15}{row['amortised']:>10.3f}  {row['amortised_span']:<16}"
        f"{row['optimised']:>10.3f}  {row['optimised_span']}"
        for row in rows
    ]


def _verdicts(found: Mapping[str, Any]) -> list[str]:
    said = []
    for key, value in found.items():
        if isinstance(value, Mapping):
            said.append(f"  {key}:")
            said += [f"    {name}: {one}" for name, one in value.items() if not isinstance(one, Mapping)]
            said += [
                f"    {name}: {', '.join(f'{pair} {number}' for pair, number in one.items())}"
                for name, one in value.items()
                if isinstance(one, Mapping)
            ]
        else:
            said.append(f"  {key}: {value}")
    return said
