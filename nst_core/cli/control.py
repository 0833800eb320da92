"""Options that say which style goes where: regions, masks, fine and coarse styles.

Only their names and helps; :mod:`nst_core.cli.control_files` reads what they name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

import click

from nst_core.cli.options import GroupedOption
from nst_core.settings import KeepColors

Command = TypeVar("Command", bound=Callable[..., Any])

NAMES = (
    "more_styles", "regions", "regions_from", "region_colors", "mask", "strength_mask", "fine_style",
    "coarse_style",
)  # fmt: skip
"""The options' parameters."""

WORDS = get_args(KeepColors)

ONE = {
    "region": "Paint where the grey picture MASK is white in STYLE. May be given several times; with the "
    "same MASK it blends. Without a STYLE behind CONTENT the rest stays as it is.",
    "region-from": "The same, with the style of what is white in STYLEMASK, a mask of the picture STYLE.",
    "region-colors": "What --keep-colors is for all, for the region with MASK alone.",
    "mask": "Paint only where MASK is white; the rest takes no part and stays as it is.",
    "strength-mask": "Strength by place: white paints at full strength, black keeps the photograph.",
}
"""What the options say of one picture."""

MANY = {
    "region": "Paint in STYLE where MASKS is white: a folder with a mask for each picture, of the same name, "
    "or one mask for all. May be given several times; with the same MASKS it blends. Without a STYLE behind "
    "FOLDER the rest stays as it is.",
    "region-from": "The same, with the style of what is white in STYLEMASK, a mask of the picture STYLE.",
    "region-colors": "What --keep-colors is for all, for the region with MASKS alone.",
    "mask": "Paint only where MASKS, a folder or one mask for all, is white; the rest stays as it is.",
    "strength-mask": "Strength by place: where MASKS, a folder or one mask for all, is black, the photograph "
    "stays.",
}
"""What they say of a folder of pictures."""


def control_options(command: Command) -> Command:
    """Add the options for one picture that :func:`nst_core.cli.control_files.parse_control` reads."""
    return _options(command, "MASK", "CONTENT", ONE)


def control_options_of_folders(command: Command) -> Command:
    """Add the same options for a folder of pictures, whose masks may lie in folders too."""
    return _options(command, "MASKS", "FOLDER", MANY)


def _options(command: Command, mask: str, content: str, texts: Mapping[str, str]) -> Command:
    for option in reversed(
        [
            click.option(
                "--style", "more_styles", cls=GroupedOption, section="look", metavar="STYLE", multiple=True,
                help=f"A style, or one more: the same as STYLE behind {content}.",
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
                metavar=f"{mask} [{'|'.join(WORDS)}]", type=(str, click.Choice(WORDS)),
                help=texts["region-colors"],
            ),
            click.option("--mask", cls=GroupedOption, section="look", metavar=mask, help=texts["mask"]),
            click.option(
                "--strength-mask", cls=GroupedOption, section="look", metavar=mask,
                help=texts["strength-mask"],
            ),
            click.option(
                "--fine-style", cls=GroupedOption, section="look", metavar="PICTURE",
                help="Take the strokes from PICTURE, and from STYLE, or --coarse-style, all the rest.",
            ),
            click.option(
                "--coarse-style", cls=GroupedOption, section="look", metavar="PICTURE",
                help="Take composition and colours from PICTURE: another word for STYLE beside --fine-style.",
            ),
        ]
    ):  # fmt: skip
        command = option(command)
    return command
