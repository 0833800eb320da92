"""``nst`` itself: the table of commands, each of which is imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple, NoReturn

import click

from nst_core import __version__
from nst_core.cli.failures import SUCCESS, report_failure
from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.system.process_limits import LEAST_TO_START, is_memory_exhausted, limit_threads


class CommandEntry(NamedTuple):
    """A command: its module in this package, its name in that module, and its short help."""

    module: str
    attribute: str
    short_help: str


COMMANDS: Mapping[str, CommandEntry] = {
    "stylize": CommandEntry("stylize", "stylize", "Paint a picture in the style of another."),
    "batch": CommandEntry("batch", "batch", "Paint every picture in a folder."),
    "film": CommandEntry("film", "film", "Paint a film, frame by frame, without flicker."),
    "plan": CommandEntry("plan", "plan", "Estimate the time and memory of `nst stylize`."),
    "styles": CommandEntry("styles", "styles", "Keep styles under a name, with settings that suit them."),
    "gallery": CommandEntry("gallery", "gallery", "Show three values of every control on one page."),
    "evaluate": CommandEntry("evaluate", "evaluate", "Print the losses of a picture as JSON."),
    "reconstruct": CommandEntry(
        "experiments", "reconstruct", "Reconstruct a picture from one layer of the network."
    ),
    "texture": CommandEntry("experiments", "texture", "Paint a texture from a style, without content."),
    "figures": CommandEntry("figures", "figures", "Reproduce the paper's figures with your pictures."),
    "settings": CommandEntry("settings", "settings", "List every setting with its limits and default."),
    "models": CommandEntry("models", "models", "List, fetch, import, verify and remove networks."),
    "doctor": CommandEntry("doctor", "doctor", "Check the installation and explain any problems."),
}
"""The commands in the order of the help. Short helps are written here only, so that the help imports none."""


def check_memory_limit() -> None:
    """Check that a limit on the memory of this process leaves enough to load the engine.

    Raises:
        NstError: ``out-of-memory``.
    """
    limit_threads()
    if is_memory_exhausted(LEAST_TO_START):
        raise NstError(
            ErrorCode.OUT_OF_MEMORY,
            "A limit on the memory of this command leaves less than nst needs to start "
            f"({LEAST_TO_START // 2**20} MB).",
            "Raise the limit, for example with `ulimit -v`.",
        )


class SuggestingGroup(click.Group):
    """A group of commands that suggests the nearest command for an unknown one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or raise a usage error with a suggestion."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(
                f"There is no command {name!r}.{nearest(name, self.list_commands(ctx))}", ctx=ctx
            )
        return super().resolve_command(ctx, args)


class NstGroup(SuggestingGroup):
    """The group of all commands, which turns exceptions into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command and give it its short help."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        check_memory_limit()
        command = getattr(importlib.import_module(f"nst_core.cli.{entry.module}"), entry.attribute)
        assert isinstance(command, click.Command)  # noqa: S101 -- the table above
        command.short_help = entry.short_help
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.short_help) for name, entry in COMMANDS.items()])

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run a command and exit; every exception ends here, as a message and an exit code."""
        arguments = options.get("args", args[0] if args else None)
        try:
            code = super().main(*args, **{"prog_name": "nst", **options, "standalone_mode": False})
        except SystemExit:
            raise
        except BaseException as error:
            code = report_failure(error, list(sys.argv[1:] if arguments is None else arguments))
        sys.exit(code if isinstance(code, int) else SUCCESS)


CONTEXT_SETTINGS: MutableMapping[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}


@click.group(
    cls=NstGroup,
    context_settings=CONTEXT_SETTINGS,
    invoke_without_command=True,
    epilog="`nst COMMAND --help` explains a command. Start with `nst doctor` to check the installation.",
)
@click.version_option(__version__, prog_name="nst")
@click.pass_context
def nst(ctx: click.Context) -> None:
    """Neural style transfer: paint a photograph in the style of a painting."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
