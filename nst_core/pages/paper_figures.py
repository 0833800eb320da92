"""The figures of Gatys et al. 2016 (CVPR), made from any two pictures.

A content and a style picture come in, :class:`Figure` descriptions go out, and the jobs that paint them; then
painted pictures come in, and a page goes out, as one picture and as one HTML file. Knows nothing of files
or progress.
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
from nst_core.images.resize import fit, resize_picture
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
"""The same, style reconstructions: the first one, the first two, ... the first five of these."""

FRAMES = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of a run from noise after which it is shown."""


@dataclass(frozen=True)
class FigureJob:
    """A job whose result, or whose picture after each of ``kept`` iterations, is part of a figure."""

    name: str
    job: Job
    kept: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The pictures it gives."""
        return tuple(f"{self.name}-{iteration:04d}" for iteration in self.kept) or (self.name,)

    def key(self, model_sha256: str) -> str:
        """Return a hash of all that decides how its pictures come out, to know them again."""
        digest, job = hashlib.sha256(), self.job
        words = [job.settings.model_dump(mode="json"), job.texture_size, self.kept, model_sha256]
        words += [[region.keep_colors for region in job.regions]] if job.regions else []
        digest.update(json.dumps(words, sort_keys=True).encode())
        pictures, masks = [job.content], [job.selection, job.strength_mask]
        masks += [region.mask for region in job.regions]
        for style in job.all_styles:
            digest.update(f"{style.weight!r}".encode())
            pictures += [style.picture, style.fine]
            masks.append(style.part)
        planes = [(picture.pixels, picture.alpha) if picture else (None,) for picture in pictures]
        for array in (*itertools.chain(*planes), *masks):
            digest.update(b"-" if array is None else f"{array.shape}".encode())
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Figure:
    """One figure: a title, what it shows, and (name of a picture, caption) for each of its panels."""

    title: str
    text: str
    panels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figures:
    """All figures, the paintings they need, and the two pictures they start from at the page's size."""

    figures: tuple[Figure, ...]
    paintings: tuple[FigureJob, ...]
    originals: Mapping[str, Picture]


def design(content: Picture, style: Picture, settings: Settings, iterations: int = 0) -> Figures:
    """Say what to paint. ``settings.size`` is the long side of every picture.

    ``iterations`` replaces every run's own number of evaluations, where it is not 0.
    """
    limit = {"iterations": iterations} if iterations else {}

    def changed(**values: object) -> Settings:
        return make_settings({**settings.model_dump(), **values, **limit})

    styles = (WeightedStyle(style),)

    def transfer(name: str, **values: object) -> FigureJob:
        return FigureJob(name, Job(content, styles, changed(**values)))

    size = settings.size or max(content.height, content.width)
    reconstructions = [
        FigureJob(f"content-{layer}", Job(content, (), changed(**RECONSTRUCTION, content_layers=layer)))
        for layer in CONTENT_RECONSTRUCTIONS
    ]
    textures = [
        FigureJob(
            f"style-{layer}",
            Job(
                None,
                styles,
                changed(**TEXTURE, style_layers=",".join(STYLE_RECONSTRUCTIONS[:count])),
                texture_size=(size, size),
            ),
        )
        for count, layer in enumerate(STYLE_RECONSTRUCTIONS, start=1)
    ]
    whole_run = iterations or 200
    from_noise = changed(init="noise", coarsest=0, iterations=whole_run)
    kept = tuple(sorted({max(1, round(share * whole_run)) for share in FRAMES}))
    course = FigureJob("run", Job(content, styles, from_noise), kept)
    default = transfer("result")
    others = [
        transfer("start-noise", init="noise"),
        transfer("start-style", init="style"),
        transfer("style-crop", style_crop=middle(style)),
        transfer("style-shallow-2", style_layers=first_layers(settings.style_layers, 2)),
        transfer("style-shallow-3", style_layers=first_layers(settings.style_layers, 3)),
        transfer("content-shallow", content_layers="relu2_2"),
    ]
    layers = "conv1_1 to {}"
    figures = (
        Figure(
            "Content and style",
            "The content picture, the style picture, and the content painted in the style.",
            (("content", "content"), ("style", "style"), ("result", "result")),
        ),
        Figure(
            "Content reconstructions",
            "Pictures found from noise that have the content picture's features at one layer: the deeper the "
            "layer, the less of the exact pixels, the more of what there is to see.",
            (("content", "original"), *((p.name, p.name.removeprefix("content-")) for p in reconstructions)),
        ),
        Figure(
            "Style reconstructions",
            "Textures found from noise with the style picture's Gram matrices at growing sets of layers: "
            "the more layers, the larger the structures.",
            (
                ("style", "original"),
                *(
                    (p.name, "conv1_1" if not i else layers.format(p.name.removeprefix("style-")))
                    for i, p in enumerate(textures)
                ),
            ),
        ),
        Figure(
            "The run, from noise",
            "The same loss brought down from white noise, after so many evaluations.",
            tuple((name, f"after {iteration}") for name, iteration in zip(course.names, kept, strict=True)),
        ),
        Figure(
            "Where it starts",
            "The content, white noise, or the style picture as the first picture.",
            (
                ("result", "from the content"),
                ("start-noise", "from noise"),
                ("start-style", "from the style"),
            ),
        ),
        Figure(
            "Crop against whole",
            "The style taken from the middle of the style picture, and from all of it.",
            (("style-crop", "the middle half"), ("result", "the whole style")),
        ),
        Figure(
            "Shallow against deep",
            "Fewer style layers make smaller strokes; a shallower content layer keeps more of the photo.",
            (
                ("style-shallow-2", "two style layers"),
                ("style-shallow-3", "three style layers"),
                ("result", "all style layers, content at relu4_2"),
                ("content-shallow", "content at relu2_2"),
            ),
        ),
    )
    originals = {name: at_size(picture, size) for name, picture in (("content", content), ("style", style))}
    return Figures(figures, (default, *reconstructions, *textures, course, *others), originals)


def check(figures: Figures) -> None:
    """Refuse, before anything is painted, pictures that are too small.

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


def middle(picture: Picture) -> Crop:
    """Return the middle half of a picture, at least as large as the network can see."""
    width = min(picture.width, max(SMALLEST_SIDE, picture.width // 2))
    height = min(picture.height, max(SMALLEST_SIDE, picture.height // 2))
    return Crop((picture.width - width) // 2, (picture.height - height) // 2, width, height)


def first_layers(layers: Sequence[LayerWeight], count: int) -> tuple[LayerWeight, ...]:
    """Return the ``count`` shallowest of ``layers``, as they are listed."""
    return tuple(layers[:count])


def at_size(picture: Picture, size: int) -> Picture:
    """Shrink a picture to a long side of ``size``, where it is larger."""
    if not size or max(picture.height, picture.width) <= size:
        return picture
    return resize_picture(picture, *fit(picture.height, picture.width, size))


def paint(painting: FigureJob, watch: RunCallbacks, store: ModelStore) -> dict[str, Picture]:
    """Paint, and return the pictures by name.

    Raises:
        NstError: whatever keeps it from being done.
    """
    frames: dict[int, Picture] = {}

    def on_event(event: Event) -> None:
        if isinstance(event, Preview) and event.iteration in painting.kept:
            frames[event.iteration] = Picture(event.picture)
        watch.on_event(event)

    every = 1 if painting.kept else 0
    result = run_job(painting.job, replace(watch, on_event=on_event, frames_every=every), store)
    if not painting.kept:
        return {painting.name: result.picture}
    return dict(zip(painting.names, (frames[iteration] for iteration in painting.kept), strict=True))


def page(figures: Sequence[Figure], pictures: Mapping[str, Picture], cell: int) -> Array:
    """Lay all figures on one white page, ``(height, width, 3)``: titles, panels, captions."""
    parts: list[Array] = []
    columns = max(len(figure.panels) for figure in figures)
    for figure in figures:
        images = [pictures[name] for name, _ in figure.panels]
        sheet = contact_sheet(images, [caption for _, caption in figure.panels], columns, cell)
        parts += [_heading(figure, cell), sheet]
    width = max(part.shape[1] for part in parts)
    padded = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=1.0) for p in parts]
    return np.concatenate(padded)


def _heading(figure: Figure, cell: int) -> Array:
    """Draw a figure's title."""
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


HEAD = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Neural style transfer: figures</title>'
"""How the page begins, to know it again."""


def html_page(figures: Sequence[Figure], files: Mapping[str, bytes]) -> str:
    """Write all figures as one HTML file that needs no other; ``files`` are PNG files by picture name."""
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
    return f"{HEAD}<style>{STYLE_SHEET}</style>\n<h1>Neural style transfer</h1>\n{body}\n</html>\n"
