"""Place content, style and result side by side, for the picture at the top of the project's README.

    python install/samples/make_strip.py RESULT [OUT.jpg]

Needs Pillow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
PANEL, GAP = (384, 256), 8


def strip(result: Path) -> Image.Image:
    """Return the three pictures in a row on white, each cropped to the shape of a panel."""
    panels = [HERE / "content.jpg", HERE / "style.jpg", result]
    whole = Image.new("RGB", (3 * PANEL[0] + 2 * GAP, PANEL[1]), "white")
    for i, path in enumerate(panels):
        with Image.open(path) as picture:
            fitted = ImageOps.fit(picture.convert("RGB"), PANEL, Image.Resampling.LANCZOS)
        whole.paste(fitted, (i * (PANEL[0] + GAP), 0))
    return whole


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "strip.jpg"
    strip(Path(sys.argv[1])).save(target, quality=90, optimize=True)
