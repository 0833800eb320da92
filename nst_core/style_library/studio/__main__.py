"""Paint the ready styles again.

    python -m nst_core.style_library.studio [--to FOLDER] [--width PIXELS] [NAME...]

Without names, all are painted, which takes minutes. The same width gives the same pictures, to the bit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from PIL import Image

from nst_core.contract import READY_STYLES
from nst_core.style_library.ready_styles import READY_FOLDER
from nst_core.style_library.studio.sheet import Field, to_image

WIDTH, QUALITY = 1152, 84


def painter(name: str) -> Callable[[int], Field]:
    """Return the function that paints the ready style of that name, given a width in pixels.

    Its module has the name in lower case, with underscores.
    """
    module = import_module(f"nst_core.style_library.studio.{name.lower().replace(' ', '_')}")
    function: Callable[[int], Field] = module.paint
    return function


def paint(name: str, width: int = WIDTH) -> Image.Image:
    """Paint the ready style of that name."""
    return to_image(painter(name)(width))


def main() -> None:
    """Paint the styles that the command line names."""
    parser = argparse.ArgumentParser(description="Paint the ready styles.")
    parser.add_argument("names", metavar="NAME", nargs="*", default=READY_STYLES, help="[default: all]")
    parser.add_argument("--to", type=Path, default=READY_FOLDER, help="folder [default: the package's]")
    parser.add_argument("--width", type=int, default=WIDTH, help="in pixels [default: %(default)s]")
    chosen = parser.parse_args()
    for name in chosen.names:
        chosen.to.mkdir(parents=True, exist_ok=True)
        picture = paint(name, chosen.width)
        picture.save(chosen.to / f"{name}.jpg", quality=QUALITY, optimize=True, subsampling="4:4:4")
        print(chosen.to / f"{name}.jpg")


if __name__ == "__main__":
    main()
