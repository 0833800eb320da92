"""The command ``nst doctor``: a check of the installation."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from nst_core.cli.failures import BAD_INPUT, SUCCESS
from nst_core.cli.options import json_option, store_option


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
    click.echo(json.dumps(asdict(report), indent=1) if as_json else format_report(report))
    return SUCCESS if report.works else BAD_INPUT
