"""The command ``nst plan``: an estimate of a run."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from nst_core.cli.control_options import ControlOptions, control_options
from nst_core.cli.options import (
    SettingsCommand,
    json_option,
    pixel_limit_option,
    settings_file_option,
    store_option,
)
from nst_core.cli.setting_options import SettingOptions, chosen_settings, setting_options
from nst_core.cli.terminal import print_line
from nst_core.settings import fields


@click.command(cls=SettingsCommand)
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options
@setting_options(fields())
@settings_file_option("Reuse the settings in FILE, as with `nst stylize`.")
@json_option("Print the plan as JSON.")
@pixel_limit_option
@store_option
def plan(
    content: str,
    styles: tuple[str, ...],
    control: ControlOptions,
    settings: SettingOptions,
    as_json: bool,
    store: Path | None,
) -> None:
    """Estimate the time and memory that `nst stylize` would take with the same arguments.

    Also prints the engine, the network, and the size, evaluations and tiles of each level. Paints nothing.
    """
    from nst_core.backends.choose import open_engine
    from nst_core.cli.control_files import parse_control
    from nst_core.cli.file_arguments import read_stored_settings
    from nst_core.cli.progress_output import QuietReporter, format_plan_table
    from nst_core.cli.run_command import PaintingTask, read_job
    from nst_core.events import Event
    from nst_core.job.plan import plan_job
    from nst_core.job.run import check_job
    from nst_core.vgg.store import ModelStore

    notices: list[Event] = []
    stored = read_stored_settings(settings)
    style_files, control_files = parse_control(styles, control)
    style_settings = style_files[0].settings if style_files else {}
    chosen = chosen_settings(settings.values, style_settings, stored.settings)
    task = PaintingTask(content=content, styles=style_files, control=control_files)
    job = read_job(task, chosen, "", notices.append)
    engine = open_engine(chosen, ModelStore(store), notices.append)
    try:
        check_job(job, engine.network.layers)
        estimate = plan_job(job, engine)
    finally:
        engine.close()
    if as_json:
        click.echo(
            json.dumps({**asdict(estimate), "notices": [asdict(notice) for notice in notices]}, indent=1)
        )
        return
    for notice in notices:
        QuietReporter().report(notice)
    print_line(format_plan_table(estimate))
