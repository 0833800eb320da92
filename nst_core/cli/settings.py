"""``nst settings``: the table of settings, for people and programs."""

from __future__ import annotations

import json

import click

from nst_core.cli.options import json_option, notes, value_text
from nst_core.settings import Settings, fields


@click.command(name="settings", short_help="List every setting: what it does, its limits and its default.")
@json_option("Print the defaults as JSON, ready for --settings.")
@click.option("--schema", is_flag=True, help="Print its JSON schema instead: types, limits, texts.")
def settings(as_json: bool, schema: bool) -> None:
    """List every setting."""
    if schema:
        click.echo(json.dumps(Settings.model_json_schema(), indent=1))
        return
    if as_json:
        click.echo(json.dumps(Settings().model_dump(mode="json"), indent=1))
        return
    formatter = click.HelpFormatter(width=100)
    rows: dict[str, list[tuple[str, str]]] = {}
    for name, field in fields().items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = value_text(name, Settings())
        source = f"({extra['source']})" if extra.get("source") else ""
        text = " ".join(part for part in (str(field.description), notes(field, default), source) if part)
        rows.setdefault(str(extra.get("group", "")), []).append((name.replace("_", "-"), text))
    for group, listed in rows.items():
        with formatter.section(group.capitalize()):
            formatter.write_dl(listed)
    click.echo(formatter.getvalue().rstrip("\n"))
