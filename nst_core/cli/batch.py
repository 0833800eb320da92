"""``nst batch``: a folder of pictures, here or over a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nst_core.cli.options import (
    GroupedOption,
    SettingsCommand,
    chosen_settings,
    json_option,
    progress_option,
    setting_options,
    store_option,
    verbose_option,
)
from nst_core.settings import fields

FORMATS = ("png", "jpg", "tif", "webp", "avif")


@click.command(
    cls=SettingsCommand,
    short_help="Paint every picture of a folder.",
    epilog="A picture that cannot be painted is named and passed over; the exit code is 2 then. Results that "
    "are there already are left alone: the same command again goes on where it was broken off.",
)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.argument("styles", metavar="STYLE...", nargs=-1, required=True)
@click.option(
    "-o", "--output", cls=GroupedOption, metavar="FOLDER", type=click.Path(path_type=Path),
    help="Folder of the results, made if it is not there. Without it one beside FOLDER, named after both.",
)  # fmt: skip
@click.option(
    "--format", "suffix", cls=GroupedOption, type=click.Choice(FORMATS), default="png", show_default=True,
    help="Format of the results.",
)  # fmt: skip
@click.option("--force", cls=GroupedOption, is_flag=True, help="Paint again what is there already.")
@click.option(
    "--ray", "address", cls=GroupedOption, section="machine", metavar="ADDRESS",
    help="Paint over the GPUs of a Ray cluster; `local` takes those of this machine, without a cluster.",
)  # fmt: skip
@click.option(
    "--painters", cls=GroupedOption, section="machine", type=click.IntRange(0, 4096), default=0,
    help="How many pictures to paint at once with --ray. [default: one a GPU, else one a machine]",
)  # fmt: skip
@setting_options(fields())
@json_option("Write every event as a line of JSON to stdout.")
@progress_option
@verbose_option
@store_option
def batch(folder: Path, styles: tuple[str, ...], **given: Any) -> None:
    """Paint every picture of FOLDER in the style of the picture STYLE.

    Several styles are blended; a weight after a colon sets their shares, as in waves.jpg:2 sky.jpg:1.
    """
    from nst_core.batch import find_errands
    from nst_core.cli.batch_running import Order, run
    from nst_core.cli.inputs import parse_style

    parsed = [parse_style(style) for style in styles]
    settings = chosen_settings(given)
    words = "-".join([folder.resolve().name, *(Path(style.path).stem for style in parsed)])
    output = given["output"] or folder.resolve().with_name(words[:120])
    errands, done = find_errands(folder, output, f".{given['suffix']}", force=given["force"])
    run(Order(errands, done, output, [(style.path, style.weight) for style in parsed], settings), given)
