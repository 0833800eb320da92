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
    json_option,
    setting_options,
    store_option,
)
from nst_core.settings import fields


@click.command(cls=SettingsCommand, short_help="Print what `stylize` would do and take, without doing it.")
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options
@setting_options(fields())
@click.option("--settings", "settings_file", cls=GroupedOption, metavar="FILE", help="As for stylize.")
@json_option("Print the plan as JSON.")
@store_option
def plan(
    content: str,
    styles: tuple[str, ...],
    settings_file: str | None,
    as_json: bool,
    store: Path | None,
    **given: Any,
) -> None:
    """Print a run's levels, evaluations, tiles, engine, network, seconds and memory, before it is begun."""
    from nst_core.backends.choose import open_engine
    from nst_core.cli.control_files import parse_control
    from nst_core.cli.running import Task, read_job
    from nst_core.cli.telling import Quiet, plan_in_lines
    from nst_core.events import Event
    from nst_core.job.metadata import read_run_record
    from nst_core.job.run import check_job, plan_job
    from nst_core.vgg.store import ModelStore

    notices: list[Event] = []
    stored = read_run_record(settings_file).settings if settings_file else {}
    files, control, others = parse_control(styles, given)
    suiting = files[0].settings if files else {}
    settings = chosen_settings(others, suiting, stored)
    task = Task(content, files, control=control)
    job = read_job(task, settings, "", notices.append)
    engine = open_engine(settings, ModelStore(store), notices.append)
    try:
        check_job(job, engine.network.layers)
        found = plan_job(job, engine)
    finally:
        engine.close()
    if as_json:
        told = [asdict(notice) for notice in notices]
        click.echo(json.dumps({**asdict(found), "notices": told}, indent=1))
        return
    for notice in notices:
        Quiet().event(notice)
    click.echo(plan_in_lines(found))
