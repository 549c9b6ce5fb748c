"""`perform doctor`: what is here, what is missing, what to do."""

from __future__ import annotations

import argparse

ABOUT = "what is here, what is missing, what to do"


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(_: argparse.Namespace) -> int:
    from perform.doctor import doctor, table

    findings = doctor()
    print(table(findings))
    return 1 if any(finding.state == "missing" for finding in findings) else 0
