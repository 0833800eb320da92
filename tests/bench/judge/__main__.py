"""Judge painted pictures: style, structure, colours, specks and seconds, for pairs and variants side by side.

``python -m tests.bench.judge --content DIR --style DIR [--pairs PHOTO:PAINTING,...] [--size 256] -o OUT``
``    [--settings "matching=17 strength=60"]... [--commit COMMIT]... [--strengths 0,25,50,75,100] [--jobs 2]``
``python -m tests.bench.judge --content PHOTO --style PAINTING --measure RESULT...``

Paints every pair with every combination of settings, commit (``.`` is the working tree) and strength, prints
a row for each pair and one of wins, and writes OUT/index.html and OUT/results.json. What is in OUT already is
not painted again. Names in ``--pairs`` are file names without suffix. With ``--measure`` nothing is painted.
Several pictures at a time (``--jobs``) share the processor: their seconds are longer.

style      distance to the painting, relative to the untouched photo: 0 the painting, 1 the photo. The worse
           of sliced Wasserstein of 7 x 7 patches and of Gaussian 2-Wasserstein (squared) of AlexNet features
structure  correlation of AlexNet's self-similarities with the photo's: 1 all kept
colour     sliced Wasserstein distance to the painting's colours in OKLab, relative to the photo's
speckle    percent of isolated outlying pixels / the larger percent of the painting's and the photo's
overall    0 to 1, more is better: style gained and structure kept, less specks
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nst_core.errors import NstError
from nst_core.images.read import read_picture
from tests.bench.judge import report
from tests.bench.judge.alexnet import load_alexnet
from tests.bench.judge.measures import Judge
from tests.bench.judge.painting import Painted, open_sources, paint
from tests.bench.judge.variants import Pair, find_pairs, make_variants


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="tests.bench.judge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--content", type=Path, required=True, metavar="DIR|PHOTO")
    parser.add_argument("--style", type=Path, required=True, metavar="DIR|PAINTING")
    parser.add_argument("--pairs", default="", metavar="PHOTO:PAINTING,...", help="default: all")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--settings", action="append", default=[], metavar="NAME=VALUE ...")
    parser.add_argument("--commit", action="append", default=[])
    parser.add_argument("--strengths", default="", metavar="NUMBER,...")
    parser.add_argument("--jobs", type=int, default=1, help="pictures painted at a time; default: 1")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT")
    parser.add_argument("--measure", type=Path, nargs="+", metavar="RESULT")
    options = parser.parse_args(arguments)
    if not (options.measure or options.output):
        parser.error("name a folder for the pictures with -o")
    return options


def score_pair(pair: Pair, paintings: Sequence[Painted]) -> report.Row:
    """Measure all results of a pair."""
    judge = Judge(read_picture(pair.photo).pixels, read_picture(pair.painting).pixels, load_alexnet())
    scores = (
        report.Score(painted.path, judge.measure(read_picture(painted.path).pixels), painted.seconds)
        for painted in paintings
    )
    return report.Row(pair, tuple(scores))


def measure_files(options: argparse.Namespace) -> None:
    """Print a line for each existing result."""
    row = score_pair(Pair(options.content, options.style), [Painted(path, 0) for path in options.measure])
    columns = report.COLUMNS[:-1]
    print(report.table_line("result", [column.title for column in columns]))
    for score in row.scores:
        print(report.table_line(score.path.stem, [column.text(score) for column in columns]))


def compare_variants(options: argparse.Namespace) -> None:
    """Paint, measure and report all pairs; print each one as soon as it is painted."""
    pairs = find_pairs(options.content, options.style, options.pairs)
    variants = make_variants(options.settings, options.commit, options.strengths)
    output = options.output.resolve()
    folder = output / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[report.Row] = []
    print(report.head(variants), flush=True)
    with open_sources(variant.commit for variant in variants) as sources:
        pool = ThreadPoolExecutor(options.jobs)
        futures = [
            [
                pool.submit(paint, pair, variant, options.size, sources[variant.commit], folder)
                for variant in variants
            ]
            for pair in pairs
        ]
        try:
            for pair, paintings in zip(pairs, futures, strict=True):
                rows.append(score_pair(pair, [painted.result() for painted in paintings]))
                print(report.row_line(rows[-1]), flush=True)
                report.write_json(rows, variants, output)
                report.write_page(rows, variants, output)
        finally:
            pool.shutdown(cancel_futures=True)
    print(report.foot(rows))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = parse_arguments(arguments)
    try:
        (measure_files if options.measure else compare_variants)(options)
    except (NstError, OSError, ValueError) as error:
        sys.exit(f"tests.bench.judge: {error}")


if __name__ == "__main__":
    main()
