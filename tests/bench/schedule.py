"""Value of iterations at the finer levels: how far each level's loss has fallen after a number of them.

``python -m tests.bench.schedule CONTENT STYLE [--levels 128,256,512] [--iterations 40] [--device cpu]``

Each level starts with the final picture of the previous one. Prints a line per level: the loss at its start,
the loss after each number of iterations, and in brackets the share of the level's total fall.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from nst_core.backends.choose import open_engine
from nst_core.images.read import read_picture
from nst_core.images.resize import fit
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.painting.pyramid import Level
from nst_core.painting.resample import resize_planes
from nst_core.painting.run import RunCallbacks, evaluate_terms, paint
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore

COUNTS = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--levels", default="128,256,512")
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    settings = make_settings({"device": options.device})
    engine = open_engine(settings, ModelStore(), lambda notice: print(f"note: {notice.message}"))
    content, style = read_picture(options.content), read_picture(options.style)
    subject = prepare(Job(content=content, styles=(WeightedStyle(style),), settings=settings))
    sides = [int(side) for side in options.levels.split(",")]
    sizes = [fit(content.height, content.width, side) for side in sides]
    previous = None
    for side, size in zip(sides, sizes, strict=True):
        if previous is not None:
            settings = make_settings({**settings.model_dump(), "init": "the previous level"})
            subject = replace(subject, init_image=resize_planes(previous, *size))
            terms = evaluate_terms(subject.init_image, subject, settings, engine)
        level = (Level(*size, options.iterations),)
        painted = paint(subject, settings, level, engine, RunCallbacks())
        curve = [sample.loss for sample in painted.curve]
        if previous is not None:
            first = sum(terms.values())
            fall = first - curve[-1]
            counts = [count for count in COUNTS if count < len(curve)]
            losses = ", ".join(
                f"{count}: {curve[count - 1]:.4f} ({(first - curve[count - 1]) / fall:.0%})"
                for count in counts
            )
            print(f"{side} px: start {first:.4f}, {losses}, {len(curve)}: {curve[-1]:.4f}", flush=True)
        previous = painted.pixels
    engine.close()


if __name__ == "__main__":
    main()
