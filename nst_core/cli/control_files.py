"""Turn the options that say which style goes where into file names.

Takes the arguments and :class:`~nst_core.cli.control_options.ControlOptions`, returns the styles and a
:class:`~nst_core.job.control_files.ControlFiles`. Reads no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click

from nst_core.cli.control_options import ControlOptions
from nst_core.cli.file_arguments import parse_style
from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.job.control_files import ControlFiles, RegionFile, StyleFile


def parse_control(
    styles: Sequence[str], options: ControlOptions
) -> tuple[tuple[StyleFile, ...], ControlFiles]:
    """Return the styles of the picture outside all regions, and the files of the other options.

    Raises:
        NstError: ``bad-setting`` if options contradict each other.
        click.UsageError: no style is given anywhere.
    """
    if options.coarse_style and not options.fine_style:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "--coarse-style needs --fine-style, which says where the brush strokes come from.",
            "Add --fine-style PICTURE, or give the picture as STYLE.",
        )
    coarse = [options.coarse_style] if options.coarse_style else []
    names = [*styles, *options.more_styles, *coarse]
    regions = _parse_regions(options)
    if not names and not regions:
        raise click.UsageError("Missing argument 'STYLE...'.", ctx=click.get_current_context(silent=True))
    control = ControlFiles(
        regions=regions,
        mask=options.mask,
        strength_mask=options.strength_mask,
        fine_style=parse_style(options.fine_style) if options.fine_style else None,
    )
    return tuple(parse_style(name) for name in names), control


def _parse_regions(options: ControlOptions) -> tuple[RegionFile, ...]:
    """Return the regions of ``--region`` and ``--region-from`` with their ``--region-colors``.

    Raises:
        NstError: ``bad-setting`` if ``--region-colors`` names a mask that belongs to no region.
    """
    regions = [RegionFile(mask=mask, style=parse_style(style)) for mask, style in options.regions]
    regions += [
        RegionFile(mask=mask, style=parse_style(style), style_mask=style_mask)
        for mask, style, style_mask in options.regions_from
    ]
    colors = dict(options.region_colors)
    for mask in colors:
        if all(region.mask != mask for region in regions):
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"--region-colors names {display_name(mask)}, which is not the mask of any region.",
                "Give the mask exactly as in --region.",
            )
    return tuple(replace(region, keep_colors=colors.get(region.mask)) for region in regions)
