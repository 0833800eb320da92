"""The command line of neural-style-batch.py. Works without GIMP."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from nst_gimp.process import kept_styles
from nst_gimp.settings.arguments import help_text
from nst_gimp.settings.settings_table import SETTINGS

DESCRIPTION = "Paint pictures in the style of one or more paintings, in one start of GIMP."

EPILOG = (
    "Results that are there already are passed over, so the same command goes on with a batch that was "
    "interrupted, and several programs can share a folder. A folder stands for the pictures directly in it, "
    "without hidden files. Photographs are turned upright, as their Exif data say. The results keep the "
    "Exif, XMP and IPTC data, except for the location, and the colour profile. Exit status: 0, all results "
    "are there; 1, a picture failed; 2, the command line is wrong; 3, GIMP cannot be run."
)

COLORS = next(setting.choices for setting in SETTINGS if setting.name == "keep-colors")
KINDS = {"double": float, "int": int, "choice": str, "string": str}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("pictures", nargs="+", type=Path, help="pictures, or folders of pictures")
    parser.add_argument("--style", help="the painting to take the style from, or the name of a kept style")
    parser.add_argument("--output", required=True, type=Path, help="folder for the results; made if needed")
    parser.add_argument(
        "--format", default="xcf", help="xcf (with layers), png, jpg, tif, webp, ... (%(default)s)"
    )
    parser.add_argument(
        "--overwrite", "--force", action="store_true", help="paint again, and replace results that exist"
    )
    parser.add_argument(
        "--keep-location",
        "--keep-gps",
        action="store_true",
        help="keep in the results where each photograph was taken",
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="in the end, write a contact sheet: all results on one picture, small, with their names",
    )
    parser.add_argument("--gimp", help="gimp-console to start (default: GIMP_CONSOLE, or else from the PATH)")
    add_style_options(parser)
    look = parser.add_argument_group("settings of the filter")
    for setting in SETTINGS:
        add_setting(look, setting)
    return parser


def add_setting(group, setting) -> None:
    """Add the option for a setting. A yes or no is --NAME or --no-NAME."""
    text = help_text(setting).replace("%", "%%")
    if setting.kind == "boolean":
        action = argparse.BooleanOptionalAction
        group.add_argument(f"--{setting.name}", action=action, default=None, help=text)
        return
    group.add_argument(
        f"--{setting.name}",
        type=KINDS[setting.kind],
        choices=setting.choices or None,
        help=f"{text} ({setting.default})",
    )


def add_style_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for several styles and regions."""
    group = parser.add_argument_group(
        "several styles and regions",
        "A style is a picture file or the name of a kept style. A mask is the name of a channel or layer.",
    )
    group.add_argument(
        "--more-style",
        action="append",
        default=[],
        metavar="STYLE[:WEIGHT]",
        help="style to blend with the first; may be repeated",
    )
    group.add_argument("--style-weight", type=float, help="weight of the first style in the blend (1)")
    group.add_argument(
        "--region",
        nargs=2,
        action="append",
        default=[],
        metavar=("MASK", "STYLE"),
        help="paint in STYLE where MASK is white; may be repeated",
    )
    group.add_argument(
        "--region-colors",
        nargs=2,
        action="append",
        default=[],
        metavar=("MASK", "|".join(COLORS)),
        help="override --keep-colors for the region of MASK; may be repeated",
    )
    group.add_argument(
        "--outside",
        choices=("style", "keep"),
        help="style: paint the area outside all regions in --style, if it is given; keep: leave it unchanged "
        "(style)",
    )
    group.add_argument(
        "--strength-mask", metavar="MASK", help="leave the picture unchanged where MASK is black"
    )
    group.add_argument("--fine-style", metavar="STYLE", help="take the fine strokes from STYLE")


def parse_command_line(arguments) -> argparse.Namespace:
    """Parse and check the command line. Exit with status 2 and a message if it is wrong."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.style is None and not options.region:
        parser.error("no style: give --style, or --region MASK STYLE")
    masks = [mask for mask, _style in options.region]
    for mask, colors in options.region_colors:
        if mask not in masks:
            parser.error(f"--region-colors {mask}: no --region has the mask {mask}")
        if colors not in COLORS:
            parser.error(f"--region-colors {mask} cannot be {colors}; use one of {', '.join(COLORS)}")
    options.format = options.format.lower().lstrip(".")
    if options.sheet and not options.sheet.suffix:
        parser.error(f"--sheet {options.sheet} has no suffix; name it {options.sheet}.png, for example")
    options.kept_settings = read_kept_settings(options.style) if options.style else {}
    try:
        options.style = options.style and resolve_style(options.style, weighted=False)
        options.fine_style = options.fine_style and resolve_style(options.fine_style)
        options.more_style = [resolve_style(style) for style in options.more_style]
        options.region = [(mask, resolve_style(style)) for mask, style in options.region]
    except FileNotFoundError as error:
        parser.error(str(error))
    for path in options.pictures:
        if not os.path.exists(path):
            parser.error(f"{path} does not exist")
        if os.path.isdir(path) and path.resolve() == options.output.resolve():
            parser.error(f"--output {path} is the folder of the pictures; choose another folder")
    return options


def resolve_style(text: str, *, weighted: bool = True) -> str:
    """Return a style in the form that the filter takes: the full path of its file, with its weight.

    Raises:
        FileNotFoundError: there is neither a file nor a kept style of that name.
    """
    name, colon, weight = text.rpartition(":")
    splits = [(text, "")]
    if weighted and is_number(weight):
        splits.append((name, colon + weight))
    for style, suffix in splits:
        path = kept_styles.find_path(style) if style else None
        if path is not None:
            return path + suffix
    raise FileNotFoundError(f"there is no style file {text} and no kept style of that name")


def read_kept_settings(style: str) -> dict:
    """Return the settings kept with a style that is given by its name, as ``nst`` uses them."""
    path = None if os.path.isfile(style) else kept_styles.find_path(style)
    return kept_styles.read_settings(path) if path else {}


def is_number(text: str) -> bool:
    """Return whether ``text`` is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
