"""Options that say which style goes where: regions, masks, fine and coarse styles.

Only their names and helps; :mod:`nst_core.cli.control_files` reads what they name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from nst_core.cli.options import GroupedOption

Command = TypeVar("Command", bound=Callable[..., Any])

NAMES = ("more_styles", "regions", "regions_from", "mask", "strength_mask", "fine_style", "coarse_style")
"""The options' parameters."""


def control_options(command: Command) -> Command:
    """Add the options that :func:`parse_control` reads."""
    for option in reversed(
        [
            click.option(
                "--style", "more_styles", cls=GroupedOption, section="look", metavar="STYLE", multiple=True,
                help="A style, or one more: the same as STYLE behind CONTENT.",
            ),
            click.option(
                "--region", "regions", cls=GroupedOption, section="look", metavar="MASK STYLE", nargs=2,
                multiple=True,
                help="Paint where the grey picture MASK is white in STYLE. May be given several times; with "
                "the same MASK it blends. Without a STYLE behind CONTENT the rest stays as it is.",
            ),
            click.option(
                "--region-from", "regions_from", cls=GroupedOption, section="look",
                metavar="MASK STYLE STYLEMASK", nargs=3, multiple=True,
                help="The same, with the style of what is white in STYLEMASK, a mask of the picture STYLE.",
            ),
            click.option(
                "--mask", cls=GroupedOption, section="look", metavar="MASK",
                help="Paint only where MASK is white; the rest takes no part and stays as it is.",
            ),
            click.option(
                "--strength-mask", cls=GroupedOption, section="look", metavar="MASK",
                help="Strength by place: white paints at full strength, black keeps the photograph.",
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
