"""The figures of Gatys et al. 2016 (CVPR), made from any two pictures.

:func:`design_figures` takes a content and a style picture and returns :class:`Figure` descriptions and the
jobs to paint. :func:`draw_figures` and :func:`figures_html` lay the painted pictures out, as one picture and
as one HTML file. Does not depend on files or on how progress is reported.
"""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nst_core.array_types import Array
from nst_core.events import Event, Preview
from nst_core.images.contact_sheet import contact_sheet
from nst_core.images.picture import Picture
from nst_core.images.resize import shrink_to
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import painted_size
from nst_core.job.run import run_job
from nst_core.pages.experiments import RECONSTRUCTION, TEXTURE
from nst_core.painting.pyramid import SMALLEST_SIDE, check_size, make_levels
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Crop, LayerWeight, Settings, make_settings
from nst_core.vgg.store import ModelStore

CONTENT_RECONSTRUCTIONS = ("conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2")
"""Gatys et al. 2016, figure 1, content reconstructions (a) to (e)."""

STYLE_RECONSTRUCTIONS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
"""Gatys et al. 2016, figure 1, style reconstructions: the first one, two, ... five of these layers."""

CONTENT_TO_STYLE = (1e-4, 1e-3, 1e-2, 1e-1)
"""Gatys et al. 2016, figure 4: ratios alpha/beta."""

FRAME_SHARES = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of a run from noise after which its picture is shown."""


@dataclass(frozen=True)
class FigureJob:
    """A job for a figure, which shows its result or, if there are ``frames``, its picture after each of them.

    ``frames`` are numbers of evaluations.
    """

    name: str
    job: Job
    frames: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the pictures that the job makes."""
        return tuple(f"{self.name}-{iteration:04d}" for iteration in self.frames) or (self.name,)

    def key(self, model_sha256: str) -> str:
        """Return a hash of everything that influences the pictures, to recognise finished ones."""
        digest, job = hashlib.sha256(), self.job
        values = [job.settings.model_dump(mode="json"), job.texture_size, self.frames, model_sha256]
        values += [[region.keep_colors for region in job.regions]] if job.regions else []
        digest.update(json.dumps(values, sort_keys=True).encode())
        pictures, masks = [job.content], [job.selection, job.strength_mask]
        masks += [region.mask for region in job.regions]
        for style in job.all_styles:
            digest.update(f"{style.weight!r}".encode())
            pictures += [style.picture, style.fine]
            masks.append(style.mask)
        planes = [(picture.pixels, picture.alpha) if picture else (None,) for picture in pictures]
        for array in (*itertools.chain(*planes), *masks):
            digest.update(b"-" if array is None else f"{array.shape}".encode())
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Figure:
    """A figure: a title, a description, and (picture name, caption) for each of its panels."""

    title: str
    text: str
    panels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figures:
    """All figures of a page, the jobs for them, and the original pictures at the page's size."""

    figures: tuple[Figure, ...]
    paintings: tuple[FigureJob, ...]
    originals: Mapping[str, Picture]


class _JobMaker:
    """Makes the jobs of the paper's figures.

    ``iterations`` replaces every run's own number of evaluations, unless it is 0.
    """

    def __init__(self, content: Picture, style: Picture, settings: Settings, iterations: int) -> None:
        self.content = content
        self.styles = (WeightedStyle(style),)
        self.settings = settings
        self.iterations = iterations

    @property
    def size(self) -> int:
        """Long side of every picture, in pixels."""
        return self.settings.size or max(self.content.height, self.content.width)

    def changed(self, **values: object) -> Settings:
        """Return the settings with other ``values``."""
        iterations = {"iterations": self.iterations} if self.iterations else {}
        return make_settings({**self.settings.model_dump(), **values, **iterations})

    def transfer(self, name: str, **values: object) -> FigureJob:
        """Paint the content in the style, with other ``values`` of settings."""
        job = Job(content=self.content, styles=self.styles, settings=self.changed(**values))
        return FigureJob(name, job)

    def content_reconstruction(self, layer: str) -> FigureJob:
        """Reconstruct the content from its features at ``layer``."""
        settings = self.changed(**RECONSTRUCTION, content_layers=layer)
        return FigureJob(f"content-{layer}", Job(content=self.content, styles=(), settings=settings))

    def style_reconstruction(self, layers: Sequence[str]) -> FigureJob:
        """Paint a texture with the style's Gram matrices at ``layers``, named after the last of them."""
        settings = self.changed(**TEXTURE, style_layers=",".join(layers))
        size = (self.size, self.size)
        job = Job(content=None, styles=self.styles, settings=settings, texture_size=size)
        return FigureJob(f"style-{layers[-1]}", job)

    def ratio(self, ratio: float) -> FigureJob:
        """Paint with the paper's loss from white noise, with ``ratio`` for alpha/beta."""
        values = {"loss": "paper", "alpha": 1.0, "beta": 1.0 / ratio, "init": "noise", "coarsest": 0}
        return self.transfer(f"ratio-{ratio:.0e}", **values)

    def run_from_noise(self) -> FigureJob:
        """Paint the content in the style from white noise, with a frame after each of ``FRAME_SHARES``."""
        iterations = self.iterations or 200
        settings = self.changed(init="noise", coarsest=0, iterations=iterations)
        frames = sorted({max(1, round(share * iterations)) for share in FRAME_SHARES})
        job = Job(content=self.content, styles=self.styles, settings=settings)
        return FigureJob("run", job, tuple(frames))


def design_figures(content: Picture, style: Picture, settings: Settings, iterations: int = 0) -> Figures:
    """Return the figures and their jobs. ``settings.size`` is the long side of every picture.

    ``iterations`` replaces every run's own number of evaluations, unless it is 0.
    """
    make = _JobMaker(content, style, settings, iterations)
    content_reconstructions = [make.content_reconstruction(layer) for layer in CONTENT_RECONSTRUCTIONS]
    style_reconstructions = [
        make.style_reconstruction(STYLE_RECONSTRUCTIONS[:count])
        for count in range(1, len(STYLE_RECONSTRUCTIONS) + 1)
    ]
    run = make.run_from_noise()
    ratios = [make.ratio(ratio) for ratio in CONTENT_TO_STYLE]
    variants = [
        make.transfer("start-noise", init="noise"),
        make.transfer("start-style", init="style"),
        make.transfer("style-crop", style_crop=middle_crop(style)),
        make.transfer("style-shallow-2", style_layers=first_layers(settings.style_layers, 2)),
        make.transfer("style-shallow-3", style_layers=first_layers(settings.style_layers, 3)),
        make.transfer("content-shallow", content_layers="relu2_2"),
    ]
    return Figures(
        figures=_describe_figures(content_reconstructions, style_reconstructions, run),
        paintings=(
            make.transfer("result"),
            *content_reconstructions,
            *style_reconstructions,
            run,
            *ratios,
            *variants,
        ),
        originals={"content": shrink_to(content, make.size), "style": shrink_to(style, make.size)},
    )


def _describe_figures(
    content_reconstructions: Sequence[FigureJob], style_reconstructions: Sequence[FigureJob], run: FigureJob
) -> tuple[Figure, ...]:
    first_layer, *deeper_layers = STYLE_RECONSTRUCTIONS
    layer_captions = [first_layer, *(f"{first_layer} to {layer}" for layer in deeper_layers)]
    return (
        Figure(
            "Content and style",
            "The content picture, the style picture, and the content painted in the style.",
            (("content", "content"), ("style", "style"), ("result", "result")),
        ),
        Figure(
            "Content reconstructions",
            "Pictures found from noise that have the features of the content picture at one layer. The "
            "deeper the layer, the less they keep the exact pixels; what they show stays recognisable.",
            (
                ("content", "original"),
                *((job.name, job.name.removeprefix("content-")) for job in content_reconstructions),
            ),
        ),
        Figure(
            "Style reconstructions",
            "Textures found from noise that have the Gram matrices of the style picture at a growing set of "
            "layers. The more layers, the larger the structures.",
            (
                ("style", "original"),
                *zip((job.name for job in style_reconstructions), layer_captions, strict=True),
            ),
        ),
        Figure(
            "A run from noise",
            "The same loss minimised from white noise: the picture after a number of evaluations.",
            tuple(
                (name, f"after {iteration}") for name, iteration in zip(run.names, run.frames, strict=True)
            ),
        ),
        Figure(
            "Content against style",
            "The paper's loss minimised from white noise, with more and more weight on the content. "
            "A low ratio alpha/beta gives a texture of the style, a high one the photo with little style.",
            tuple((f"ratio-{ratio:.0e}", f"alpha/beta = {ratio:.0e}") for ratio in CONTENT_TO_STYLE),
        ),
        Figure(
            "Starting picture",
            "The run starts from the content, from white noise, or from the style picture.",
            (
                ("result", "from the content"),
                ("start-noise", "from noise"),
                ("start-style", "from the style"),
            ),
        ),
        Figure(
            "Cropped or whole style",
            "The style of the middle of the style picture, and of all of it.",
            (("style-crop", "the middle half"), ("result", "the whole style")),
        ),
        Figure(
            "Shallow or deep layers",
            "Fewer style layers make smaller strokes. A shallower content layer keeps more of the photo.",
            (
                ("style-shallow-2", "two style layers"),
                ("style-shallow-3", "three style layers"),
                ("result", "all style layers, content at relu4_2"),
                ("content-shallow", "content at relu2_2"),
            ),
        ),
    )


def check_figures(figures: Figures) -> None:
    """Check, before anything is painted, that no picture is too small.

    Raises:
        NstError: ``too-small``.
    """
    for painting in figures.paintings:
        job = painting.job
        for picture, what in (
            (job.content, "content"),
            *((style.picture, "style") for style in job.all_styles),
        ):
            if picture is not None:
                check_size(picture.height, picture.width, f"The {what} picture")
        make_levels(*painted_size(job), job.settings)


def middle_crop(picture: Picture) -> Crop:
    """Return the middle half of a picture, at least as large as the network needs."""
    width = min(picture.width, max(SMALLEST_SIDE, picture.width // 2))
    height = min(picture.height, max(SMALLEST_SIDE, picture.height // 2))
    return Crop((picture.width - width) // 2, (picture.height - height) // 2, width, height)


def first_layers(layers: Sequence[LayerWeight], count: int) -> tuple[LayerWeight, ...]:
    """Return the first ``count`` of ``layers``, which are listed from shallow to deep."""
    return tuple(layers[:count])


def paint_figure_job(painting: FigureJob, callbacks: RunCallbacks, store: ModelStore) -> dict[str, Picture]:
    """Run a figure's job and return its pictures by name.

    Raises:
        NstError: the job cannot be done.
    """
    frames: dict[int, Picture] = {}

    def on_event(event: Event) -> None:
        if isinstance(event, Preview) and event.iteration in painting.frames:
            frames[event.iteration] = Picture(event.picture)
        callbacks.on_event(event)

    frames_every = 1 if painting.frames else 0
    result = run_job(painting.job, replace(callbacks, on_event=on_event, frames_every=frames_every), store)
    if not painting.frames:
        return {painting.name: result.picture}
    return dict(zip(painting.names, (frames[iteration] for iteration in painting.frames), strict=True))


def draw_figures(figures: Sequence[Figure], pictures: Mapping[str, Picture], cell: int) -> Array:
    """Draw all figures, with titles and captions, on one white page, ``(height, width, 3)``.

    Each picture is drawn within ``cell`` x ``cell`` pixels.
    """
    rows: list[Array] = []
    columns = max(len(figure.panels) for figure in figures)
    for figure in figures:
        images = [pictures[name] for name, _ in figure.panels]
        sheet = contact_sheet(images, [caption for _, caption in figure.panels], columns, cell)
        rows += [_draw_title(figure, cell), sheet]
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=1.0) for row in rows]
    return np.concatenate(padded)


def _draw_title(figure: Figure, cell: int) -> Array:
    size, margin = max(12, cell // 12), max(4, cell // 16)
    font = ImageFont.load_default(size)
    strip = Image.new("RGB", (round(font.getlength(figure.title)) + 2 * margin, size * 2 + margin), "white")
    ImageDraw.Draw(strip).text((margin, margin + size // 2), figure.title, fill=(30, 30, 30), font=font)
    return np.asarray(strip, np.float32) / np.float32(255.0)


STYLE_SHEET = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 110em; margin: 2em auto; padding: 0 1.5em }
section { margin: 2.5em 0 } h2 { margin-bottom: 0 } p { color: #555; margin-top: .2em; max-width: 60em }
.panels { display: flex; flex-wrap: wrap; gap: 1.2em; align-items: flex-end }
figure { margin: 0 } figcaption { text-align: center; font-size: 14px; color: #555 }
img { display: block; max-width: 100% }
"""


HTML_HEAD = (
    '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Neural style transfer: figures</title>'
)
"""Start of the HTML file, by which it is recognised later."""


def figures_html(figures: Sequence[Figure], files: Mapping[str, bytes]) -> str:
    """Return all figures as one self-contained HTML file; ``files`` are PNG files by picture name."""
    sections = []
    for figure in figures:
        panels = "\n".join(
            f'<figure><img alt="{html.escape(caption, quote=True)}" src="data:image/png;base64,'
            f'{base64.b64encode(files[name]).decode("ascii")}"><figcaption>{html.escape(caption)}</figcaption></figure>'
            for name, caption in figure.panels
        )
        sections.append(
            f"<section><h2>{html.escape(figure.title)}</h2><p>{html.escape(figure.text)}</p>"
            f'<div class="panels">\n{panels}\n</div></section>'
        )
    body = "\n".join(sections)
    return f"{HTML_HEAD}<style>{STYLE_SHEET}</style>\n<h1>Neural style transfer</h1>\n{body}\n</html>\n"
