"""``nst doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nst_core.cli.failures import BAD_INPUT, FINE
from nst_core.cli.options import json_option, store_option

if TYPE_CHECKING:
    from nst_core.doctor import Report


@click.command(short_help="Say what is installed, what will be used, and what is missing.")
@json_option("Print it as JSON.")
@store_option
def doctor(as_json: bool, store: Path | None) -> int:
    """Say what is installed, which device and network will be used, and what to do about what is missing.

    Exit code 0 where a run would work, 2 where not.
    """
    from nst_core.doctor import examine

    report = examine(store)
    click.echo(json.dumps(asdict(report), indent=1) if as_json else in_words(report))
    return FINE if report.works else BAD_INPUT


def in_words(report: Report) -> str:
    """Lay the report out for people: what will happen first, what is wrong last."""
    choice = report.choice
    lines = [
        f"nst {report.version}, Python {report.python} ({report.executable})",
        f"System: {report.system}, {report.cpus} cores",
        f"Memory: {report.memory_free / 1e9:.1f} of {report.memory_total / 1e9:.1f} GB free",
        f"Disk: {report.disk_free / 1e9:.1f} GB free",
        "",
        f"A run uses: {choice.engine} on {choice.device}; {choice.why}" if choice.engine else "No engine.",
        f"Network: {choice.model}" if choice.model else "No network.",
        f"ONNX Runtime providers: {', '.join(report.providers) or 'none'}",
        "",
        "Networks:",
    ]
    lines += [
        f"  {model.name}  {model.sha256}  {model.bytes / 1e6:.0f} MB  {model.problem or model.source}"
        for model in report.models
    ] or ["  none"]
    lines += ["", "Folders:"] + [f"  {name}: {path}" for name, path in report.folders.items()]
    lines += ["", "Packages:"]
    lines += [f"  {package.name} {package.version or '(not installed)'}" for package in report.packages]
    lines += ["", "Problems:" if report.problems else "No problems."]
    for problem in report.problems:
        lines += [f"  {problem.message}", f"    -> {problem.cure}"]
    return "\n".join(lines)
