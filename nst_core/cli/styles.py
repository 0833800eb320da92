"""``nst styles``: styles kept under a name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.cli.commands import NearestGroup
from nst_core.cli.options import SettingsCommand, json_option, setting_options
from nst_core.settings import Settings, fields, is_style_setting

if TYPE_CHECKING:
    from nst_core.style_library.model import KeptStyle


OF_A_RUN = ("quality", "size", "seed", "iterations", "optimizer", "coarsest", "guides")
"""Settings that are about a run's picture, or the patience for it, rather than its style."""


@click.group(
    cls=NearestGroup,
    invoke_without_command=True,
    short_help="Keep styles under a name, with the settings that suit them.",
)
@click.pass_context
def styles(ctx: click.Context) -> None:
    """Keep styles under a name, with the settings that suit them; the name stands wherever a style may."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _described(style: KeptStyle) -> dict[str, Any]:
    return {
        "name": style.name,
        "path": str(style.path),
        "thumbnail": str(style.thumbnail) if style.thumbnail else None,
        "settings": dict(style.settings),
    }


def _of_the_style(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs from the defaults in a run's settings and is about its style."""
    from nst_core.style_library.library import style_settings

    usual = Settings().model_dump(mode="json")
    return {
        name: value
        for name, value in style_settings(settings).items()
        if name not in OF_A_RUN and value != usual[name]
    }


@styles.command(cls=SettingsCommand)
@click.argument("picture", metavar="PICTURE")
@click.option("--as", "name", metavar="NAME", default="", help="What to call it. [default: its file's name]")
@setting_options([name for name in fields() if is_style_setting(name)])
@click.option(
    "--settings",
    "settings_file",
    metavar="FILE",
    help="Take from a result, or a JSON file, the settings that are about the style.",
)
@click.option("--force", is_flag=True, help="Replace a style of that name.")
@json_option("Print the style as JSON.")
def add(picture: str, name: str, settings_file: str | None, force: bool, as_json: bool, **given: Any) -> None:
    """Keep a copy of PICTURE; settings that are given hold wherever it is the first style."""
    from nst_core.job.metadata import read_run_record
    from nst_core.style_library.library import StyleLibrary

    stored = _of_the_style(read_run_record(settings_file).settings) if settings_file else {}
    chosen = {key: value for key, value in given.items() if value is not None}
    style = StyleLibrary().add(picture, name, {**stored, **chosen}, force=force)
    click.echo(json.dumps(_described(style), indent=1) if as_json else f"{style.name} is kept: {style.path}")


@styles.command(name="list")
@json_option("Print them as JSON.")
def list_styles(as_json: bool) -> None:
    """List the styles that are kept."""
    from nst_core.style_library.library import StyleLibrary

    library = StyleLibrary()
    found = library.kept()
    if as_json:
        rows = [_described(style) for style in found]
        click.echo(json.dumps({"folder": str(library.root), "styles": rows}, indent=1))
        return
    for style in found:
        settings = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in style.settings.items())
        click.echo(f"{style.name}  {settings}".rstrip())
    click.echo(f"Folder: {library.root}")


@styles.command()
@click.argument("name")
@click.argument("new", metavar="NEW_NAME")
@click.option("--force", is_flag=True, help="Replace a style of that name.")
@json_option("Print the style as JSON.")
def rename(name: str, new: str, force: bool, as_json: bool) -> None:
    """Call the style NAME from now on NEW_NAME."""
    from nst_core.style_library.library import StyleLibrary

    style = StyleLibrary().rename(name, new, force=force)
    click.echo(json.dumps(_described(style), indent=1) if as_json else f"{name} is now {style.name}.")


@styles.command()
@click.argument("name")
@json_option("Print what was removed as JSON.")
def remove(name: str, as_json: bool) -> None:
    """Delete a style."""
    from nst_core.style_library.library import StyleLibrary

    StyleLibrary().remove(name)
    click.echo(json.dumps({"removed": name}) if as_json else f"{name} is removed.")


@styles.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@json_option("Print the file's name as JSON.")
def export(file: Path, names: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Write the styles NAME, or all, with pictures and settings, into one FILE."""
    from nst_core.cli.inputs import with_force_hint
    from nst_core.errors import NstError
    from nst_core.images.file_io import replace_file
    from nst_core.style_library.library import StyleLibrary

    try:
        replace_file(file, StyleLibrary().packed(names), force=force)
    except NstError as error:
        raise with_force_hint(error) from None
    click.echo(json.dumps({"file": str(file)}) if as_json else f"{file} is written.")


@styles.command(name="import")
@click.argument("file", metavar="FILE")
@click.option("--force", is_flag=True, help="Replace styles of the same names.")
@json_option("Print the styles as JSON.")
def import_file(file: str, force: bool, as_json: bool) -> None:
    """Keep all styles of a FILE that `nst styles export` wrote."""
    from nst_core.style_library.library import StyleLibrary

    kept = StyleLibrary().unpack(file, force=force)
    if as_json:
        click.echo(json.dumps({"styles": [_described(style) for style in kept]}, indent=1))
        return
    for style in kept:
        click.echo(f"{style.name} is kept: {style.path}")
