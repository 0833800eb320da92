"""Make the page of ``nst figures`` or ``nst gallery``: paint its pictures and write it.

Takes the input files and a function that designs the page, and fills a folder: every picture, one large
picture of all (figures.png) and a web page (index.html). Pictures that are already there, painted from the
same inputs, are not painted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nst_core.cli.interrupts import catch_interrupts
from nst_core.cli.output_folders import check_folder
from nst_core.cli.page_options import PAGE_DEFAULTS, PageOptions
from nst_core.cli.progress_output import ProgressReporter, open_reporter
from nst_core.cli.setting_options import chosen_settings
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, Progress
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input, replace_file
from nst_core.images.metadata import read_metadata
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.write import write_picture
from nst_core.pages.paper_figures import (
    HTML_HEAD,
    FigureJob,
    Figures,
    check_figures,
    draw_figures,
    figures_html,
    paint_figure_job,
)
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.vgg.store import ModelStore

METADATA_KEY = "figure"
"""Name, in a picture's metadata, of the hash of everything that it was made from."""

HTML_NAME, SHEET_NAME = "index.html", "figures.png"

CANCELLED = "Cancelled; the finished pictures are kept."


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page to make.

    ``inputs`` are the pictures, the content first; ``design`` gets them, read, with the settings.
    ``row_name`` is the plural of what a row of the page is called.
    """

    folder: Path
    inputs: Sequence[str]
    design: Callable[[Sequence[Picture], Settings], Figures]
    row_name: str
    notices: Sequence[Notice] = ()


def make_page(page: Page, options: PageOptions) -> None:
    """Paint the pictures of a page and write it.

    Raises:
        NstError: the page cannot be made.
        Cancelled: the user cancelled; the finished pictures are kept.
    """
    settings = chosen_settings(options.settings.values, PAGE_DEFAULTS)
    store = ModelStore(options.store)
    with open_reporter(options.reporting) as reporter, catch_interrupts(reporter.say, CANCELLED):
        network = store.resolve(settings.model, reporter.report)
        settings = settings.model_copy(update={"model": network.name})
        for notice in page.notices:
            reporter.report(notice)
        pictures = [read_picture(path, on_notice=reporter.report) for path in page.inputs]
        figures = page.design(pictures, settings)
        check_figures(figures)
        keys = {painting.name: painting.key(network.sha256) for painting in figures.paintings}
        unpainted = prepare_folder(page, figures, keys, force=options.force)
        _PagePainter(page.folder, keys, reporter, store).paint(unpainted)
        _write_originals(page.folder, figures)
        _write_page(page.folder, figures, settings.size)
        html, sheet = page.folder / HTML_NAME, page.folder / SHEET_NAME
        reporter.finish(
            f"{html} and {sheet}: {len(figures.figures)} {page.row_name}.",
            {"path": str(html), "page": str(sheet), "painted": len(unpainted)},
        )


def prepare_folder(page: Page, figures: Figures, keys: dict[str, str], *, force: bool) -> list[FigureJob]:
    """Create the folder, refuse to overwrite other files, and return the paintings that are still to be made.

    ``keys`` holds the hash of each painting, by its name.

    Raises:
        NstError: ``output-exists`` (with ``force`` only for the inputs), ``unwritable-output``,
        ``disk-full``.
    """
    folder = page.folder
    check_folder(folder, force=True)
    names = [*figures.originals, *(name for painting in figures.paintings for name in painting.names)]
    stored_keys = {name: _read_key(folder / f"{name}.png") for name in names}
    is_replaceable = {f"{name}.png": bool(key) for name, key in stored_keys.items()}
    is_replaceable[SHEET_NAME] = bool(_read_key(folder / SHEET_NAME))
    is_replaceable[HTML_NAME] = _is_page(folder / HTML_NAME)
    for name, replaceable in is_replaceable.items():
        check_not_an_input(folder / name, page.inputs)
        if not (replaceable or force) and (folder / name).exists():
            raise NstError(
                ErrorCode.OUTPUT_EXISTS,
                f"{display_name(folder / name)} exists and is not one of these figures.",
                "Choose another folder, or overwrite it with --force.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    return [
        painting
        for painting in figures.paintings
        if {stored_keys[name] for name in painting.names} != {keys[painting.name]}
    ]


def _read_key(path: Path) -> str:
    """Return the hash of what a picture was made from; an empty string if it is not one of ours."""
    try:
        return read_metadata(path).get(METADATA_KEY, "")
    except NstError:
        return ""


def _is_page(path: Path) -> bool:
    """Return whether ``path`` is a web page that :func:`_write_page` wrote."""
    try:
        with path.open("rb") as file:
            return file.read(len(HTML_HEAD)) == HTML_HEAD.encode()
    except OSError:
        return False


class _PagePainter:
    """Paints the pictures of a page, and reports progress over all of them."""

    def __init__(
        self, folder: Path, keys: dict[str, str], reporter: ProgressReporter, store: ModelStore
    ) -> None:
        self.folder = folder
        self.keys = keys
        self.reporter = reporter
        self.store = store
        self.start_time = time.monotonic()

    def paint(self, paintings: Sequence[FigureJob]) -> None:
        """Paint each picture and write it as soon as it is finished."""
        for number, painting in enumerate(paintings):
            self.reporter.start_step(f"{painting.name} ({number + 1} of {len(paintings)})")

            def on_event(event: Event, done: int = number) -> None:
                if isinstance(event, Progress):
                    self._report_progress(event, (done + event.fraction) / len(paintings))

            pictures = paint_figure_job(painting, RunCallbacks(on_event=on_event), self.store)
            for name, picture in pictures.items():
                _write_png(picture, self.folder / f"{name}.png", key=self.keys[painting.name])

    def _report_progress(self, event: Progress, fraction: float) -> None:
        """Report an event of one picture as progress of the whole page; ``fraction`` of it is done."""
        seconds = time.monotonic() - self.start_time
        seconds_left = seconds * (1.0 - fraction) / fraction if fraction > 0 else None
        self.reporter.report(replace(event, fraction=fraction, seconds=seconds, seconds_left=seconds_left))


def _write_originals(folder: Path, figures: Figures) -> None:
    for name, picture in figures.originals.items():
        _write_png(picture, folder / f"{name}.png", key="original")


def _write_page(folder: Path, figures: Figures, size: int) -> None:
    """Write the page as one picture and as a web page."""
    names = list(dict.fromkeys(name for figure in figures.figures for name, _ in figure.panels))
    pictures = {name: read_picture(folder / f"{name}.png") for name in names}
    sheet = draw_figures(figures.figures, pictures, size or 256)
    _write_png(Picture(sheet), folder / SHEET_NAME, key="page")
    files = {name: (folder / f"{name}.png").read_bytes() for name in names}
    replace_file(folder / HTML_NAME, figures_html(figures.figures, files).encode(), force=True)


def _write_png(picture: Picture, path: Path, *, key: str) -> None:
    write_picture(picture, path, force=True, metadata={METADATA_KEY: key})
