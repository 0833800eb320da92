"""``nst`` itself: the table of commands, each imported when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import MutableMapping
from typing import Any, NoReturn

import click

from nst_core import __version__
from nst_core.cli.failures import FINE, report_failure
from nst_core.errors import nearest

COMMANDS = {
    # Command -> (module, object, what it does).
    "stylize": ("stylize", "stylize", "Paint a picture in the style of another."),
    "batch": ("batch", "batch", "Paint every picture of a folder, here or over a cluster."),
    "reconstruct": ("experiments", "reconstruct", "Show what a layer of the network knows of a picture."),
    "texture": ("experiments", "texture", "Paint a texture: the style without any content."),
    "evaluate": ("evaluate", "evaluate", "Print the losses of any picture as JSON."),
    "gallery": ("gallery", "gallery", "Show each control at three settings, on one page."),
    "styles": ("styles", "styles", "Keep styles under a name, with the settings that suit them."),
    "figures": ("figures", "figures", "Make the paper's figures from two pictures, on one page."),
    "plan": ("plan", "plan", "Print what `stylize` would do, as JSON, without doing it."),
    "settings": ("settings", "settings", "List every setting: what it does, its limits and its default."),
    "models": ("models", "models", "List, fetch, import, verify and remove networks."),
    "doctor": ("doctor", "doctor", "Say what is installed, what will be used, and what is missing."),
}


class NearestGroup(click.Group):
    """A group that names the nearest command to one that is not there."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or raise a usage error that suggests one."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(
                f"There is no command {name!r}.{nearest(name, self.list_commands(ctx))}", ctx=ctx
            )
        return super().resolve_command(ctx, args)


class Nst(NearestGroup):
    """The group of all commands; the place where exceptions become exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Name the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"nst_core.cli.{module}"), name)
        assert isinstance(command, click.Command)  # noqa: S101 -- the table above
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def main(self, *args: Any, **more: Any) -> NoReturn:
        """Run a command; whatever is raised ends here, as a sentence and an exit code."""
        given = more.get("args", args[0] if args else None)
        try:
            code = super().main(*args, **{"prog_name": "nst", **more, "standalone_mode": False})
        except SystemExit:  # click ends so, silently and with 1, where the reader of stdout is gone
            raise
        except BaseException as error:
            code = report_failure(error, list(sys.argv[1:] if given is None else given))
        sys.exit(code if isinstance(code, int) else FINE)


CONTEXT: MutableMapping[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(
    cls=Nst,
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog="`nst COMMAND --help` explains a command. First of all: `nst doctor`.",
)
@click.version_option(__version__, prog_name="nst")
@click.pass_context
def nst(ctx: click.Context) -> None:
    """Neural style transfer: paint a photograph in the style of a painting."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
