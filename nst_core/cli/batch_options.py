"""Options of ``nst batch``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from nst_core.cli.options import (
    Command,
    GroupedOption,
    ReportingOptions,
    add_options,
    bundle_options,
    location_option,
    names_of_fields,
    pixel_limit_option,
    reporting_options,
    resume_option,
    store_option,
)

FORMATS = ("png", "jpg", "tif", "webp", "avif")


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Options of a batch. ``painters`` 0: one per GPU, or one per machine if there are no GPUs."""

    output: Path | None
    suffix: str
    recursive: bool
    force: bool
    keep_location: bool
    resume: bool
    sheet: Path | None
    ray_address: str | None
    painters: int
    reporting: ReportingOptions
    store: Path | None


def batch_options(command: Command) -> Command:
    """Add the options, passed as ``options``."""
    command = bundle_options(command, "options", BatchOptions, names_of_fields(BatchOptions))
    decorators: list[Callable[[Command], Command]] = [
        click.option(
            "-o", "--output", cls=GroupedOption, metavar="FOLDER", type=click.Path(path_type=Path),
            help="Folder for the results, created if missing. [default: a folder next to FOLDER, named after "
            "FOLDER and the styles]",
        ),
        click.option(
            "--format", "suffix", cls=GroupedOption, type=click.Choice(FORMATS), default="png",
            help="Format of the results. [default: png]",
        ),
        click.option(
            "--recursive", cls=GroupedOption, is_flag=True,
            help="Paint the pictures in folders within FOLDER too, each to a folder of the same name.",
        ),
        click.option(
            "--force", cls=GroupedOption, is_flag=True, help="Paint again and overwrite existing results."
        ),
        location_option,
        resume_option("Go on within the picture that was being painted when the batch ended."),
        click.option(
            "--sheet", cls=GroupedOption, metavar="FILE", type=click.Path(path_type=Path),
            help="In the end, write a contact sheet: all results on one picture, small, with their names.",
        ),
        click.option(
            "--ray", "ray_address", cls=GroupedOption, section="machine", metavar="ADDRESS",
            help="Paint on the GPUs of the Ray cluster at ADDRESS; `local` uses those of this machine.",
        ),
        click.option(
            "--painters", cls=GroupedOption, section="machine", metavar="N", type=click.IntRange(0, 4096),
            default=0,
            help="With --ray: number of pictures to paint at once. [default: one per GPU, or one per machine "
            "without GPUs]",
        ),
        reporting_options,
        pixel_limit_option,
        store_option,
    ]  # fmt: skip
    return add_options(command, decorators)
