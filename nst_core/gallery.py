"""A page that shows what each control does: three settings a row, everything else as it is.

A content, one or several styles and settings come in; :class:`~nst_core.figures.Figure` descriptions and the
jobs that paint them go out, to be painted and laid out as the paper's figures are. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nst_core.figures import Figure, Figures, Painting, at_size
from nst_core.images.picture import Picture
from nst_core.preparing import Job, Region, WeightedStyle
from nst_core.settings import Settings, make_settings

Array = npt.NDArray[np.float32]

SOFT = 0.05
"""Width of the soft edges of the regions shown, as a share of the picture's."""


def design(content: Picture, styles: Sequence[Picture], settings: Settings) -> Figures:
    """Say what to paint. ``settings.size`` is the long side of every picture.

    The first style is shown with every control, a second one in the rows that take two; where only one is
    given, it is the negative of the first.
    """
    small = at_size(content, settings.size)
    first = WeightedStyle(styles[0])
    second = WeightedStyle(styles[1] if len(styles) > 1 else _negative(styles[0]))
    paintings: dict[str, Painting] = {}

    def row(title: str, text: str, panels: Sequence[tuple[str, str, Job]]) -> Figure:
        for name, _, job in panels:
            paintings.setdefault(name, Painting(name, job))
        return Figure(title, text, tuple((name, caption) for name, caption, _ in panels))

    def job(**values: object) -> Job:
        return Job(small, (first,), make_settings({**settings.model_dump(), **values}))

    def setting(title: str, text: str, name: str, values: Sequence[object], **others: object) -> Figure:
        word = name.replace("_", "-")
        panels = []
        for value in values:
            plain = value == getattr(settings, name) and not others
            file = "default" if plain else f"{word}-{value}"
            panels.append((file, f"--{word} {value}", job(**{name: value}, **others)))
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
            "What all of these are made from, and the result with the settings left alone.",
            (("content", "content"), ("style", "style"), ("default", "nothing changed")),
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
        row(
            "Colour matching",
            "Two linear maps with the same means and covariances.",
            [
                ("default", "--keep-colors none", base),
                ("keep-colors-match", "--keep-colors match", job(keep_colors="match")),
                ("cholesky", "--color-match cholesky", job(keep_colors="match", color_match="cholesky")),
            ],
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
            "Only the left, the right kept; stronger to the right; strongest to the left.",
            [
                ("mask", "--mask", replace(base, selection=left)),
                ("strength-ramp", "--strength-mask, black to white", replace(base, strength_mask=ramp)),
                (
                    "strength-back",
                    "--strength-mask, white to black",
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
                    "strokes of the second",
                    replace(base, styles=(replace(first, fine=second.picture),)),
                ),
                (
                    "coarse",
                    "composition of the second",
                    replace(base, styles=(replace(second, fine=first.picture),)),
                ),
            ],
        ),
        setting("Smoothness", "Weight of the total variation.", "tv", (0.0, settings.tv, 4 * settings.tv)),
    )
    originals = {"content": small, "style": at_size(styles[0], settings.size)}
    return Figures(figures, tuple(paintings.values()), originals)


def _halves(height: int, width: int) -> tuple[Array, Array]:
    """Return masks of the left and the right with a soft edge between them."""
    x = (np.arange(width) + 0.5) / width
    right = np.clip((x - 0.5) / SOFT + 0.5, 0.0, 1.0).astype(np.float32)
    rows = np.tile(right, (height, 1))
    return np.ascontiguousarray(1.0 - rows), rows


def _negative(style: Picture) -> Picture:
    """Return the negative of ``style``: another style, where only one is given."""
    return replace(style, pixels=1.0 - style.pixels)
