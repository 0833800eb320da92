"""Options that say which style goes where: regions, masks, fine and coarse styles.

:mod:`nst_core.cli.control_files` turns them into the files that they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import click

from nst_core.cli.options import Command, GroupedOption, bundle_options, names_of_fields
from nst_core.settings import KeepColors

COLOR_CHOICES = get_args(KeepColors)


@dataclass(frozen=True, kw_only=True)
class ControlOptions:
    """The options that say which style goes where, as they were given.

    ``regions`` holds pairs of mask and style, ``regions_from`` also the mask of the style, and
    ``region_colors`` pairs of mask and ``keep_colors``.
    """

    more_styles: tuple[str, ...] = ()
    regions: tuple[tuple[str, str], ...] = ()
    regions_from: tuple[tuple[str, str, str], ...] = ()
    region_colors: tuple[tuple[str, KeepColors], ...] = ()
    mask: str | None = None
    strength_mask: str | None = None
    fine_style: str | None = None
    coarse_style: str | None = None


ONE_PICTURE = {
    "region": "Paint in STYLE where the greyscale picture MASK is white. Repeat for more regions, or with "
    "the same MASK to blend styles. Without a STYLE argument the rest stays unchanged.",
    "region-from": "Like --region, but take the style only from the part of STYLE where STYLEMASK is white.",
    "region-colors": "Override --keep-colors for the region defined by MASK.",
    "mask": "Paint only where MASK is white. The rest is ignored and stays unchanged.",
    "strength-mask": "Vary the strength: white is full strength, black keeps the photo.",
}
"""Help of the options for a single picture."""

FOLDER = {
    "region": "Paint in STYLE where MASKS is white. MASKS is a folder with a mask of the same name for each "
    "picture, or one mask for all. Repeat for more regions, or with the same MASKS to blend styles. Without "
    "a STYLE argument the rest of each picture stays unchanged.",
    "region-from": "Like --region, but take the style only from the part of STYLE where STYLEMASK is white.",
    "region-colors": "Override --keep-colors for the region defined by MASKS.",
    "mask": "Paint only where MASKS, a folder or one mask for all, is white. The rest is ignored and stays "
    "unchanged.",
    "strength-mask": "Vary the strength: where MASKS, a folder or one mask for all, is white, paint at full "
    "strength; where it is black, keep the photo.",
}
"""Help of the same options for a folder of pictures."""


def control_options(command: Command) -> Command:
    """Add the options for one picture, passed as ``control``."""
    return _add_options(command, "MASK", ONE_PICTURE)


def control_options_of_folders(command: Command) -> Command:
    """Add the same options for a folder of pictures, whose masks may be in folders too."""
    return _add_options(command, "MASKS", FOLDER)


def _add_options(command: Command, mask: str, texts: Mapping[str, str]) -> Command:
    command = bundle_options(command, "control", ControlOptions, names_of_fields(ControlOptions))
    for option in reversed(
        [
            click.option(
                "--style", "more_styles", cls=GroupedOption, section="look", metavar="STYLE", multiple=True,
                help="Same as a STYLE argument. May be repeated.",
            ),
            click.option(
                "--region", "regions", cls=GroupedOption, section="look", metavar=f"{mask} STYLE", nargs=2,
                multiple=True, help=texts["region"],
            ),
            click.option(
                "--region-from", "regions_from", cls=GroupedOption, section="look",
                metavar=f"{mask} STYLE STYLEMASK", nargs=3, multiple=True, help=texts["region-from"],
            ),
            click.option(
                "--region-colors", cls=GroupedOption, section="look", nargs=2, multiple=True,
                metavar=f"{mask} [{'|'.join(COLOR_CHOICES)}]", type=(str, click.Choice(COLOR_CHOICES)),
                help=texts["region-colors"],
            ),
            click.option("--mask", cls=GroupedOption, section="look", metavar=mask, help=texts["mask"]),
            click.option(
                "--strength-mask", cls=GroupedOption, section="look", metavar=mask,
                help=texts["strength-mask"],
            ),
            click.option(
                "--fine-style", cls=GroupedOption, section="look", metavar="PICTURE",
                help="Take the brush strokes from PICTURE, the rest from STYLE (or --coarse-style).",
            ),
            click.option(
                "--coarse-style", cls=GroupedOption, section="look", metavar="PICTURE",
                help="With --fine-style: take composition and colours from PICTURE (same as STYLE).",
            ),
        ]
    ):  # fmt: skip
        command = option(command)
    return command
