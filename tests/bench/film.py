"""Measure the flicker of films: a camera that pans or zooms over a photograph, and an object that passes.

``python -m tests.bench.film PHOTO STYLE [--object PICTURE] [--side 128] [--frames 12]``
``    [--kinds pan,zoom,object] [--settings "quality=draft"] [-o FOLDER]``

Paints each clip as a film and some of its frames on their own, prints a row for each, and writes the first
and the last three side by side. Flicker is the mean squared difference to the last frame, moved along the
optical flow, where that is trusted; ``still`` is that of the photographs themselves. Flicker, style and
structure are means over the last three frames.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from nst_core.array_types import Array
from nst_core.backends.choose import open_engine
from nst_core.film.flow import find_motion, flow_frame, warp
from nst_core.film.painter import paint_frames
from nst_core.images.picture import Picture
from nst_core.images.read import read_picture
from nst_core.images.resize import fit, resize_picture
from nst_core.images.write import write_picture
from nst_core.job.model import Job, WeightedStyle
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore
from tests.bench.judge.alexnet import load_alexnet
from tests.bench.judge.measures import Judge

JUDGED = 3
"""Number of frames, the last ones, that are judged and whose flicker is measured."""


def make_clip(photo: Array, passing: Array, kind: str, size: tuple[int, int], count: int) -> list[Picture]:
    """Return ``count`` frames of ``size`` (height, width) over ``photo`` (h, w, 3)."""
    height, width = size
    frames = []
    for number in range(count):
        zoom = 0.7 * 0.99**number if kind == "zoom" else 0.6
        centre = 0.5 if kind == "zoom" else 0.38 + 0.012 * number
        scale = zoom * photo.shape[1] / width / 4.0
        left = centre * photo.shape[1] - 2.0 * scale * width
        top = 0.5 * photo.shape[0] - 2.0 * scale * height
        view = np.array([[scale, 0.0, left], [0.0, scale, top]], np.float32)
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        fine = cv2.warpAffine(
            photo, view, (4 * width, 4 * height), flags=flags, borderMode=cv2.BORDER_REFLECT
        )
        frame = np.clip(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), 0.0, 1.0)
        if kind == "object":
            side, first = height // 3, round(width * (0.75 - 0.04 * number))
            small = np.clip(cv2.resize(passing, (side, side), interpolation=cv2.INTER_AREA), 0.0, 1.0)
            here = slice(max(first, 0), max(min(first + side, width), 0))
            rows = slice(height // 3, height // 3 + side)
            frame[rows, here] = small[:, here.start - first : here.stop - first]
        frames.append(Picture(np.ascontiguousarray(frame, np.float32)))
    return frames


def flicker(frames: list[Picture], pictures: list[Array]) -> float:
    """Return the mean squared difference to the last of ``pictures``, moved as ``frames`` move."""
    values = []
    for index in range(1, len(frames)):
        motion = find_motion(flow_frame(frames[index - 1].pixels), flow_frame(frames[index].pixels))
        before = np.ascontiguousarray(pictures[index - 1].transpose(2, 0, 1))
        moved = warp(before, motion.backward).transpose(1, 2, 0)
        values.append(float(np.square(moved - pictures[index])[motion.trusted].mean()))
    return float(np.mean(values))


def main() -> None:
    """Paint, measure, print and write."""
    parser = argparse.ArgumentParser(prog="tests.bench.film", description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--object", type=Path, default=None)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--kinds", default="pan,zoom,object")
    parser.add_argument("--settings", default="quality=draft")
    parser.add_argument("-o", "--output", type=Path, default=Path())
    options = parser.parse_args()
    settings = make_settings(dict(pair.split("=", 1) for pair in options.settings.split()))
    photo, style = read_picture(options.photo), read_picture(options.style)
    style = resize_picture(style, *fit(style.height, style.width, 4 * options.side))
    passing = read_picture(options.object or options.style)
    job = Job(content=None, styles=(WeightedStyle(style),), settings=settings)
    engine = open_engine(settings, ModelStore(), print)
    size = options.side * 2 // 3 // 2 * 2, options.side
    network = load_alexnet()
    shown = sorted({*range(options.frames - JUDGED, options.frames), 0})
    print("clip    way     flicker   still     style   structure  overall  s/frame")
    for kind in options.kinds.split(","):
        frames = make_clip(photo.pixels, passing.pixels, kind, size, options.frames)
        last = frames[-JUDGED:]
        still = flicker(last, [frame.pixels for frame in last])
        judges = [Judge(frame.pixels, style.pixels, network) for frame in last]
        single = [[frames[number]] for number in shown]
        for way, shots, painted_at in (("film", [frames], shown), ("alone", single, range(len(shown)))):
            started = time.perf_counter()
            painted = [frame.picture.pixels for frame in paint_frames(job, shots, engine)]
            seconds = (time.perf_counter() - started) / len(painted)
            chosen = [painted[number] for number in painted_at]
            scores = [judge.measure(pixels) for judge, pixels in zip(judges, chosen[-JUDGED:], strict=True)]
            means = [
                float(np.mean([getattr(score, name) for score in scores]))
                for name in ("style", "structure", "overall")
            ]
            print(
                f"{kind:7} {way:7} {flicker(last, chosen[-JUDGED:]):.6f}  {still:.6f}  {means[0]:.3f}   "
                f"{means[1]:.3f}      {means[2]:.3f}    {seconds:.1f}",
                flush=True,
            )
            sheet = replace(frames[0], pixels=np.concatenate(chosen, axis=1))
            write_picture(sheet, options.output / f"{kind}-{way}.png", force=True)
    engine.close()


if __name__ == "__main__":
    main()
