"""Options that several commands share, and the help page that shows options in sections.

:mod:`nst_core.cli.setting_options` and :mod:`nst_core.cli.control_options` add the options that say how to
paint. Each decorator here passes its options to the command as one typed argument.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nst_core.contract import printable

Command = Callable[..., Any]

SECTIONS = {
    # Group of the settings table -> (heading in the help, whether --help explains its options).
    "look": ("Look", True),
    "files": ("Files and output", True),
    "method": ("Method", False),
    "machine": ("Machine", True),
}

FRAMES_EVERY = 10
"""Default of ``--frames-every``: iterations between two frames."""


class GroupedOption(click.Option):
    """An option that belongs to a section of the help."""

    def __init__(self, *args: Any, section: str = "files", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> click.types.OptionHelpExtra:
        """Leave out click's notation of ranges, such as ``x>=1``; the help says it in words."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class SettingsCommand(click.Command):
    """A command with many settings: ``--help`` only lists the method's, ``--help-all`` explains them."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.append(
            GroupedOption(
                ["--help-all"], is_flag=True, is_eager=True, expose_value=False, callback=_show_full_help,
                help="Explain every option and exit.",
            )
        )  # fmt: skip

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, unless one of them is a file that looks like options.

        Raises:
            click.UsageError: there is such a file.
        """
        takes_value = {
            name
            for option in self.get_params(ctx)
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        names = {name for option in self.get_params(ctx) for name in (*option.opts, *option.secondary_opts)}
        for before, argument in zip(["", *args], args, strict=False):
            if argument == "--":
                break
            is_option = not argument.startswith("-") or argument in names or before in takes_value
            if not is_option and os.path.lexists(argument):
                raise click.UsageError(
                    f"The name {printable(argument)} begins with a dash, as options do. Write "
                    f"./{printable(argument)}, or -- before the names of the pictures.",
                    ctx,
                )
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options section by section, starting with the look."""
        explain_all = bool(ctx.meta.get("nst.help_all"))
        for section, (heading, is_explained) in SECTIONS.items():
            options = [
                parameter
                for parameter in self.get_params(ctx)
                if isinstance(parameter, click.Option) and getattr(parameter, "section", "files") == section
            ]
            if not options:
                continue
            if is_explained or explain_all:
                records = [record for option in options if (record := option.get_help_record(ctx))]
                with formatter.section(heading):
                    formatter.write_dl(records)
            else:
                with formatter.section(f"{heading} (see --help-all)"):
                    _write_names(formatter, [option.opts[0] for option in options])


def _write_names(formatter: click.HelpFormatter, names: Iterable[str]) -> None:
    """Write option names as a paragraph; click would break lines at the hyphens within them."""
    indent = " " * formatter.current_indent
    lines = textwrap.wrap(
        " ".join(names), formatter.width, initial_indent=indent, subsequent_indent=indent,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
    formatter.write("\n".join(lines) + "\n")


def _show_full_help(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["nst.help_all"] = True
        click.echo(ctx.get_help())
        ctx.exit()


def bundle_options(
    command: Command, keyword: str, bundle: Callable[..., object], names: Iterable[str]
) -> Command:
    """Pass the options ``names`` as one argument: ``keyword=bundle(**options)``.

    Names of options that the command does not have are ignored.
    """
    names = list(names)

    @functools.wraps(command)
    def with_bundle(**options: Any) -> Any:
        bundled = {name: options.pop(name) for name in names if name in options}
        return command(**options, **{keyword: bundle(**bundled)})

    return with_bundle


def names_of_fields(bundle: type) -> list[str]:
    """Return the field names of a dataclass, which are the parameters of its options."""
    return [field.name for field in dataclasses.fields(bundle)]


def store_option(command: Command) -> Command:
    """Add ``--store``, passed as ``store``."""
    return click.option(
        "--store",
        cls=GroupedOption,
        section="machine",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Folder of the networks. [default: $NST_MODELS, or the user's data folder]",
    )(command)


def pixel_limit_option(command: Command) -> Command:
    """Add ``--max-megapixels``, which acts while the command runs and is passed to nothing."""
    return click.option(
        "--max-megapixels",
        cls=GroupedOption,
        section="machine",
        metavar="N",
        type=click.FloatRange(min=0, min_open=True, max=1e6),
        expose_value=False,
        callback=_allow_megapixels,
        help="Read pictures of up to N megapixels, if you trust their files. [default: 268]",
    )(command)


def _allow_megapixels(ctx: click.Context, _option: click.Parameter, value: float | None) -> None:
    if value is not None:
        from nst_core.images.decode import allow_pixels

        ctx.with_resource(allow_pixels(int(value * 1e6)))


def location_option(command: Command) -> Command:
    """Add ``--keep-location``, passed as ``keep_location``."""
    return click.option(
        "--keep-location", cls=GroupedOption, is_flag=True,
        help="Copy the place where the photo was taken to the result, not only author, date and camera.",
    )(command)  # fmt: skip


def json_option(text: str) -> Callable[[Command], Command]:
    """Return a decorator that adds ``--json`` with the help ``text``, passed as ``as_json``."""
    return click.option("--json", "as_json", cls=GroupedOption, is_flag=True, help=text)


def progress_option(command: Command) -> Command:
    """Add ``--progress`` and ``--no-progress``, passed as ``progress``."""
    return click.option(
        "--progress/--no-progress",
        cls=GroupedOption,
        default=None,
        help="Show progress on stderr. [default: on a terminal]",
    )(command)


def add_options(command: Command, decorators: Sequence[Callable[[Command], Command]]) -> Command:
    """Add options to a command; its help lists them in this order."""
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def resume_option(text: str) -> Callable[[Command], Command]:
    """Return a decorator that adds ``--resume`` with the help ``text``, passed as ``resume``."""
    return click.option("--resume", cls=GroupedOption, is_flag=True, help=text)


def settings_file_option(text: str) -> Callable[[Command], Command]:
    """Return a decorator that adds ``--settings`` with the help ``text``.

    :func:`nst_core.cli.setting_options.setting_options` reads it.
    """
    return click.option("--settings", "settings_file", cls=GroupedOption, metavar="FILE", help=text)


@dataclass(frozen=True)
class ReportingOptions:
    """Options that say how to report on a run. ``progress`` None: show it on a terminal only."""

    as_json: bool = False
    progress: bool | None = None
    verbose: bool = False


def reporting_options(command: Command) -> Command:
    """Add ``--json``, ``--progress`` and ``--verbose``, passed as ``reporting``."""
    command = bundle_options(command, "reporting", ReportingOptions, names_of_fields(ReportingOptions))
    command = click.option(  # nst_core.cli.failures.wants_traceback looks for it, too
        "-v", "--verbose", cls=GroupedOption, is_flag=True,
        help="Print more details and tracebacks of bugs.",
    )(command)  # fmt: skip
    return json_option("Write every event to stdout as a line of JSON.")(progress_option(command))


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Options of the commands that paint one picture: what to write where, and how to report on it."""

    output: Path | None
    force: bool
    keep_location: bool
    resume: bool
    frames: Path | None
    frames_every: int | None
    frames_size: int | None
    report: Path | None
    reporting: ReportingOptions
    store: Path | None


def output_options(command: Command) -> Command:
    """Add the options of a command that paints one picture, passed as ``output``; and ``--settings``."""
    folder = click.Path(path_type=Path)
    command = bundle_options(command, "output", OutputOptions, names_of_fields(OutputOptions))
    decorators: list[Callable[[Command], Command]] = [
        click.option(
            "-o", "--output", cls=GroupedOption, metavar="FILE", type=click.Path(path_type=Path),
            help="Picture to write; its suffix (.png, .tif, .jpg, .webp, ...) sets the format. "
            "[default: a PNG next to the first picture, named after all of them]",
        ),
        click.option("--force", cls=GroupedOption, is_flag=True, help="Overwrite existing files."),
        location_option,
        resume_option("Go on with the same command where it was stopped or killed."),
        settings_file_option(
            "Reuse the settings in FILE, a picture painted by nst or a JSON file. Options override them."
        ),
        click.option(
            "--frames", cls=GroupedOption, metavar="DIR", type=folder,
            help="Write intermediate pictures and a contact sheet of them to DIR.",
        ),
        click.option(
            "--frames-every", cls=GroupedOption, metavar="N", type=click.IntRange(1), default=None,
            help=f"Write a frame every N iterations. [default: {FRAMES_EVERY}]",
        ),
        click.option(
            "--frames-size", cls=GroupedOption, metavar="PIXELS", type=click.IntRange(16, 65_500),
            help="Long side of all frames. [default: the result's]",
        ),
        click.option(
            "--report", cls=GroupedOption, metavar="DIR", type=folder,
            help="Write loss curves (loss.png), settings and timings (report.json) to DIR.",
        ),
        reporting_options,
        pixel_limit_option,
        store_option,
    ]  # fmt: skip
    return add_options(command, decorators)
