"""Options of ``nst film``."""

from __future__ import annotations

import math
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
    names_of_fields,
    pixel_limit_option,
    reporting_options,
    resume_option,
    store_option,
)


@dataclass(frozen=True, kw_only=True)
class FilmOptions:
    """Options of a film: what to paint of it, and where to write it."""

    output: Path
    start: float
    stop: float
    every: int
    rate: float
    force: bool
    resume: bool
    ray_address: str | None
    painters: int
    reporting: ReportingOptions
    store: Path | None


def film_options(command: Command) -> Command:
    """Add the options, passed as ``options``."""
    command = bundle_options(command, "options", FilmOptions, names_of_fields(FilmOptions))
    seconds = click.FloatRange(min=0)
    decorators: list[Callable[[Command], Command]] = [
        click.option(
            "-o", "--output", cls=GroupedOption, metavar="FILE", type=click.Path(path_type=Path),
            required=True,
            help="Film to write: .mp4, .mov, .mkv, .webm, .gif, .png or .webp, or a folder of pictures.",
        ),
        click.option(
            "--from", "start", cls=GroupedOption, metavar="SECONDS", type=seconds, default=0.0,
            help="Begin at this time of the film. [default: its start]",
        ),
        click.option(
            "--to", "stop", cls=GroupedOption, metavar="SECONDS", type=seconds, default=math.inf,
            show_default=False, help="End at this time of the film. [default: its end]",
        ),
        click.option(
            "--every", cls=GroupedOption, metavar="N", type=click.IntRange(1), default=1,
            help="Paint one of N frames; each is shown N times as long. [default: 1]",
        ),
        click.option(
            "--rate", cls=GroupedOption, metavar="N", type=click.FloatRange(0.1, 1000.0), default=25.0,
            help="Frames per second of a folder of pictures. [default: 25]",
        ),
        click.option("--force", cls=GroupedOption, is_flag=True, help="Overwrite existing files."),
        click.option(
            "--ray", "ray_address", cls=GroupedOption, section="machine", metavar="ADDRESS",
            help="Paint shots side by side on the GPUs of the Ray cluster at ADDRESS; `local` uses those of "
            "this machine.",
        ),
        click.option(
            "--painters", cls=GroupedOption, section="machine", metavar="N", type=click.IntRange(0, 4096),
            default=0,
            help="With --ray: number of shots to paint at once. [default: one per GPU, or one per machine "
            "without GPUs]",
        ),
        resume_option("Go on with the same command after the last finished frame."),
        reporting_options,
        pixel_limit_option,
        store_option,
    ]  # fmt: skip
    return add_options(command, decorators)
