"""The command ``nst figures``: the figures of the paper, made from two pictures."""

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


@click.command(cls=SettingsCommand)
@click.argument("folder", metavar="OUTDIR", type=click.Path(path_type=Path))
@click.argument("content", metavar="CONTENT")
@click.argument("style", metavar="STYLE")
@page_options
def figures(folder: Path, content: str, style: str, options: PageOptions) -> None:
    """Reproduce the figures of Gatys et al. 2016 with CONTENT and STYLE.

    Writes every picture to OUTDIR, and all of them on one page, as a picture (figures.png) and as a web page
    (index.html). After Ctrl-C, run the same command again to continue.
    """
    from nst_core.cli.figure_pages import Page, make_page
    from nst_core.cli.file_arguments import parse_style
    from nst_core.pages.paper_figures import design_figures

    def design(pictures: Sequence[Picture], settings: Settings) -> Figures:
        content_picture, style_picture = pictures
        without_iterations = settings.model_copy(update={"iterations": 0})
        return design_figures(content_picture, style_picture, without_iterations, settings.iterations)

    inputs = [content, parse_style(style).path]
    make_page(Page(folder=folder, inputs=inputs, design=design, row_name="figures"), options)
