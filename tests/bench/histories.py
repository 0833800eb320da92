"""Loss with each way to store an optimiser's history.

``python -m tests.bench.histories CONTENT STYLE [--side 128] [--iterations 60] [--device cpu]``

Minimises the same objective, from the content with noise, by L-BFGS with histories of several lengths, in
full precision, in half precision and in a file, and by Adam. Prints a line for each: the loss after a third,
two thirds and all of the iterations.
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
from nst_core.painting import run, windows
from nst_core.painting.memory import choose_memory_layout
from nst_core.painting.pyramid import Level
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore

HISTORIES = (("full", 10), ("half", 10), ("file", 10), ("full", 5), ("half", 5), ("half", 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    settings = make_settings({"device": options.device})
    engine = open_engine(settings, ModelStore(), lambda notice: print(f"note: {notice.message}"))
    content, style = read_picture(options.content), read_picture(options.style)
    subject = prepare(Job(content=content, styles=(WeightedStyle(style),), settings=settings))
    level = (Level(*fit(content.height, content.width, options.side), options.iterations),)

    def losses(run_settings) -> str:
        painted = run.paint(subject, run_settings, level, engine, run.RunCallbacks())
        curve = [sample.loss for sample in painted.curve]
        return ", ".join(f"{curve[count * len(curve) // 3 - 1]:.4f}" for count in (1, 2, 3))

    for storage, history in HISTORIES:
        windows.choose_memory_layout = lambda *args, s=storage, h=history, **options: replace(
            choose_memory_layout(*args, **options), storage=s, history=h
        )
        print(f"L-BFGS, {history} pairs, {storage}: {losses(settings)}", flush=True)
    adam = make_settings({**settings.model_dump(), "optimizer": "adam"})
    print(f"Adam: {losses(adam)}", flush=True)
    engine.close()


if __name__ == "__main__":
    main()
