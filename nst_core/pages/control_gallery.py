"""A page that shows what each control does: three settings a row, everything else as it is.

A content, one or several styles and settings come in; :class:`~nst_core.pages.paper_figures.Figure` descriptions and the
jobs that paint them go out, to be painted and laid out as the paper's figures are. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nst_core.array_types import Array
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.pages.paper_figures import Figure, FigureJob, Figures, at_size
from nst_core.settings import Settings, make_settings

SOFT = 0.05
"""Width of the soft edges of the regions shown, as a share of the picture's."""

STROKES_ACROSS, STROKE = 100, 0.1
"""Strokes side by side along the long side of a hatched style, and the share of it that one is long."""

PALE, CONTRAST, SWATCHES = 0.3, 0.15, 12
"""How grey a hatched style's colours are, how much its strokes differ, and its swatches along a side."""


def design(content: Picture, styles: Sequence[Picture], settings: Settings) -> Figures:
    """Say what to paint. ``settings.size`` is the long side of every picture.

    The first style is shown with every control, a second one in the rows that take two; where only one is
    given, see :func:`hatched`.
    """
    small = at_size(content, settings.size)
    first = WeightedStyle(styles[0])
    second = WeightedStyle(styles[1] if len(styles) > 1 else hatched(styles[0]))
    paintings: dict[str, FigureJob] = {}

    def row(title: str, text: str, panels: Sequence[tuple[str, str, Job]]) -> Figure:
        for name, _, job in panels:
            paintings.setdefault(name, FigureJob(name, job))
        return Figure(title, text, tuple((name, caption) for name, caption, _ in panels))

    def job(**values: object) -> Job:
        return Job(small, (first,), make_settings({**settings.model_dump(), **values}))

    def setting(title: str, text: str, name: str, values: Sequence[object], **others: object) -> Figure:
        word = name.replace("_", "-")
        panels = []
        for value in values:
            plain = value == getattr(settings, name) and not others
            file = "default" if plain else f"{word}-{value}"
            shown = f"{value:g}" if isinstance(value, float) else value
            panels.append((file, f"--{word} {shown}", job(**{name: value}, **others)))
        return row(title, text, panels)

    height, width = small.height, small.width
    left, right = _halves(height, width)
    ramp = np.tile(np.linspace(0.0, 1.0, width, dtype=np.float32), (height, 1))
    base = job()

    def blend(share: float) -> Job:
        pair = (replace(first, weight=1.0 - share), replace(second, weight=share))
        return replace(base, styles=tuple(style for style in pair if style.weight > 0))

    def regions(guides: str) -> Job:
        return replace(
            job(guides=guides),
            styles=(),
            regions=(Region(left, (first,), "left"), Region(right, (second,), "right")),
        )

    figures = (
        Figure(
            "Content and styles",
            "What all of these are made from.",
            (("content", "content"), ("style", "first style"), ("style-2", "second style")),
        ),
        setting(
            "Strength",
            "From a tint to the painting that remembers the photograph.",
            "strength",
            (20.0, 50.0, 80.0),
        ),
        setting("Brush size", "The style picture shown smaller or larger.", "style_scale", (0.5, 1.0, 2.0)),
        setting(
            "Colours",
            "The style's, the photograph's, or moved towards them.",
            "keep_colors",
            ("none", "luminance", "match"),
        ),
        setting(
            "Style statistics",
            "What a style is held to be.",
            "style_loss",
            ("gram", "moments", "wasserstein"),
        ),
        row(
            "Several styles",
            "Blended by weights.",
            [
                ("default", "the first alone", base),
                ("blend", "half and half", blend(0.5)),
                ("second", "the second alone", blend(1.0)),
            ],
        ),
        row(
            "Regions",
            "The left in the first style, the right in the second, with each kind of guide.",
            [(f"guides-{word}", f"--guides {word}", regions(word)) for word in ("simple", "inside", "all")],
        ),
        row(
            "Parts of the picture",
            "Only the left, the right kept; strength from black, left, to white, right; the other way round.",
            [
                ("mask", "--mask: the left", replace(base, selection=left)),
                ("strength-ramp", "--strength-mask: rising", replace(base, strength_mask=ramp)),
                (
                    "strength-back",
                    "--strength-mask: falling",
                    replace(base, strength_mask=np.ascontiguousarray(ramp[:, ::-1])),
                ),
            ],
        ),
        row(
            "Fine and coarse",
            "The strokes of one style with the composition of the other.",
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
        setting("Smoothness", "Weight of the total variation.", "tv", (0.0, settings.tv, 4 * settings.tv)),
    )
    originals = {
        "content": small,
        "style": at_size(first.picture, settings.size),
        "style-2": at_size(second.picture, settings.size),
    }
    return Figures(figures, tuple(paintings.values()), originals)


def _halves(height: int, width: int) -> tuple[Array, Array]:
    """Return masks of the left and the right with a soft edge between them."""
    x = (np.arange(width) + 0.5) / width
    right = np.clip((x - 0.5) / SOFT + 0.5, 0.0, 1.0).astype(np.float32)
    rows = np.tile(right, (height, 1))
    return np.ascontiguousarray(1.0 - rows), rows


def hatched(style: Picture) -> Picture:
    """Return another style, where only one is given: the first in other, paler hues, in straight strokes.

    Its colours, blurred to swatches, are turned by a third of the circle of hues; white noise, smeared along
    a diagonal and sharpened, makes the strokes.
    """
    height, width = style.height, style.width
    length = max(1, round(STROKE * max(height, width)))
    seeds = np.random.default_rng(0).normal(size=fit(height, width, STROKES_ACROSS)).astype(np.float32)
    noise = resize(seeds, height + length, width + length, "bicubic")
    smeared = sum(noise[step : step + height, step : step + width] for step in range(length))
    smooth = np.asarray(smeared, np.float32)
    smooth /= smooth.std() + np.float32(1e-6)
    soft = resize(resize(style.pixels, *fit(height, width, SWATCHES), "bilinear"), height, width, "bicubic")
    turned = soft[:, :, [1, 2, 0]]
    pale = turned + np.float32(PALE) * (soft.mean(axis=2, keepdims=True) - turned)
    pixels = np.clip(pale + np.float32(CONTRAST) * np.tanh(smooth)[:, :, None], 0.0, 1.0)
    return replace(style, pixels=np.ascontiguousarray(pixels, np.float32), alpha=None, grey=False)
