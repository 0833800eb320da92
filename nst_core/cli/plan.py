"""``nst plan``: what a run would do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nst_core.cli.control import control_options
from nst_core.cli.options import (
    GroupedOption,
    SettingsCommand,
    chosen_settings,
    setting_options,
    store_option,
)
from nst_core.settings import fields


@click.command(cls=SettingsCommand, short_help="Print what `stylize` would do, as JSON, without doing it.")
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options
@setting_options(fields())
@click.option("--settings", "settings_file", cls=GroupedOption, metavar="FILE", help="As for stylize.")
@click.option("--json", is_flag=True, hidden=True, expose_value=False, help="It always is.")
@store_option
def plan(
    content: str,
    styles: tuple[str, ...],
    settings_file: str | None,
    store: Path | None,
    **given: Any,
) -> None:
    """Print the levels, evaluations, engine, device, network, memory and, once known, seconds of a run."""
    from nst_core.backends.choose import open_engine
    from nst_core.cli.control_files import parse_control
    from nst_core.cli.running import Task, read_job
    from nst_core.events import Event
    from nst_core.job import check_job, plan_job
    from nst_core.record import recorded_in
    from nst_core.vgg.store import ModelStore

    notices: list[Event] = []
    stored = recorded_in(settings_file).settings if settings_file else {}
    files, control, others = parse_control(styles, given)
    suiting = files[0].settings if files else {}
    settings = chosen_settings(others, suiting, stored)
    task = Task(content, files, control=control)
    job = read_job(task, settings, "", notices.append)
    engine = open_engine(settings, ModelStore(store), notices.append)
    try:
        check_job(job, engine.network.layers)
        found = asdict(plan_job(job, engine))
    finally:
        engine.close()
    click.echo(json.dumps({**found, "notices": [asdict(notice) for notice in notices]}, indent=1))
