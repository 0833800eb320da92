"""Content error with each style statistic, to calibrate their weights (``StyleStatistic.gain``).

``python -m tests.bench.statistics CONTENT STYLE... [--side 192] [--evaluations 60] [--strength 50]
[--gains 0.5,1,1.5,2,4] [--pictures FOLDER] [--device cpu]``

Prints a line for each style, statistic and gain: the relative error of the content's features after that many
evaluations, and the seconds of one. Gram matrices have a gain of 1. The gain of another statistic is the one
that gives the same error, if the pictures (``--pictures``) agree.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from nst_core.backends.choose import open_engine
from nst_core.images.read import read_picture
from nst_core.images.resize import fit
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.loss.statistics import STATISTICS
from nst_core.loss.weights import style_share
from nst_core.painting.pyramid import Level
from nst_core.painting.run import RunCallbacks, as_rows, paint
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("content", type=Path)
    parser.add_argument("styles", type=Path, nargs="+")
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--strength", type=float, default=50.0)
    parser.add_argument("--gains", default="0.5,1,1.5,2,4")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    settings = make_settings({"device": options.device, "strength": options.strength})
    engine = open_engine(settings, ModelStore(), lambda notice: print(f"note: {notice.message}"))
    content = read_picture(options.content)
    level = (Level(*fit(content.height, content.width, options.side), options.evaluations),)
    content_share = 1.0 / (1.0 + style_share(options.strength))
    gains = [float(gain) for gain in options.gains.split(",")]
    runs = [("gram", 1.0), *((name, gain) for name in STATISTICS if name != "gram" for gain in gains)]
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    for path in options.styles:
        for statistic, gain in runs:
            run_settings = make_settings({**settings.model_dump(), "style_loss": statistic})
            subject = prepare(
                Job(content=content, styles=(WeightedStyle(read_picture(path)),), settings=run_settings)
            )
            with mock.patch.object(type(STATISTICS[statistic]), "gain", gain):
                painted = paint(subject, run_settings, level, engine, RunCallbacks())
            content_loss = sum(value for name, value in painted.terms.items() if name.startswith("content"))
            print(
                f"{path.stem}, {statistic}, gain {gain:g}: content error {content_loss / content_share:.3f}, "
                f"{painted.seconds / options.evaluations:.2f} s an evaluation",
                flush=True,
            )
            if options.pictures:
                pixels = np.clip(as_rows(painted.pixels), 0.0, 1.0) * 255.0 + 0.5
                name = f"{path.stem}-{statistic}-{gain:g}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(options.pictures / name)
    engine.close()


if __name__ == "__main__":
    main()
