"""Measure the time for 24 megapixels: ``python -m tests.unit.images.measure``. A script, not a test."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from nst_core.images.alpha import fill_transparent
from nst_core.images.colour import keep_luminance, luminance, match_colors
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.resize import resize
from nst_core.images.write import write_picture
from tests.unit.images import build

HEIGHT, WIDTH = 4000, 6000
Result = TypeVar("Result")


def scene() -> np.ndarray:
    """Return soft shapes with grain, about as compressible as a photograph."""
    random = np.random.default_rng(0)
    soft = resize(random.random((40, 60, 3), dtype=np.float32), HEIGHT, WIDTH)
    grain = random.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32) * np.float32(0.01)
    return np.clip(0.2 + 0.5 * soft + grain, 0, 1)


def timed(label: str, action: Callable[[], Result]) -> Result:
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    print(f"{label:28} {time.perf_counter() - wall:6.1f} s {time.process_time() - cpu:6.1f} s", flush=True)
    return result


def main() -> None:
    pixels = scene()
    deep = Picture(pixels, bits=16, profile=build.PROFILES["adobe"])
    print(f"{WIDTH} x {HEIGHT:<20}     wall      cpu")
    with tempfile.TemporaryDirectory() as name:
        for suffix in (".jpg", ".png", ".tif", ".webp"):
            path = Path(name) / f"plain{suffix}"
            timed(f"write{suffix}, 8 bit", lambda path=path: write_picture(Picture(pixels), path))
            timed(f"read{suffix}, 8 bit", lambda path=path: read_picture(path))
        for suffix in (".png", ".tif"):
            path = Path(name) / f"deep{suffix}"
            timed(f"write{suffix}, 16 bit, profile", lambda path=path: write_picture(deep, path))
            timed(f"read{suffix}, 16 bit, profile", lambda path=path: read_picture(path))
    timed("resize to a quarter", lambda: resize(pixels, HEIGHT // 2, WIDTH // 2))
    small = timed("resize to 768", lambda: resize(pixels, 512, 768))
    timed("resize from a quarter", lambda: resize(pixels[::2, ::2], HEIGHT, WIDTH))
    timed("luminance", lambda: luminance(pixels))
    timed("keep_luminance", lambda: keep_luminance(pixels[::-1], pixels))
    timed("match_colors", lambda: match_colors(pixels, small))
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[1000:3000, 1000:5000] = 1
    timed("fill_transparent", lambda: fill_transparent(pixels, alpha))
    corner = (slice(0, 2000), slice(0, 2000))
    timed("fill_transparent, 4 MP", lambda: fill_transparent(pixels[corner], alpha[corner]))


if __name__ == "__main__":
    main()
