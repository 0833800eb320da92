"""``nst figures``: the paper's figures. What is already there, made from the same, is not made again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_core.cli.options import (
    GroupedOption,
    SettingsCommand,
    chosen_settings,
    json_option,
    progress_option,
    setting_options,
    store_option,
    verbose_option,
)
from nst_core.images.display_name import display_name

if TYPE_CHECKING:
    from nst_core.pages.paper_figures import FigureJob, Figures

NAMES = ("strength", "quality", "size", "seed", "iterations", "model", "engine", "device")
INSTEAD = {"size": 256}

KEY = "figure"
"""Name, in a picture's metadata, of the hash of what it was made from."""

PAGE, SHEET = "index.html", "figures.png"


@click.command(cls=SettingsCommand, short_help="Make the paper's figures from two pictures, on one page.")
@click.argument("folder", metavar="OUTDIR", type=click.Path(path_type=Path))
@click.argument("content", metavar="CONTENT")
@click.argument("style", metavar="STYLE")
@setting_options(NAMES, INSTEAD)
@click.option("--force", cls=GroupedOption, is_flag=True, help="Overwrite files that are not these figures.")
@json_option("Write every event as a line of JSON to stdout.")
@progress_option
@verbose_option
@store_option
def figures(folder: Path, content: str, style: str, **given: Any) -> None:
    """Make the figures of Gatys et al. 2016 from CONTENT and STYLE.

    OUTDIR gets every picture, all of them on one page (figures.png), and the same as a web page (index.html).
    Broken off with Ctrl-C, it goes on where it was when it is called again.
    """
    from nst_core.cli.inputs import parse_style
    from nst_core.cli.interrupts import listening
    from nst_core.cli.telling import reporting_progress
    from nst_core.images.read import read_picture
    from nst_core.pages.paper_figures import check, design
    from nst_core.vgg.store import ModelStore

    settings = chosen_settings(given, INSTEAD)
    store = ModelStore(given["store"])
    iterations = settings.iterations
    with (
        reporting_progress(
            as_json=given["as_json"], progress=given["progress"], verbose=given["verbose"]
        ) as teller,
        listening(teller.say, kept="Broken off; the pictures that are finished stay."),
    ):
        network = store.resolve(settings.model, teller.event)
        settings = settings.model_copy(update={"model": network.name, "iterations": 0})
        read = [content, parse_style(style).path]
        first, second = (read_picture(path, on_notice=teller.event) for path in read)
        planned = design(first, second, settings, iterations)
        check(planned)
        todo = prepare_folder(folder, planned, read, network.sha256, given["force"])
        make(folder, planned, todo, network.sha256, teller, store)
        write_pages(folder, planned, settings.size)
        teller.done(
            f"{folder / PAGE} and {folder / SHEET}: {len(planned.figures)} figures.",
            {"path": str(folder / PAGE), "page": str(folder / SHEET), "painted": len(todo)},
        )


def prepare_folder(
    folder: Path, planned: Figures, read: Sequence[str], model_sha256: str, force: bool
) -> list[FigureJob]:
    """Make the folder, refuse other files that are in the way, and return the paintings still to be made.

    Raises:
        NstError: ``output-exists`` (with ``force`` only for pictures that are ``read``),
            ``unwritable-output``, ``disk-full``.
    """
    from nst_core.cli.folders import check_folder
    from nst_core.errors import ErrorCode, NstError
    from nst_core.images.file_io import check_not_an_input

    check_folder(folder, force=True)
    names = [*planned.originals, *(name for painting in planned.paintings for name in painting.names)]
    keys = {name: stored_key(folder / f"{name}.png") for name in names}
    ours = {f"{name}.png": bool(key) for name, key in keys.items()}
    ours |= {SHEET: bool(stored_key(folder / SHEET)), PAGE: is_page(folder / PAGE)}
    for name, mine in ours.items():
        check_not_an_input(folder / name, read)
        if not (mine or force) and (folder / name).exists():
            raise NstError(
                ErrorCode.OUTPUT_EXISTS,
                f"{display_name(folder / name)} exists and is not one of these figures.",
                "Choose another folder, or overwrite it with --force.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    return [
        painting
        for painting in planned.paintings
        if {keys[name] for name in painting.names} != {painting.key(model_sha256)}
    ]


def stored_key(path: Path) -> str:
    """Return what a picture was made from, or an empty string for none of ours."""
    from nst_core.errors import NstError
    from nst_core.images.metadata import read_metadata

    try:
        return read_metadata(path).get(KEY, "")
    except NstError:
        return ""


def is_page(path: Path) -> bool:
    """Whether there is a web page that :func:`write_pages` wrote."""
    from nst_core.pages.paper_figures import HEAD

    try:
        with path.open("rb") as file:
            return file.read(len(HEAD)) == HEAD.encode()
    except OSError:
        return False


def make(
    folder: Path, planned: Figures, todo: list[FigureJob], model_sha256: str, teller: Any, store: Any
) -> None:
    """Paint what is to be painted, each picture written as soon as it is there."""
    import time
    from dataclasses import replace

    from nst_core.events import Event, Progress
    from nst_core.images.write import write_picture
    from nst_core.pages.paper_figures import paint
    from nst_core.painting.run import RunCallbacks

    began = time.monotonic()
    for number, painting in enumerate(todo):
        teller.step(f"{painting.name} ({number + 1} of {len(todo)})")

        def on_event(event: Event, done: int = number) -> None:
            if isinstance(event, Progress):
                fraction = (done + event.fraction) / len(todo)
                seconds = time.monotonic() - began
                left = seconds * (1.0 - fraction) / fraction if fraction > 0 else None
                event = replace(event, fraction=fraction, seconds=seconds, seconds_left=left)
                teller.event(event)

        for name, picture in paint(painting, RunCallbacks(on_event), store).items():
            metadata = {KEY: painting.key(model_sha256)}
            write_picture(picture, folder / f"{name}.png", force=True, metadata=metadata)
    for name, picture in planned.originals.items():
        write_picture(picture, folder / f"{name}.png", force=True, metadata={KEY: "original"})


def write_pages(folder: Path, planned: Figures, size: int) -> None:
    """Put all pictures on one page."""
    from nst_core.images.file_io import replace_file
    from nst_core.images.picture import Picture
    from nst_core.images.read import read_picture
    from nst_core.images.write import write_picture
    from nst_core.pages.paper_figures import html_page, page

    names = list(dict.fromkeys(name for figure in planned.figures for name, _ in figure.panels))
    pictures = {name: read_picture(folder / f"{name}.png") for name in names}
    sheet = page(planned.figures, pictures, size or 256)
    write_picture(Picture(sheet), folder / SHEET, force=True, metadata={KEY: "page"})
    files = {name: (folder / f"{name}.png").read_bytes() for name in names}
    replace_file(folder / PAGE, html_page(planned.figures, files).encode(), force=True)
