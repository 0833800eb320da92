"""The command ``nst settings``: the settings table, for people and programs."""

from __future__ import annotations

import json

import click

from nst_core.cli.options import json_option
from nst_core.cli.setting_options import format_notes, format_value
from nst_core.settings import Settings, fields, info_of


@click.command(name="settings")
@json_option("Print the defaults as JSON, ready for --settings.")
@click.option("--schema", is_flag=True, help="Print the JSON schema: types, limits and descriptions.")
def settings(as_json: bool, schema: bool) -> None:
    """List every setting with its description, limits, default and source."""
    if schema:
        click.echo(json.dumps(Settings.model_json_schema(), indent=1))
    elif as_json:
        click.echo(json.dumps(Settings().model_dump(mode="json"), indent=1))
    else:
        click.echo(_format_table())


def _format_table() -> str:
    """Return the settings in groups, each with its description, limits, default and source."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, setting in fields().items():
        info = info_of(setting)
        notes = format_notes(setting, format_value(name, Settings()))
        source = f"({info.source})" if info.source else ""
        text = " ".join(filter(None, [str(setting.description), notes, source]))
        groups.setdefault(info.group, []).append((name.replace("_", "-"), text))
    formatter = click.HelpFormatter(width=100)
    for group, rows in groups.items():
        with formatter.section(group.capitalize()):
            formatter.write_dl(rows)
    return formatter.getvalue().rstrip("\n")
