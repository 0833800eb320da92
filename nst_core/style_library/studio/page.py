"""Put the ready styles on one page, each beside photographs painted in it with the engine's default look.

    python -m nst_core.style_library.studio.page OUT.jpg PHOTO... [--size PIXELS] [--iterations N]
        [--results FOLDER]

Paintings that are in the folder of results already are not painted again, so that a run can be interrupted.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from nst_core.api import stylize
from nst_core.images.read import read_picture
from nst_core.style_library.model import KeptStyle
from nst_core.style_library.ready_styles import ready_styles
from nst_core.style_library.studio.sheet import to_image

COLUMNS, STYLE, RESULT = 2, (116, 150), (188, 150)
SEAM, GAP, CAPTION = 2, 14, 22
SIZE, ITERATIONS = 192, 30
"""A quick look: with a graphics card, both may be larger."""

JPEG_QUALITY = 80


def result_path(results: Path, style: KeptStyle, photo: Path) -> Path:
    """Return the path of the photograph painted in a style."""
    return results / f"{style.name}, {photo.stem}.png"


def paint_missing(results: Path, photos: Sequence[Path], settings: Mapping[str, object]) -> None:
    """Paint each photograph in each style, unless its painting is there."""
    for photo in photos:
        content = read_picture(photo).pixels
        for style in ready_styles():
            path = result_path(results, style, photo)
            if not path.exists():
                painting = stylize(content, read_picture(style.path).pixels, settings)
                to_image(painting.pixels.astype(np.float64)).save(path)
                print(path, flush=True)


def page(results: Path, photos: Sequence[Path]) -> Image.Image:
    """Return the page; ``results`` holds the paintings at their :func:`result_path`."""
    styles = ready_styles()
    width = STYLE[0] + len(photos) * (RESULT[0] + SEAM) + GAP
    height = CAPTION + STYLE[1] + GAP
    rows = -(-len(styles) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(15)
    for index, style in enumerate(styles):
        left, top = GAP + index % COLUMNS * width, GAP + index // COLUMNS * height
        draw.text((left, top), style.name, "black", font)
        whole.paste(_fit(style.path, STYLE), (left, top + CAPTION))
        left += STYLE[0] + SEAM
        for photo in photos:
            whole.paste(_fit(result_path(results, style, photo), RESULT), (left, top + CAPTION))
            left += RESULT[0] + SEAM
    return whole


def _fit(path: Path, size: tuple[int, int]) -> Image.Image:
    """Return the middle of the picture at that size, (width, height); of high ones, a part near the top."""
    with Image.open(path) as picture:
        return ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS, centering=(0.5, 0.1))


def main() -> None:
    """Paint what is missing, and write the page."""
    parser = argparse.ArgumentParser(description="Make the page of the ready styles.")
    parser.add_argument("page", type=Path, metavar="OUT.jpg")
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    parser.add_argument("--size", type=int, default=SIZE, help="long side [default: %(default)s]")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="[default: %(default)s]")
    parser.add_argument("--results", type=Path, help="folder of the paintings [default: a temporary one]")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = chosen.results or Path(temporary)
        results.mkdir(parents=True, exist_ok=True)
        settings = {"size": chosen.size, "quality": "draft", "iterations": chosen.iterations}
        paint_missing(results, chosen.photos, settings)
        page(results, chosen.photos).save(chosen.page, quality=JPEG_QUALITY, optimize=True)


if __name__ == "__main__":
    main()
