"""A level painted tile by tile compared with the same level as a whole: loss, judge, seams.

``python -m tests.bench.tile_by_tile PHOTO PAINTING [--coarse 256:30] [--fine 512:16] [--halved]``
``    [--case 256:32]... [--settings "strength=60"] [-o FOLDER]``

The coarse level is painted once; the fine one goes on from it, as a whole, and for each ``--case`` in windows
of so many pixels with such a margin (``nst_core/painting/tile_layout.py``). Levels are a long side and a
number of evaluations. Prints a line for each: style, structure and colours by :mod:`tests.bench.judge`; the
loss of the whole picture at the start and at the end, with the whole picture's targets; and the energy of the
finest detail, by the Laplacian, as a share of that of the level painted as a whole, where tiles pass into
each other and elsewhere. ``-o`` writes the pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from nst_core.array_types import Array
from nst_core.backends.choose import Engine, open_engine
from nst_core.images.read import read_picture
from nst_core.images.resize import fit
from nst_core.job.model import Job, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.painting import memory, tile_by_tile, tile_layout
from nst_core.painting.level_evaluator import bind_parts
from nst_core.painting.progress import RunCallbacks
from nst_core.painting.pyramid import FINE_MATCHING, Level
from nst_core.painting.run import PaintingResult, PaintOptions, paint
from nst_core.painting.run_context import RunContext
from nst_core.painting.run_state import NoStates, RunState
from nst_core.painting.subject import Subject
from nst_core.painting.tiled_level import TiledLevel, open_tiled_level
from nst_core.settings import Settings, make_settings
from nst_core.vgg.store import ModelStore
from tests.bench.judge.alexnet import load_alexnet
from tests.bench.judge.measures import Judge


class From(NoStates):
    """A run that goes on from a state."""

    def __init__(self, state: RunState) -> None:
        self.start = state


@dataclass(frozen=True)
class Comparison:
    """The pictures, and the state from which the level ``fine`` is painted in all ways."""

    subject: Subject
    settings: Settings
    engine: Engine
    levels: tuple[Level, Level]
    state: RunState

    def paint_whole(self) -> PaintingResult:
        """Paint the level as a whole."""
        return self._paint(self.levels)

    def paint_tiles(self, window: int, margin: int) -> tuple[Array, TiledLevel, list[float]]:
        """Paint it in tiles; return the picture, the level, and its loss at the start and at the end."""
        coarse, fine = self.levels
        opened: list[tuple[RunContext, TiledLevel, Array]] = []

        def remember(context, *arguments):
            level = open_tiled_level(context, *arguments)
            opened.append((context, level, level.targets.start.copy()))
            return level

        def in_tiles(request):
            return request._tile_by_tile(window)

        with (
            patch.object(memory._LayoutRequest, "first_fit", in_tiles),
            patch.object(tile_by_tile, "open_tiled_level", remember),
            patch.object(tile_layout, "MARGIN", margin),
        ):
            pixels = self._paint((coarse, replace(fine, refines=True))).pixels
            ((context, level, start),) = opened
        layout = replace(level.layout, window=max(fine.height, fine.width))
        evaluate = bind_parts(context, level.targets.parts, (fine.height, fine.width), layout, 1.0)
        backend = self.engine.backend
        losses = [float(evaluate(backend.upload(picture)).loss) for picture in (start, pixels)]
        return pixels, level, losses

    def _paint(self, levels: tuple[Level, Level]) -> PaintingResult:
        options = PaintOptions(states=From(self.state))
        return paint(self.subject, self.settings, levels, self.engine, RunCallbacks(), options)


def detail(picture: Array) -> Array:
    """Return the energy of the Laplacian of the grey ``picture`` (3, h, w) at each inner pixel."""
    grey = picture.mean(axis=0)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return (4 * grey[1:-1, 1:-1] - around) ** 2


def seams_of(level: TiledLevel) -> Array:
    """Return where tiles pass into each other, (h, w)."""
    height, width = level.targets.window.size
    seams = np.zeros((height, width), bool)
    for tile in level.tiles:
        weights = tile_layout.blend_weights(tile, (height, width))
        seams[tile.window] |= (weights > 0) & (weights < 1)
    return seams


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("--coarse", default="256:30")
    parser.add_argument("--fine", default="512:16")
    parser.add_argument("--halved", action="store_true")
    parser.add_argument("--case", action="append", metavar="WINDOW:MARGIN")
    parser.add_argument("--settings", default="")
    parser.add_argument("-o", "--output", type=Path)
    return parser.parse_args(arguments)


def make_comparison(options: argparse.Namespace) -> Comparison:
    """Paint the coarse level."""
    photo, painting = read_picture(options.photo), read_picture(options.painting)
    settings = make_settings(dict(pair.split("=") for pair in options.settings.split()))
    subject = prepare(Job(content=photo, styles=(WeightedStyle(painting),), settings=settings))
    (coarse_side, coarse_count), (fine_side, fine_count) = (
        map(int, text.split(":")) for text in (options.coarse, options.fine)
    )
    coarse = Level(*fit(photo.height, photo.width, coarse_side), coarse_count)
    fine = Level(*fit(photo.height, photo.width, fine_side), fine_count)
    fine = replace(fine, matching=FINE_MATCHING, halved=options.halved)
    engine = open_engine(settings, ModelStore(), lambda _notice: None)
    start = paint(subject, settings, (coarse,), engine, RunCallbacks())
    state = RunState(level=1, previous=start.pixels, maps=start.maps)
    return Comparison(subject, settings, engine, (coarse, fine), state)


def save(picture: Array, path: Path) -> None:
    """Write ``picture`` (3, h, w) as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.clip(picture.transpose(1, 2, 0) * 255 + 0.5, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def main() -> None:
    options = parse_arguments()
    comparison = make_comparison(options)
    judge = Judge(read_picture(options.photo).pixels, read_picture(options.painting).pixels, load_alexnet())
    painted = comparison.paint_whole()
    whole = painted.pixels

    def report(name: str, picture: Array, extra: str = "") -> None:
        measures = judge.measure(np.clip(picture.transpose(1, 2, 0), 0, 1))
        style = max(measures.patches, measures.features)
        print(f"{name}: {style:.3f} / {measures.structure:.3f} / {measures.color:.3f}{extra}", flush=True)
        if options.output is not None:
            save(picture, options.output / f"{name.replace(' ', '-')}.png")

    report("whole", whole, f", loss to {painted.loss:.4f}")
    for case in options.case or ["256:32"]:
        window, margin = map(int, case.split(":"))
        picture, level, (before, after) = comparison.paint_tiles(window, margin)
        inner, tiled, untiled = seams_of(level)[1:-1, 1:-1], detail(picture), detail(whole)
        at_seams, elsewhere = (tiled[part].mean() / untiled[part].mean() for part in (inner, ~inner))
        report(
            f"window {window} margin {margin}",
            picture,
            f", {len(level.tiles)} tiles, work {level.layout.work:.2f}, loss {before:.4f} to {after:.4f}, "
            f"detail {at_seams:.3f} at seams and {elsewhere:.3f} elsewhere",
        )


if __name__ == "__main__":
    main()
