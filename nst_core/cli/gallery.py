"""``nst gallery``: each control at three settings, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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

NAMES = ("strength", "quality", "size", "seed", "iterations", "model", "engine", "device")
INSTEAD = {"size": 256}

SHOWN = 2
"""Styles that the page has room for."""


@click.command(cls=SettingsCommand, short_help="Show each control at three settings, on one page.")
@click.argument("folder", metavar="OUTDIR", type=click.Path(path_type=Path))
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="STYLE...", nargs=-1, required=True)
@setting_options(NAMES, INSTEAD)
@click.option(
    "--force", cls=GroupedOption, is_flag=True, help="Overwrite files that are not of this gallery."
)
@json_option("Write every event as a line of JSON to stdout.")
@progress_option
@verbose_option
@store_option
def gallery(folder: Path, content: str, styles: tuple[str, ...], **given: Any) -> None:
    """Paint CONTENT in STYLE with every control at three settings; a second STYLE shows what takes two.

    OUTDIR gets every picture, all of them on one page (figures.png), and the same as a web page (index.html).
    Broken off with Ctrl-C, it goes on where it was when it is called again.
    """
    from nst_core.cli.figures import PAGE, SHEET, make, prepare_folder, write_pages
    from nst_core.cli.inputs import parse_style
    from nst_core.cli.interrupts import listening
    from nst_core.cli.telling import reporting_progress
    from nst_core.events import Notice
    from nst_core.images.read import read_picture
    from nst_core.pages.control_gallery import design
    from nst_core.pages.paper_figures import check
    from nst_core.vgg.store import ModelStore

    settings = chosen_settings(given, INSTEAD)
    store = ModelStore(given["store"])
    with (
        reporting_progress(
            as_json=given["as_json"], progress=given["progress"], verbose=given["verbose"]
        ) as teller,
        listening(teller.say, kept="Broken off; the pictures that are finished stay."),
    ):
        network = store.resolve(settings.model, teller.event)
        settings = settings.model_copy(update={"model": network.name})
        if len(styles) > SHOWN:
            teller.event(Notice("not-shown", f"Of the styles the first {SHOWN} are shown."))
        read = [content, *(parse_style(style).path for style in styles[:SHOWN])]
        picture, *paintings = (read_picture(path, on_notice=teller.event) for path in read)
        planned = design(picture, paintings, settings)
        check(planned)
        todo = prepare_folder(folder, planned, read, network.sha256, given["force"])
        make(folder, planned, todo, network.sha256, teller, store)
        write_pages(folder, planned, settings.size)
        teller.done(
            f"{folder / PAGE} and {folder / SHEET}: {len(planned.figures)} rows.",
            {"path": str(folder / PAGE), "page": str(folder / SHEET), "painted": len(todo)},
        )
