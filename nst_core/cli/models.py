"""The command ``nst models``: the networks in the model store."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.cli.commands import SuggestingGroup
from nst_core.cli.options import json_option, progress_option, store_option
from nst_core.cli.terminal import print_answer, print_line
from nst_core.contract import format_bytes

if TYPE_CHECKING:
    from nst_core.vgg.fetched_files import FetchProgress
    from nst_core.vgg.network import Network
    from nst_core.vgg.store import ModelStore

PHASES = {
    "wait": "Waiting for another program before fetching",
    "download": "Downloading",
    "check": "Checking",
    "convert": "Converting",
}
PHASES_IN_BYTES = ("download", "check")
"""Phases whose length in bytes is known."""


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """List, fetch, import, verify and remove networks.

    A network is VGG-19 (the usual one), VGG-16, or one of either kind that you import.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@models.command(name="list")
@json_option("Print the list as JSON.")
@store_option
def list_models(as_json: bool, store: Path | None) -> None:
    """List installed and available networks."""
    from nst_core.vgg.sources import SOURCES
    from nst_core.vgg.store import ModelStore

    model_store = ModelStore(store)
    available = [name for name in SOURCES if name not in model_store.names()]
    if as_json:
        click.echo(json.dumps(_describe_store(model_store, available), indent=1))
        return
    for model in model_store.list():
        if model.network:
            network = model.network
            print_line(f"{model.name}  {format_bytes(model.bytes)}  {network.sha256[:12]}  {network.source}")
        else:
            print_line(f"{model.name}  cannot be used: {model.problem}")
    for name in available:
        size = format_bytes(SOURCES[name][0].bytes)
        print_line(f"{name}  not installed; `nst models fetch {name}` downloads {size}")
    print_line(f"Folder: {model_store.root}")


@models.command()
@click.argument("name")
@progress_option
@json_option("Print the network as JSON.")
@store_option
def fetch(name: str, progress: bool | None, as_json: bool, store: Path | None) -> None:
    """Download and install vgg19 or vgg16.

    Checks the download, and continues one that was interrupted.
    """
    from nst_core.vgg.store import ModelStore

    with _show_progress(name, progress) as on_progress:
        network = ModelStore(store).fetch(name, on_progress)
    _print_network(network, as_json=as_json)


@models.command(name="import")
@click.argument("file", metavar="FILE")
@click.option("--as", "name", required=True, metavar="NAME", help="Name of the network.")
@click.option(
    "--normalisation",
    metavar="WORD",
    help="Normalisation of the pictures that it was trained on: torchvision, caffe or caffe-rgb. "
    "[default: recognised if possible]",
)
@click.option("--force", is_flag=True, help="Replace a network of the same name.")
@json_option("Print the network as JSON.")
@store_option
def import_file(
    file: str, name: str, normalisation: str | None, force: bool, as_json: bool, store: Path | None
) -> None:
    """Install your own VGG weights.

    FILE holds the weights of a VGG-19 or VGG-16 as .pth, .safetensors or .onnx.
    """
    from nst_core.vgg.store import ModelStore

    network = ModelStore(store).import_file(Path(file), name, normalisation, replace=force)
    _print_network(network, as_json=as_json)


@models.command()
@click.argument("name", required=False)
@json_option("Print the networks as JSON.")
@store_option
def verify(name: str | None, as_json: bool, store: Path | None) -> None:
    """Check networks for damage.

    Checks that the network NAME, or every network, is complete and has the weights it was installed with.
    """
    from nst_core.errors import ErrorCode, NstError
    from nst_core.vgg.store import ModelStore

    model_store = ModelStore(store)
    networks = model_store.verify(name)
    if not networks:
        raise NstError(
            ErrorCode.NO_MODEL,
            f"There are no networks in {model_store.root}.",
            "Fetch one with `nst models fetch vgg19`.",
        )
    if as_json:
        click.echo(json.dumps([_describe(network) for network in networks], indent=1))
        return
    for network in networks:
        print_line(f"{network.name}: OK, {network.sha256}")


@models.command()
@click.argument("name")
@json_option("Print only errors, as JSON.")
@store_option
def remove(name: str, as_json: bool, store: Path | None) -> None:
    """Delete a network."""
    from nst_core.vgg.store import ModelStore

    ModelStore(store).remove(name)
    if not as_json:
        print_line(f"Removed {name}.")


def _describe(network: Network) -> dict[str, Any]:
    """Return a network as JSON output shows it."""
    return {
        "name": network.name,
        "architecture": network.architecture,
        "sha256": network.sha256,
        "source": network.source,
        "licence": network.licence,
        "path": str(network.path),
    }


def _describe_store(model_store: ModelStore, available: list[str]) -> dict[str, Any]:
    """Return the store as ``nst models list --json`` shows it."""
    rows = []
    for model in model_store.list():
        network = _describe(model.network) if model.network else {"name": model.name, "path": str(model.path)}
        rows.append({**network, "bytes": model.bytes, "problem": model.problem})
    return {"folder": str(model_store.root), "models": rows, "available": available}


def _print_network(network: Network, *, as_json: bool) -> None:
    print_answer(_describe(network), f"Installed {network.name}: {network.path}", as_json=as_json)


@contextmanager
def _show_progress(name: str, progress: bool | None) -> Iterator[Callable[[FetchProgress], None]]:
    """Show a download as a bar on a terminal, as lines if ``progress`` asks for it, or not at all."""
    if sys.stderr.isatty() and progress is not False:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(), DownloadColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task(f"Fetching {name}", total=None)

            def move_bar(step: FetchProgress) -> None:
                total = step.total if step.phase in PHASES_IN_BYTES else None  # None: a bar without an end
                description = f"{PHASES[step.phase]} {name}"
                bar.update(task, description=description, completed=step.done, total=total)

            yield move_bar
    else:
        yield _LinePrinter(name).print_line if progress else lambda _step: None


class _LinePrinter:
    """Prints a line for every tenth of a download."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.last_tenth = -1

    def print_line(self, step: FetchProgress) -> None:
        if step.phase == "wait":
            print_line(f"{PHASES[step.phase]} {self.name}", err=True)
        elif step.total and step.phase in PHASES_IN_BYTES:
            tenth = 10 * step.done // step.total
            if tenth != self.last_tenth:
                self.last_tenth = tenth
                print_line(f"{PHASES[step.phase]} {self.name}: {10 * tenth}%", err=True)
