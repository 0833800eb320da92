"""The command ``nst batch``: a folder of pictures, painted here or on a Ray cluster."""

from __future__ import annotations

from pathlib import Path

import click

from nst_core.cli.batch_options import BatchOptions, batch_options
from nst_core.cli.control_options import ControlOptions, control_options_of_folders
from nst_core.cli.options import SettingsCommand
from nst_core.cli.setting_options import SettingOptions, chosen_settings, setting_options
from nst_core.settings import fields


@click.command(
    cls=SettingsCommand,
    epilog="Results that already exist are skipped, so the same command continues a cancelled batch. "
    "What looks like a picture and cannot be painted is reported and skipped; the exit code is then 2.",
)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.argument("styles", metavar="[STYLE]...", nargs=-1)
@control_options_of_folders
@batch_options
@setting_options(fields())
def batch(
    folder: Path,
    styles: tuple[str, ...],
    control: ControlOptions,
    settings: SettingOptions,
    options: BatchOptions,
) -> None:
    """Paint every picture in FOLDER in the style of the picture STYLE.

    Several styles are blended; a number after a colon sets the share of each, as in waves.jpg:2 sky.jpg:1.

    If masks are in a folder, the mask for photo.jpg is the picture in it named photo, with any suffix. A
    picture without a mask is reported before anything is painted, and skipped.

    All pictures start from the same noise, and no result depends on the others or on their order.
    --series-colors gives them one palette too.

    Several `nst batch` of one folder share the work, on one machine or on several.
    """
    from nst_core.batch.folder import find_tasks
    from nst_core.cli.batch_report import BatchRequest
    from nst_core.cli.control_files import parse_control
    from nst_core.cli.run_batch import run_batch

    style_files, control_files = parse_control(styles, control)
    style_settings = style_files[0].settings if style_files else {}
    chosen = chosen_settings(settings.values, style_settings)
    region_styles = [region.style for region in control_files.regions]
    output = options.output or default_output_folder(
        folder, [style.path for style in (*style_files, *region_styles)]
    )
    found = find_tasks(
        folder,
        output,
        f".{options.suffix}",
        force=options.force,
        recursive=options.recursive,
        excluded=[Path(mask) for mask in control_files.masks],
    )
    request = BatchRequest(
        found=found,
        folder=folder,
        output=output,
        styles=[(style.path, style.weight) for style in style_files],
        control=control_files,
        settings=chosen,
    )
    run_batch(request, options)


def default_output_folder(folder: Path, styles: list[str]) -> Path:
    """Return the default folder of the results: next to ``folder``, named after it and the styles."""
    from nst_core.images.file_names import LONGEST_STEM, fit_name

    resolved = folder.resolve()
    stems = dict.fromkeys(Path(style).stem for style in styles)
    name = "-".join(filter(None, [resolved.name, *stems]))  # the root of a drive has no name
    return resolved.parent / fit_name(name, "", resolved.parent, longest_stem=LONGEST_STEM)
