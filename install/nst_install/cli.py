"""The command line, and the one place where failures become messages and exit codes.

The exit codes: 0 for success, 2 for a problem that the user can fix, 1 for a bug in the installer, 130 for an
interrupted command.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import traceback
from pathlib import Path

from nst_install import bundle, checks, commands, environment, quickstart, removal, sources, status
from nst_install.console import Console, EventConsole
from nst_install.engines import DEVICES, ENGINES
from nst_install.errors import InstallError, from_os
from nst_install.options import InstallOptions
from nst_install.paths import find_paths

BUG, USER_PROBLEM, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="install.py", description="Install the neural style filter for GIMP 3 and its engine."
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only errors")
    parser.add_argument("--events", action="store_true", help="print lines of JSON for programs")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return subparsers.add_parser(name, help=text, description=text, parents=list(parents))

    engine, options = _engine_options(), _install_options()
    add("install", "Install the engine and the plug-in, or repair and update them.", engine, options)
    add("update", "Update the installation to this checkout.", engine, options)
    add("repair", "Check every hash and rebuild what is damaged.", engine, options)
    uninstall = add("uninstall", "Remove everything. Asks before deleting networks and kept styles.")
    for name, files in (("weights", "networks"), ("styles", "kept styles")):
        group = uninstall.add_mutually_exclusive_group()
        group.add_argument(
            f"--delete-{name}", dest=name, action="store_true", default=None,
            help=f"delete the {files} without asking",
        )  # fmt: skip
        group.add_argument(
            f"--keep-{name}", dest=name, action="store_false", default=None,
            help=f"keep the {files} without asking",
        )  # fmt: skip
    show = add("status", "Show what is installed and how large it is.")
    show.add_argument("--json", action="store_true", help="print JSON for programs")
    add("verify", "Check every file against its hash.")
    packed = add("bundle", "Make a folder for machines without internet.", engine)
    packed.add_argument("folder", type=Path, metavar="FOLDER", help="empty or new folder")
    empty = add("environment", "Make an empty environment with pip (for tests/run).")
    empty.add_argument("folder", type=Path, metavar="FOLDER", help="new folder")
    start = add("quickstart", "Install, then paint a picture.", engine, options)
    start.add_argument("pictures", nargs="*", metavar="CONTENT STYLE", help="default: the samples")
    start.add_argument(
        "--output", type=Path, metavar="FOLDER", help="default: nst-quickstart in the home folder"
    )
    start.add_argument("--size", type=int, default=0, metavar="PIXELS", help="long side of the result")
    return parser


def _engine_options() -> argparse.ArgumentParser:
    """Return the parser of the options that choose packages."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--engine", choices=["auto", *ENGINES], default="auto",
                        help="packages to install; auto: for an NVIDIA card, asks about cuda")  # fmt: skip
    parser.add_argument("--device", choices=["auto", *DEVICES], default="auto",
                        help="device to compute on, which determines the engine")  # fmt: skip
    parser.add_argument("--films", action=argparse.BooleanOptionalAction, default=None,
                        help="include the packages for films and animations, or leave them out")  # fmt: skip
    return parser


def _install_options() -> argparse.ArgumentParser:
    """Return the parser of the other options of `install`."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--model", default="auto", metavar="NAME",
                        help="network: auto (vgg19, else vgg16), vgg19, vgg16 or none")  # fmt: skip
    parser.add_argument("--models", default="", metavar="FOLDER", help="folder of the networks")
    parser.add_argument("--python", default="auto", metavar="PATH",
                        help="Python to use; own: download one with uv")  # fmt: skip
    parser.add_argument("--profile", action="append", default=[], metavar="FOLDER",
                        help="use only this GIMP profile (.../GIMP/3.0); may be repeated")  # fmt: skip
    parser.add_argument("--no-gimp", action="store_true", help="do not install the plug-in in GIMP")
    parser.add_argument(
        "--offline", type=Path, metavar="BUNDLE", help="use a folder made by `bundle` instead of the internet"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # folder names may contain letters that the console lacks
    parsed = make_parser().parse_args(arguments)
    console = EventConsole() if parsed.events else Console(parsed.quiet)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)
    try:
        return run_command(parsed, console)
    except InstallError as error:
        console.say_error(f"{error.message}\n{error.hint}".rstrip())
        return USER_PROBLEM
    except KeyboardInterrupt:
        console.say_error(
            "Interrupted. Run the command again to remove the rest."
            if parsed.command == "uninstall"
            else "Interrupted. What was installed before still works. Run the command again to continue."
        )
        return INTERRUPTED
    except BrokenPipeError:
        # Buffered output must not be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except OSError as error:
        console.say_error(str(from_os(error.filename or "A file", error)))
        return USER_PROBLEM
    except Exception:
        console.say_error(traceback.format_exc())
        console.say_error("This is a bug in the installer; the lines above show where.")
        return BUG


def run_command(parsed: argparse.Namespace, console: Console) -> int:
    """Run the command that the user named; return its exit code."""
    paths = find_paths()
    if parsed.command == "uninstall":
        return removal.uninstall(paths, removal.UserDataChoice(parsed.weights, parsed.styles), console)
    if parsed.command == "status":
        return status.show(paths, console, as_json=parsed.json)
    if parsed.command == "verify":
        return checks.verify(paths, console)
    if parsed.command == "environment":
        return environment.make_empty(paths, parsed.folder, sources.online(), console)
    if parsed.command == "bundle":
        return bundle.make(
            paths,
            parsed.folder,
            console,
            engine=parsed.engine,
            device=parsed.device,
            films=parsed.films,
        )
    options = InstallOptions(
        engine=parsed.engine,
        device=parsed.device,
        model=parsed.model,
        models=parsed.models,
        python=parsed.python,
        profiles=tuple(parsed.profile),
        gimp=not parsed.no_gimp,
        offline=parsed.offline,
        films=parsed.films,
    )
    if parsed.command == "repair":
        return checks.repair(paths, options, console)
    if parsed.command == "quickstart":
        arguments = quickstart.QuickstartArguments(parsed.pictures, parsed.output, parsed.size)
        return quickstart.quickstart(paths, options, arguments, console)
    if parsed.command == "update":
        commands.require_record(paths)
    return commands.install(paths, options, console)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
