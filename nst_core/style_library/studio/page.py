"""Put the ready styles on one page, each beside a photograph painted in it.

    for STYLE in Impressionist "Oil Swirls" ...; do nst stylize PHOTO "$STYLE" -o "RESULTS/$STYLE.png"; done
    python -m nst_core.style_library.studio.page RESULTS OUT.jpg

Needs a result for each style.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from nst_core.style_library.ready_styles import ready_styles

COLUMNS, STYLE, RESULT = 3, (124, 186), (280, 186)
GAP, CAPTION = 12, 24


def page(results: Path) -> Image.Image:
    """Return the page; ``results`` holds ``NAME.png`` for each style."""
    styles = ready_styles()
    width, height = STYLE[0] + RESULT[0] + 2 + GAP, STYLE[1] + CAPTION + GAP
    rows = -(-len(styles) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(15)
    for index, style in enumerate(styles):
        left, top = GAP + index % COLUMNS * width, GAP + index // COLUMNS * height
        draw.text((left, top), style.name, "black", font)
        for path, size, shift in (
            (style.path, STYLE, 0),
            (results / f"{style.name}.png", RESULT, STYLE[0] + 2),
        ):
            with Image.open(path) as picture:
                fitted = ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS)
            whole.paste(fitted, (left + shift, top + CAPTION))
    return whole


if __name__ == "__main__":
    page(Path(sys.argv[1])).save(sys.argv[2], quality=85, optimize=True)
