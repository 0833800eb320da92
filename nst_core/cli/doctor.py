"""The command ``nst doctor``: a check of the installation."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from nst_core.cli.failures import BAD_INPUT, SUCCESS
from nst_core.cli.options import json_option, store_option
from nst_core.cli.terminal import print_answer


@click.command
@json_option("Print the report as JSON.")
@store_option
def doctor(as_json: bool, store: Path | None) -> int:
    """Check the installation and say how to fix each problem.

    Covers packages, the device, networks, folders and the filter in GIMP. Exit code: 0 if nst can paint, 2 if
    it cannot.
    """
    from nst_core.diagnostics.doctor import diagnose, format_report

    report = diagnose(store)
    print_answer(asdict(report), format_report(report), as_json=as_json)
    return SUCCESS if report.works else BAD_INPUT
