"""``nst models``: the networks of the model store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.cli.commands import NearestGroup
from nst_core.cli.options import json_option, progress_option, store_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from nst_core.vgg.download import FetchProgress
    from nst_core.vgg.network import Network

PHASES = {
    "wait": "Waiting for another program before fetching",
    "download": "Downloading",
    "check": "Checking",
    "convert": "Converting",
}
IN_BYTES = ("download", "check")
"""Phases whose end is known."""


@click.group(
    cls=NearestGroup,
    invoke_without_command=True,
    short_help="List, fetch, import, verify and remove networks.",
)
@click.pass_context
def models(ctx: click.Context) -> None:
    """List, fetch, import, verify and remove networks: VGG-19 (the usual one), VGG-16, or your own."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _described(network: Network) -> dict[str, Any]:
    return {
        "name": network.name,
        "architecture": network.architecture,
        "sha256": network.sha256,
        "source": network.source,
        "licence": network.licence,
        "path": str(network.path),
    }


@models.command(name="list")
@json_option("Print them as JSON.")
@store_option
def list_models(as_json: bool, store: Path | None) -> None:
    """List the networks that are installed, and those that can be fetched."""
    from nst_core.vgg.sources import SOURCES
    from nst_core.vgg.store import ModelStore

    opened = ModelStore(store)
    found = opened.list()
    if as_json:
        rows = [
            {
                **(
                    _described(model.network)
                    if model.network
                    else {"name": model.name, "path": str(model.path)}
                ),
                "bytes": model.bytes,
                "problem": model.problem,
            }
            for model in found
        ]
        available = [name for name in SOURCES if name not in opened.names()]
        click.echo(json.dumps({"folder": str(opened.root), "models": rows, "available": available}, indent=1))
        return
    for model in found:
        if model.network:
            network = model.network
            click.echo(f"{model.name}  {model.bytes / 1e6:.0f} MB  {network.sha256[:12]}  {network.source}")
        else:
            click.echo(f"{model.name}  cannot be used: {model.problem}")
    for name, sources in SOURCES.items():
        if name not in opened.names():
            size = sources[0].bytes / 1e6
            click.echo(f"{name}  not installed; `nst models fetch {name}` downloads {size:.0f} MB")
    click.echo(f"Folder: {opened.root}")


@models.command()
@click.argument("name")
@progress_option
@json_option("Print the network as JSON.")
@store_option
def fetch(name: str, progress: bool | None, as_json: bool, store: Path | None) -> None:
    """Download a network, vgg19 or vgg16, check it and install it. Takes up where a former try ended."""
    from nst_core.vgg.store import ModelStore

    with _fetching(name, progress) as on_progress:
        network = ModelStore(store).fetch(name, on_progress)
    _tell(network, as_json, f"{name} is installed: {network.path}")


@models.command(name="import")
@click.argument("file", metavar="FILE")
@click.option("--as", "name", required=True, metavar="NAME", help="What to call it.")
@click.option(
    "--normalisation",
    metavar="WORD",
    help="What pictures it was trained on: torchvision, caffe or caffe-rgb; found out where possible.",
)
@click.option("--force", is_flag=True, help="Replace a network of that name.")
@json_option("Print the network as JSON.")
@store_option
def import_file(
    file: str, name: str, normalisation: str | None, force: bool, as_json: bool, store: Path | None
) -> None:
    """Install weights of your own: a VGG-19 or VGG-16 as .pth, .safetensors or .onnx."""
    from nst_core.vgg.store import ModelStore

    network = ModelStore(store).import_file(Path(file), name, normalisation, replace=force)
    _tell(network, as_json, f"{name} is installed: {network.path}")


@models.command()
@click.argument("name", required=False)
@json_option("Print the networks as JSON.")
@store_option
def verify(name: str | None, as_json: bool, store: Path | None) -> None:
    """Check that a network, or every one, is whole and has the weights it was installed with."""
    from nst_core.errors import ErrorCode, NstError
    from nst_core.vgg.store import ModelStore

    opened = ModelStore(store)
    whole = opened.verify(name)
    if not whole:
        raise NstError(
            ErrorCode.NO_MODEL,
            f"There are no networks in {opened.root}.",
            "`nst models fetch vgg19` fetches one.",
        )
    if as_json:
        click.echo(json.dumps([_described(network) for network in whole], indent=1))
        return
    for network in whole:
        click.echo(f"{network.name}: whole, {network.sha256}")


@models.command()
@click.argument("name")
@json_option("Print nothing but errors, as JSON.")
@store_option
def remove(name: str, as_json: bool, store: Path | None) -> None:
    """Delete a network."""
    from nst_core.vgg.store import ModelStore

    ModelStore(store).remove(name)
    if not as_json:
        click.echo(f"{name} is removed.")


def _tell(network: Network, as_json: bool, sentence: str) -> None:
    click.echo(json.dumps(_described(network), indent=1) if as_json else sentence)


@contextmanager
def _fetching(name: str, progress: bool | None) -> Iterator[Callable[[FetchProgress], None]]:
    """Show a download: a bar on a terminal, lines where asked for, else nothing."""
    import sys

    if sys.stderr.isatty() and progress is not False:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task(f"Fetching {name}", total=None)

            def draw(step: FetchProgress) -> None:
                unit = step.total if step.phase in IN_BYTES else None  # else a bar without an end
                bar.update(task, description=f"{PHASES[step.phase]} {name}", completed=step.done, total=unit)

            yield draw
        return
    tenth = -1

    def tell(step: FetchProgress) -> None:
        nonlocal tenth
        if progress and step.phase == "wait":
            click.echo(f"{PHASES[step.phase]} {name}", err=True)
        elif progress and step.total and step.phase in IN_BYTES:
            reached = 10 * step.done // step.total
            if reached != tenth:
                tenth = reached
                click.echo(f"{PHASES[step.phase]} {name}: {10 * reached} %", err=True)

    yield tell
