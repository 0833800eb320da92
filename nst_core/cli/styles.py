"""The command ``nst styles``: the style library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.cli.commands import SuggestingGroup
from nst_core.cli.options import SettingsCommand, json_option, pixel_limit_option, settings_file_option
from nst_core.cli.setting_options import SettingOptions, setting_options
from nst_core.cli.terminal import print_answer, print_line
from nst_core.settings import Settings, fields, is_style_setting, setting_infos

if TYPE_CHECKING:
    from nst_core.style_library.model import KeptStyle


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@click.pass_context
def styles(ctx: click.Context) -> None:
    """Keep styles under a name, with settings that suit them.

    The name of a kept style, or of a ready style such as Watercolour, can be given wherever a STYLE is
    expected.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@styles.command(cls=SettingsCommand)
@click.argument("picture", metavar="PICTURE")
@click.option("--as", "name", metavar="NAME", default="", help="Name of the style. [default: the file name]")
@setting_options([name for name in fields() if is_style_setting(name)])
@settings_file_option("Take the settings of the style from FILE, a picture painted by nst or a JSON file.")
@click.option("--force", is_flag=True, help="Replace a style of the same name.")
@pixel_limit_option
@json_option("Print the style as JSON.")
def add(picture: str, name: str, settings: SettingOptions, force: bool, as_json: bool) -> None:
    """Keep a copy of PICTURE as a style.

    The settings given here are used whenever it is the first STYLE, unless an option overrides them.
    """
    from nst_core.cli.file_arguments import read_stored_settings
    from nst_core.style_library.library import StyleLibrary

    stored = _changed_style_settings(read_stored_settings(settings).settings)
    style = StyleLibrary().add(picture, name, {**stored, **settings.values}, force=force)
    _print_styles([style], as_json=as_json)


@styles.command(name="list")
@json_option("Print the list as JSON.")
def list_styles(as_json: bool) -> None:
    """List the kept styles with their settings, then the ready styles."""
    from nst_core.style_library.library import StyleLibrary

    library = StyleLibrary()
    all_styles = library.all_styles()
    if as_json:
        rows = [_describe(style) for style in all_styles]
        click.echo(json.dumps({"folder": str(library.root), "styles": rows}, indent=1))
        return
    for style in all_styles:
        options = [f"--{name.replace('_', '-')} {value}" for name, value in style.settings.items()]
        print_line(f"{style.name}  {'(ready style)' if style.is_ready else ' '.join(options)}".rstrip())
    print_line(f"Folder: {library.root}")


@styles.command()
@click.argument("name")
@click.argument("new_name", metavar="NEW_NAME")
@click.option("--force", is_flag=True, help="Replace a style of the same name.")
@json_option("Print the style as JSON.")
def rename(name: str, new_name: str, force: bool, as_json: bool) -> None:
    """Rename a style."""
    from nst_core.style_library.library import StyleLibrary

    style = StyleLibrary().rename(name, new_name, force=force)
    print_answer(_describe(style), f"Renamed {name} to {style.name}.", as_json=as_json)


@styles.command()
@click.argument("name")
@json_option("Print the removed style as JSON.")
def remove(name: str, as_json: bool) -> None:
    """Delete a style."""
    from nst_core.style_library.library import StyleLibrary

    StyleLibrary().remove(name)
    print_answer({"removed": name}, f"Removed {name}.", as_json=as_json)


@styles.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@json_option("Print the path of the file as JSON.")
def export(file: Path, names: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Write kept styles to one FILE.

    Writes the styles NAME, or all of them, with their pictures and settings. `nst styles import` reads the
    file.
    """
    from nst_core.cli.file_arguments import with_force_hint
    from nst_core.errors import NstError
    from nst_core.images.file_io import replace_file
    from nst_core.style_library.library import StyleLibrary

    try:
        replace_file(file, StyleLibrary().export(names), force=force)
    except NstError as error:
        raise with_force_hint(error) from None
    print_answer({"file": str(file)}, f"Wrote {file}.", as_json=as_json)


@styles.command(name="import")
@click.argument("file", metavar="FILE")
@click.option("--force", is_flag=True, help="Replace styles of the same names.")
@json_option("Print the styles as JSON.")
def import_file(file: str, force: bool, as_json: bool) -> None:
    """Import the styles in a FILE.

    FILE was written by `nst styles export`. If one of its styles cannot be imported, none is.
    """
    from nst_core.style_library.library import StyleLibrary

    imported_styles = StyleLibrary().import_archive(file, force=force)
    if as_json:
        click.echo(json.dumps({"styles": [_describe(style) for style in imported_styles]}, indent=1))
        return
    _print_styles(imported_styles, as_json=False)


def _describe(style: KeptStyle) -> dict[str, Any]:
    """Return a style as JSON output shows it."""
    return {
        "name": style.name,
        "path": str(style.path),
        "thumbnail": str(style.thumbnail) if style.thumbnail else None,
        "settings": dict(style.settings),
        "ready": style.is_ready,
    }


def _print_styles(kept_styles: Iterable[KeptStyle], *, as_json: bool) -> None:
    for style in kept_styles:
        text = f"Kept {style.name}: {style.path}"
        print_answer(_describe(style), text, as_json=as_json)


def _changed_style_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those settings of a run that belong to its style and differ from the defaults.

    Settings that belong to the run rather than the style, such as ``quality``, are kept with a style only on
    request.
    """
    from nst_core.style_library.library import style_settings

    defaults = Settings().model_dump(mode="json")
    infos = setting_infos()
    return {
        name: value
        for name, value in style_settings(settings).items()
        if infos[name].with_style != "on request" and value != defaults[name]
    }
