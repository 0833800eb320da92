"""The command ``nst stylize``."""

from __future__ import annotations

import click

from nst_core.cli.control_options import ControlOptions, control_options
from nst_core.cli.options import OutputOptions, SettingsCommand, output_options
from nst_core.cli.setting_options import SettingOptions, setting_options
from nst_core.settings import fields


@click.command(
    cls=SettingsCommand,
    epilog="Press Ctrl-C once to stop and save the picture so far, twice to cancel. Exit codes: 0 saved, "
    "2 bad input (nothing is written), 130 cancelled.",
)
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options
@setting_options(fields())
@output_options
def stylize(
    content: str,
    styles: tuple[str, ...],
    control: ControlOptions,
    settings: SettingOptions,
    output: OutputOptions,
) -> None:
    """Paint the picture CONTENT in the style of the picture STYLE.

    A STYLE is a picture file or the name of a style that `nst styles list` shows, such as Watercolour.
    Several styles are blended; a number after a colon sets the share of each, as in waves.jpg:2 sky.jpg:1.
    """
    from nst_core.cli.control_files import parse_control
    from nst_core.cli.run_command import PaintingTask, run_painting

    style_files, control_files = parse_control(styles, control)
    style_paths = [style.path for style in style_files]
    region_paths = [region.style.path for region in control_files.regions]
    task = PaintingTask(
        content=content,
        styles=style_files,
        output_words=tuple(dict.fromkeys([*style_paths, *region_paths])),
        control=control_files,
    )
    run_painting(task, settings, output)
