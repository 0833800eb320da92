"""``nst doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from nst_core.cli.failures import BAD_INPUT, FINE
from nst_core.cli.options import json_option, store_option


@click.command(short_help="Say what is installed, what will be used, and what is missing.")
@json_option("Print it as JSON.")
@store_option
def doctor(as_json: bool, store: Path | None) -> int:
    """Say what is installed, which device and network will be used, and what to do about what is missing.

    Exit code 0 where a run would work, 2 where not.
    """
    from nst_core.diagnostics.doctor import examine, format_report

    report = examine(store)
    click.echo(json.dumps(asdict(report), indent=1) if as_json else format_report(report))
    return FINE if report.works else BAD_INPUT
