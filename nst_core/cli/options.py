"""Options made from the table of settings, and the help that shows them in groups.

:class:`nst_core.settings.Settings` goes in; click options and chosen settings come out. No default, limit or
help text is written here, and no value is judged here: that is the table's.
"""

from __future__ import annotations

import textwrap
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from nst_core.settings import Settings, fields, make_settings, with_underscores

Command = TypeVar("Command", bound=Callable[..., Any])

SECTIONS = {
    # Group of the table -> heading in help, and whether --help spells it out.
    "look": ("Look", True),
    "files": ("Files and output", True),
    "method": ("Method", False),
    "machine": ("Machine", True),
}


FRAMES_EVERY = 10
"""Iterations between two frames where frames are asked for without saying how often."""


class SettingType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A setting's value as text: the table reads and checks it."""

    def __init__(self, field: FieldInfo) -> None:
        annotation = field.annotation
        self.words = get_args(annotation) if get_origin(annotation) is Literal else ()
        self.name = {float: "number", int: "integer"}.get(annotation, "text")  # type: ignore[arg-type]
        if get_origin(annotation) in (tuple, Union, types.UnionType):
            self.name = "x,y,w,h" if type(None) in get_args(annotation) else "layer[:weight],..."

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        """Show the choices, or the kind of value."""
        return f"[{'|'.join(self.words)}]" if self.words else self.name.upper()

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 -- click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer the choices to the shell."""
        return [CompletionItem(word) for word in self.words if word.startswith(incomplete)]


class GroupedOption(click.Option):
    """An option that knows its section of the help."""

    def __init__(self, *args: Any, section: str = "files", **more: Any) -> None:
        super().__init__(*args, **more)
        self.section = section


def limits(field: FieldInfo) -> str:
    """Give a number's limits in words, or an empty string."""
    lower = next((m.ge for m in field.metadata if hasattr(m, "ge")), None)
    upper = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    if lower is None or upper is None:
        return ""
    return f"{lower:g} to {upper:g}" if upper < 1e9 else f"{lower:g} or more"


def notes(field: FieldInfo, default: str) -> str:
    """Give limits and default in brackets, or an empty string where there are none."""
    parts = [part for part in (limits(field), f"default {default}" if default else "") if part]
    return f"[{'; '.join(parts)}]" if parts else ""


def value_text(name: str, settings: Settings) -> str:
    """Write one of ``settings`` as one would give it on the command line."""
    value = settings.model_dump(mode="json", include={name})[name]
    return f"{value:g}" if isinstance(value, float) else str(value)


def setting_options(
    names: Iterable[str], instead: Mapping[str, object] | None = None
) -> Callable[[Command], Command]:
    """Return a decorator that adds an option for each of ``names``.

    ``instead`` holds the defaults of a command that differ from the table's.
    """
    changed = make_settings(instead or {})

    def decorate(command: Command) -> Command:
        for name in reversed(list(names)):
            field = fields()[name]
            default = value_text(name, changed)
            extra = field.json_schema_extra
            option = click.option(
                f"--{name.replace('_', '-')}",
                name,
                cls=GroupedOption,
                section=extra["group"] if isinstance(extra, dict) else "method",
                type=SettingType(field),
                default=None,
                help=f"{field.description} {notes(field, default)}".rstrip(),
            )
            command = option(command)
        return command

    return decorate


def chosen_settings(
    given: Mapping[str, object],
    instead: Mapping[str, object] | None = None,
    stored: Mapping[str, object] | None = None,
) -> Settings:
    """Make settings of the options that were given, over stored ones, over a command's own defaults.

    Raises:
        NstError: ``bad-setting``.
    """
    named = {name: value for name, value in given.items() if name in fields() and value is not None}
    return make_settings({**with_underscores(instead or {}), **with_underscores(stored or {}), **named})


class SettingsCommand(click.Command):
    """A command with many settings: ``--help`` names the method's, ``--help-all`` explains them."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.append(
            GroupedOption(
                ["--help-all"], is_flag=True, is_eager=True, expose_value=False, callback=_show_all,
                help="Explain every option.",
            )
        )  # fmt: skip

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options section by section, the look first."""
        everything = bool(ctx.meta.get("nst.help_all"))
        for section, (heading, spelled_out) in SECTIONS.items():
            options = [
                parameter
                for parameter in self.get_params(ctx)
                if isinstance(parameter, click.Option) and getattr(parameter, "section", "files") == section
            ]
            if not options:
                continue
            if spelled_out or everything:
                records = [record for option in options if (record := option.get_help_record(ctx))]
                with formatter.section(heading):
                    formatter.write_dl(records)
            else:
                with formatter.section(f"{heading} (explained by --help-all)"):
                    names = " ".join(option.opts[0] for option in options)
                    indent = " " * formatter.current_indent
                    # click's own would break lines at the hyphens within names.
                    lines = textwrap.wrap(
                        names, formatter.width, initial_indent=indent, subsequent_indent=indent,
                        break_on_hyphens=False, break_long_words=False,
                    )  # fmt: skip
                    formatter.write("\n".join(lines) + "\n")


def _show_all(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["nst.help_all"] = True
        click.echo(ctx.get_help())
        ctx.exit()


def store_option(command: Command) -> Command:
    """Add ``--store``."""
    return click.option(
        "--store",
        cls=GroupedOption,
        section="machine",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Folder of the networks, instead of NST_MODELS or the user's own.",
    )(command)


def verbose_option(command: Command) -> Command:
    """Add ``-v``; :func:`nst_core.cli.failures.wants_traceback` looks for it."""
    return click.option(
        "-v", "--verbose", cls=GroupedOption, is_flag=True, help="Say more, and show tracebacks of defects."
    )(command)


def json_option(text: str) -> Callable[[Command], Command]:
    """Add ``--json`` with its help."""
    return click.option("--json", "as_json", cls=GroupedOption, is_flag=True, help=text)


def progress_option(command: Command) -> Command:
    """Add ``--progress`` and ``--no-progress``."""
    return click.option(
        "--progress/--no-progress",
        cls=GroupedOption,
        default=None,
        help="Show progress on stderr, or not. [default: where stderr is a terminal]",
    )(command)


def output_options(command: Command) -> Command:
    """Add the options of every command that paints a picture; :mod:`nst_core.cli.running` reads them."""
    folder = click.Path(path_type=Path)
    for option in reversed(
        [
            click.option(
                "-o", "--output", cls=GroupedOption, metavar="FILE", type=click.Path(path_type=Path),
                help="The picture to write; its suffix tells the format (.png, .tif, .jpg, .webp, ...). "
                "Without it a PNG beside the first picture, named after all of them.",
            ),
            click.option("--force", cls=GroupedOption, is_flag=True, help="Overwrite what exists."),
            click.option(
                "--settings", "settings_file", cls=GroupedOption, metavar="FILE",
                help="Repeat the settings in FILE, a picture that nst wrote or JSON; options go before them.",
            ),
            click.option(
                "--frames", cls=GroupedOption, metavar="DIR", type=folder,
                help="Write the picture as it comes into being into DIR, with a contact sheet.",
            ),
            click.option(
                "--frames-every", cls=GroupedOption, metavar="N", type=click.IntRange(1), default=None,
                help=f"A frame every N iterations. [default {FRAMES_EVERY}]",
            ),
            click.option(
                "--report", cls=GroupedOption, metavar="DIR", type=folder,
                help="Write loss curves (loss.png), settings and timings (report.json) into DIR.",
            ),
            json_option("Write every event as a line of JSON to stdout."),
            progress_option,
            verbose_option,
            store_option,
        ]
    ):  # fmt: skip
        command = option(command)
    return command
