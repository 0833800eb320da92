"""``nst stylize``."""

from __future__ import annotations

from typing import Any

import click

from nst_core.cli.control import control_options
from nst_core.cli.options import SettingsCommand, output_options, setting_options
from nst_core.settings import fields


@click.command(
    cls=SettingsCommand,
    short_help="Paint a picture in the style of another.",
    epilog="Ctrl-C, or SIGTERM, ends the run and writes the picture so far (exit code 0); a second one drops "
    "it (exit code 130, or 143). Exit code 2: something to mend; nothing is written then.",
)
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options
@setting_options(fields())
@output_options
def stylize(content: str, styles: tuple[str, ...], **given: Any) -> None:
    """Paint the picture CONTENT in the style of the picture STYLE.

    Several styles are blended; a weight after a colon sets their shares, as in waves.jpg:2 sky.jpg:1. A style
    is a picture's path or the name of one that `nst styles add` keeps.
    """
    from nst_core.cli.control_files import parse_control
    from nst_core.cli.running import Task, run

    files, control, others = parse_control(styles, given)
    words = (*(file.path for file in files), *(region.style.path for region in control.regions))
    run(Task(content, files, words=tuple(dict.fromkeys(words)), control=control), others)
