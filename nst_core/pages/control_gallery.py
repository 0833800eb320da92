"""The gallery of controls: a page that shows each control at three settings, everything else unchanged.

Takes a content, one or several styles and settings, and returns the
:class:`~nst_core.pages.paper_figures.Figures` to paint and lay out, as for the paper's figures. Does not
depend on files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nst_core.array_types import Array
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize, shrink_to
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.loss.statistics import STATISTICS
from nst_core.pages.paper_figures import Figure, FigureJob, Figures
from nst_core.settings import Settings, make_settings

SOFT_EDGE = 0.05
"""Width of the soft edge between the two regions, as a share of the picture's width."""

STROKES_ACROSS, STROKE_LENGTH = 100, 0.1
"""A hatched style's strokes along its long side, and the length of one as a share of that side."""

PALENESS, CONTRAST, SWATCHES = 0.3, 0.15, 12
"""How grey a hatched style's colours are, how much its strokes differ, and its swatches along a side."""

Panel = tuple[str, str, Job]
"""A panel of a row: the name of its picture, its caption and its job."""


def design_gallery(content: Picture, styles: Sequence[Picture], settings: Settings) -> Figures:
    """Return the rows of the gallery and their jobs. ``settings.size`` is the long side of every picture.

    The first style is shown with every control, the second in the rows that need two. If only one is given,
    :func:`hatched_style` makes the second.
    """
    gallery = _Gallery(content, styles, settings)
    figures = (
        Figure(
            "Content and styles",
            "The pictures that all others are made from.",
            (("content", "content"), ("style", "first style"), ("style-2", "second style")),
        ),
        *_look_rows(gallery),
        *_place_rows(gallery),
        gallery.setting_row(
            "Smoothness", "Weight of the total variation.", "tv", (0.0, settings.tv, 4 * settings.tv)
        ),
    )
    originals = {
        "content": gallery.content,
        "style": shrink_to(gallery.first.picture, settings.size),
        "style-2": shrink_to(gallery.second.picture, settings.size),
    }
    return Figures(figures, tuple(gallery.paintings.values()), originals)


class _Gallery:
    """Makes the rows of the gallery and collects their jobs; panels with the same name share a picture."""

    def __init__(self, content: Picture, styles: Sequence[Picture], settings: Settings) -> None:
        self.content = shrink_to(content, settings.size)
        self.first = WeightedStyle(styles[0])
        self.second = WeightedStyle(styles[1] if len(styles) > 1 else hatched_style(styles[0]))
        self.settings = settings
        self.paintings: dict[str, FigureJob] = {}

    def job(self, **values: object) -> Job:
        """Return a job in the first style, with other ``values`` of settings."""
        settings = make_settings({**self.settings.model_dump(), **values})
        return Job(content=self.content, styles=(self.first,), settings=settings)

    def blend(self, second_weight: float) -> Job:
        """Return a job in a blend of both styles."""
        pair = (
            replace(self.first, weight=1.0 - second_weight),
            replace(self.second, weight=second_weight),
        )
        return replace(self.job(), styles=tuple(style for style in pair if style.weight > 0))

    def regions(self, guides: str) -> Job:
        """Return a job with the first style on the left and the second on the right."""
        left, right = _half_masks(self.content.height, self.content.width)
        return replace(
            self.job(guides=guides),
            styles=(),
            regions=(Region(left, (self.first,), "left"), Region(right, (self.second,), "right")),
        )

    def row(self, title: str, text: str, panels: Sequence[Panel]) -> Figure:
        """Return a row of ``panels``, and collect their jobs."""
        for name, _, job in panels:
            self.paintings.setdefault(name, FigureJob(name, job))
        return Figure(title, text, tuple((name, caption) for name, caption, _ in panels))

    def setting_row(self, title: str, text: str, name: str, values: Sequence[object]) -> Figure:
        """Return a row that shows ``values`` of the setting ``name``."""
        option = name.replace("_", "-")
        panels = []
        for value in values:
            is_default = value == getattr(self.settings, name)
            shown = f"{value:g}" if isinstance(value, float) else value
            panels.append(
                (
                    "default" if is_default else f"{option}-{value}",
                    f"--{option} {shown}",
                    self.job(**{name: value}),
                )
            )
        return self.row(title, text, panels)


def _look_rows(gallery: _Gallery) -> tuple[Figure, ...]:
    """Return the rows for the controls of the look, and for several styles."""
    return (
        gallery.setting_row(
            "Strength",
            "From a slight tint to a painting with only a trace of the photograph.",
            "strength",
            (20.0, 50.0, 80.0),
        ),
        gallery.setting_row(
            "Matching",
            "Strokes anywhere, or those of the part of the style that looks like this part of the photo.",
            "matching",
            (0.0, 15.0, 50.0),
        ),
        gallery.setting_row(
            "Structure", "Edges left to the strokes, or kept as they are.", "structure", (0.0, 50.0, 100.0)
        ),
        gallery.setting_row(
            "Colour layout",
            "The style's colours as painted, or placed as the photograph's are.",
            "color_layout",
            (0.0, 50.0, 100.0),
        ),
        gallery.setting_row(
            "Brush size", "The style picture at a smaller or larger scale.", "style_scale", (0.5, 1.0, 2.0)
        ),
        gallery.setting_row(
            "Colours",
            "The style's colours, the photograph's, or the style's matched to the photograph's.",
            "keep_colors",
            ("none", "luminance", "match"),
        ),
        gallery.setting_row(
            "Style statistics",
            "The statistics of the features that describe the style.",
            "style_loss",
            tuple(STATISTICS),
        ),
        gallery.row(
            "Several styles",
            "Two styles, blended by weights.",
            [
                ("default", "the first alone", gallery.job()),
                ("blend", "half and half", gallery.blend(0.5)),
                ("second", "the second alone", gallery.blend(1.0)),
            ],
        ),
    )


def _place_rows(gallery: _Gallery) -> tuple[Figure, ...]:
    """Return the rows for regions, masks, and fine and coarse styles."""
    base, first, second = gallery.job(), gallery.first, gallery.second
    height, width = gallery.content.height, gallery.content.width
    left, _ = _half_masks(height, width)
    ramp = np.tile(np.linspace(0.0, 1.0, width, dtype=np.float32), (height, 1))
    falling = np.ascontiguousarray(ramp[:, ::-1])
    guides = ("simple", "inside", "all")
    return (
        gallery.row(
            "Regions",
            "The left in the first style, the right in the second, with each kind of guide.",
            [(f"guides-{kind}", f"--guides {kind}", gallery.regions(kind)) for kind in guides],
        ),
        gallery.row(
            "Parts of the picture",
            "Only the left painted; the strength rising from left to right; the strength falling.",
            [
                ("mask", "--mask: the left", replace(base, selection=left)),
                ("strength-ramp", "--strength-mask: rising", replace(base, strength_mask=ramp)),
                ("strength-back", "--strength-mask: falling", replace(base, strength_mask=falling)),
            ],
        ),
        gallery.row(
            "Fine and coarse",
            "The brush strokes of one style with the composition of the other.",
            [
                ("default", "the first style", base),
                (
                    "fine",
                    "--fine-style: the second",
                    replace(base, styles=(replace(first, fine=second.picture),)),
                ),
                (
                    "coarse",
                    "--coarse-style: the second",
                    replace(base, styles=(replace(second, fine=first.picture),)),
                ),
            ],
        ),
    )


def _half_masks(height: int, width: int) -> tuple[Array, Array]:
    """Return masks of the left and of the right half, with a soft edge between them."""
    x = (np.arange(width) + 0.5) / width
    right = np.clip((x - 0.5) / SOFT_EDGE + 0.5, 0.0, 1.0).astype(np.float32)
    rows = np.tile(right, (height, 1))
    return np.ascontiguousarray(1.0 - rows), rows


def hatched_style(style: Picture) -> Picture:
    """Return a second style made from the first: in other, paler hues, with straight strokes.

    The first style's colours, blurred to swatches, are rotated by a third of the hue circle. White noise,
    smeared along a diagonal and sharpened, makes the strokes.
    """
    height, width = style.height, style.width
    length = max(1, round(STROKE_LENGTH * max(height, width)))
    seeds = np.random.default_rng(0).normal(size=fit(height, width, STROKES_ACROSS)).astype(np.float32)
    noise = resize(seeds, height + length, width + length, "bicubic")
    smeared = sum(noise[step : step + height, step : step + width] for step in range(length))
    strokes = np.asarray(smeared, np.float32)
    strokes /= strokes.std() + np.float32(1e-6)
    swatches = resize(style.pixels, *fit(height, width, SWATCHES), "bilinear")
    colours = resize(swatches, height, width, "bicubic")[:, :, [1, 2, 0]]
    pale = colours + np.float32(PALENESS) * (colours.mean(axis=2, keepdims=True) - colours)
    pixels = np.clip(pale + np.float32(CONTRAST) * np.tanh(strokes)[:, :, None], 0.0, 1.0)
    return replace(style, pixels=np.ascontiguousarray(pixels, np.float32), alpha=None, grey=False)
