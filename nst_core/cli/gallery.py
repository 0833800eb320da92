"""The command ``nst gallery``: each control at three settings, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nst_core.cli.options import SettingsCommand
from nst_core.cli.page_options import PageOptions, page_options

if TYPE_CHECKING:
    from nst_core.images.picture import Picture
    from nst_core.pages.paper_figures import Figures
    from nst_core.settings import Settings

MOST_STYLES = 2
"""Styles that the page has room for."""


@click.command(cls=SettingsCommand)
@click.argument("folder", metavar="OUTDIR", type=click.Path(path_type=Path))
@click.argument("content", metavar="CONTENT")
@click.argument("styles", metavar="STYLE...", nargs=-1, required=True)
@page_options
def gallery(folder: Path, content: str, styles: tuple[str, ...], options: PageOptions) -> None:
    """Paint CONTENT in the style of STYLE with every control at three settings.

    A second STYLE is used to show the controls that combine two styles. Writes every picture to OUTDIR, and
    all of them on one page, as a picture (figures.png) and as a web page (index.html). After Ctrl-C, run the
    same command again to continue.
    """
    from nst_core.cli.figure_pages import Page, make_page
    from nst_core.cli.file_arguments import parse_style
    from nst_core.events import Notice
    from nst_core.pages.control_gallery import design_gallery

    def design(pictures: Sequence[Picture], settings: Settings) -> Figures:
        content_picture, *style_pictures = pictures
        return design_gallery(content_picture, style_pictures, settings)

    page = Page(
        folder=folder,
        inputs=[content, *(parse_style(style).path for style in styles[:MOST_STYLES])],
        design=design,
        row_name="rows",
        notices=[Notice("not-shown", f"Only the first {MOST_STYLES} styles are shown.")]
        if len(styles) > MOST_STYLES
        else [],
    )
    make_page(page, options)
