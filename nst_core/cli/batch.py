"""``nst batch``: a folder of pictures, here or over a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nst_core.cli.control import control_options_of_folders
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
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options_of_folders
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

    Where masks lie in a folder, the mask for photo.jpg is the picture there whose name is photo too, whatever
    its suffix. A picture without its mask is named before anything begins, and passed over.
    """
    from nst_core.batch.folder import find_tasks
    from nst_core.cli.batch_running import Order, run
    from nst_core.cli.control_files import parse_control

    files, control, others = parse_control(styles, given)
    settings = chosen_settings(others, files[0].settings if files else {})
    named = (*(file.path for file in files), *(region.style.path for region in control.regions))
    stems = dict.fromkeys(Path(path).stem for path in named)
    whole = folder.resolve()
    words = "-".join(filter(None, [whole.name, *stems]))  # a drive has no name
    output = given["output"] or whole.parent / words[:120]
    errands, done = find_tasks(folder, output, f".{given['suffix']}", force=given["force"])
    shares = [(style.path, style.weight) for style in files]
    run(Order(errands, done, folder, output, shares, control, settings), given)
