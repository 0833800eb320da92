"""From options that say which style goes where to a :class:`~nst_core.job.control_files.ControlFiles`; no file is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from nst_core.cli.control import NAMES
from nst_core.cli.inputs import parse_style
from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.job.control_files import ControlFiles, RegionFile, StyleFile


def parse_control(
    styles: Sequence[str], given: Mapping[str, Any]
) -> tuple[tuple[StyleFile, ...], ControlFiles, dict[str, Any]]:
    """Read the options of :func:`control_options`: returns all styles, the rest of them, and other options.

    Raises:
        NstError: ``bad-setting`` for a combination that means nothing.
        click.UsageError: there is no style anywhere.
    """
    others = {name: value for name, value in given.items() if name not in NAMES}
    coarse = given["coarse_style"]
    if coarse and not given["fine_style"]:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "--coarse-style says where the composition comes from, but no --fine-style where the strokes do.",
            "Add --fine-style PICTURE, or give the picture as STYLE.",
        )
    named = [*styles, *given["more_styles"], *([coarse] if coarse else [])]
    regions = [RegionFile(mask, parse_style(style)) for mask, style in given["regions"]]
    regions += [RegionFile(mask, parse_style(style), part) for mask, style, part in given["regions_from"]]
    colours = dict(given["region_colors"])
    for mask in colours:
        if all(region.mask != mask for region in regions):
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"--region-colors names {display_name(mask)}, which is the mask of no region.",
                "Name the mask as --region does.",
            )
    regions = [replace(region, keep_colors=colours.get(region.mask)) for region in regions]
    if not named and not regions:
        raise click.UsageError("Missing argument 'STYLE...'.", ctx=click.get_current_context(silent=True))
    fine = parse_style(given["fine_style"]) if given["fine_style"] else None
    control = ControlFiles(tuple(regions), given["mask"], given["strength_mask"], fine)
    return tuple(parse_style(style) for style in named), control, others
