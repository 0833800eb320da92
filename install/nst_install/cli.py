"""The command line, and the one place where failures become words and exit codes.

0 is done, 2 is something the user can mend, 1 is a defect of the installer, 130 was broken off.
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
from nst_install.commands import Wishes
from nst_install.console import Console
from nst_install.engines import DEVICES, ENGINES
from nst_install.errors import InstallError, from_os
from nst_install.places import find_places

DEFECT, MENDABLE, BROKEN_OFF, READER_LEFT = 1, 2, 130, 141


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="install.py", description="Installs the neural style filter for GIMP 3 and the engine behind it."
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but failures")
    table = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    engine = argparse.ArgumentParser(add_help=False)
    engine.add_argument("--engine", choices=["auto", *ENGINES], default="auto",
                        help="what computes; auto: cuda with an NVIDIA card, else cpu")  # fmt: skip
    engine.add_argument("--device", choices=["auto", *DEVICES], default="auto",
                        help="what it is computed on, which decides the engine")  # fmt: skip
    choices = argparse.ArgumentParser(add_help=False, parents=[engine])
    choices.add_argument("--model", default="auto", metavar="NAME",
                         help="network: auto (vgg19, else vgg16), vgg19, vgg16 or none")  # fmt: skip
    choices.add_argument("--models", default="", metavar="FOLDER", help="where networks are kept")
    choices.add_argument("--python", default="auto", metavar="PATH",
                         help="Python to use; own: one of the engine's own, fetched by uv")  # fmt: skip
    choices.add_argument("--profile", action="append", default=[], metavar="FOLDER",
                         help="profile of GIMP (.../GIMP/3.0) in place of all; may be repeated")  # fmt: skip
    choices.add_argument("--no-gimp", action="store_true", help="leave GIMP alone")
    choices.add_argument(
        "--offline", type=Path, metavar="BUNDLE", help="use a folder made by `bundle`, no network"
    )

    def add(name: str, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return table.add_parser(name, help=text, description=text, parents=list(parents))

    add("install", "Install the engine and the plug-in; run again, it mends and updates.", choices)
    add("update", "Bring what is installed to the state of this checkout.", choices)
    add("repair", "Check every hash and make anew what is damaged.", choices)
    removing = add("uninstall", "Take everything away; asks before deleting networks and kept styles.")
    for what in ("weights", "styles"):
        either = removing.add_mutually_exclusive_group()
        either.add_argument(f"--delete-{what}", dest=what, action="store_true", default=None)
        either.add_argument(f"--keep-{what}", dest=what, action="store_false", default=None)
    showing = add("status", "Say what is installed, and how large it is.")
    showing.add_argument("--json", action="store_true")
    add("verify", "Check every file against its hash.")
    packing = add("bundle", "Prepare a folder for machines without internet.", engine)
    packing.add_argument("folder", type=Path)
    making = add("environment", "Make an empty environment with pip (for tests/run).")
    making.add_argument("folder", type=Path)
    starting = add("quickstart", "Install, then paint a picture.", choices)
    starting.add_argument("pictures", nargs="*", metavar="CONTENT STYLE", help="default: the samples")
    starting.add_argument(
        "--output", type=Path, metavar="FOLDER", help="default: nst-quickstart in the home folder"
    )
    starting.add_argument("--size", type=int, default=0, metavar="PIXELS", help="long side to paint at")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a folder's name may have letters that a console has not
    given = make_parser().parse_args(arguments)
    console = Console(given.quiet)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores the latter
            signal.signal(number, _interrupt)
    try:
        return carry_out(given, console)
    except InstallError as error:
        console.complain(f"{error.message}\n{error.hint}".rstrip())
        return MENDABLE
    except KeyboardInterrupt:
        console.complain(
            "Broken off; run the command again to take away the rest."
            if given.command == "uninstall"
            else "Broken off. What was installed before works; run the command again to go on."
        )
        return BROKEN_OFF
    except BrokenPipeError:
        # What is still buffered must not be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_LEFT
    except OSError as error:
        console.complain(str(from_os(error.filename or "A file", error)))
        return MENDABLE
    except Exception:
        console.complain(traceback.format_exc())
        console.complain("This is a defect of the installer; the lines above say where.")
        return DEFECT


def carry_out(given: argparse.Namespace, console: Console) -> int:
    """Call what the command names."""
    places = find_places()
    if given.command == "uninstall":
        return removal.uninstall(places, console, given.weights, given.styles)
    if given.command == "status":
        return status.show(places, console, given.json)
    if given.command == "verify":
        return checks.verify(places, console)
    if given.command == "environment":
        return environment.make_empty(places, given.folder, sources.online(), console)
    if given.command == "bundle":
        return bundle.make(places, given.engine, given.device, given.folder, console)
    wishes = Wishes(
        given.engine,
        given.model,
        given.models,
        given.python,
        tuple(given.profile),
        not given.no_gimp,
        given.offline,
        given.device,
    )
    if given.command == "repair":
        return checks.repair(places, wishes, console)
    if given.command == "quickstart":
        return quickstart.run(places, wishes, given.pictures, given.output, given.size, console)
    if given.command == "update":
        commands.require(places)
    return commands.install(places, wishes, console)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
