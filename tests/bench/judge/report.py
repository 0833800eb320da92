"""What the judge found, as a table for the terminal, as JSON, and as a page with the pictures.

Takes rows, one for each pair with a score for each variant. Does not paint or measure.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from nst_core.images.read import read_picture
from nst_core.images.resize import fit, resize_picture
from nst_core.images.write import write_picture
from tests.bench.judge.measures import Measures
from tests.bench.judge.variants import Pair, Variant


@dataclass(frozen=True)
class Score:
    """A result, what the judge measured, and the seconds of painting."""

    path: Path
    measures: Measures
    seconds: float


@dataclass(frozen=True)
class Row:
    """A pair with the scores of all variants, in their order."""

    pair: Pair
    scores: tuple[Score, ...]

    def is_best(self, index: int, column: Column) -> bool:
        """Whether no variant has a better value."""
        values = [column.sign * column.value(score) for score in self.scores]
        return values[index] == max(values)


@dataclass(frozen=True)
class Column:
    """A measure: its title, its value, and 1 if more is better, -1 if less is."""

    title: str
    value: Callable[[Score], float]
    sign: int

    def text(self, score: Score) -> str:
        """Return the value as text; for specks, the share and the one that is allowed."""
        if self.title == "speckle %":
            return f"{100 * score.measures.speckle:.2f}/{100 * score.measures.speckle_allowed:.2f}"
        return f"{self.value(score):.3f}"


COLUMNS = (
    Column("style", lambda score: score.measures.style, -1),
    Column("structure", lambda score: score.measures.structure, 1),
    Column("colour", lambda score: score.measures.color, -1),
    Column("speckle %", lambda score: 100 * score.measures.speckle_excess, -1),
    Column("overall", lambda score: score.measures.overall, 1),
    Column("seconds", lambda score: score.seconds, -1),
)


def table_line(name: str, texts: Iterable[str]) -> str:
    """Return a line of the table."""
    return f"{name:<34}" + "".join(f"{text:>12}" for text in texts)


def head(variants: Sequence[Variant]) -> str:
    """Return the variants' names and the head of the table."""
    titles = [f"{column.title} {index + 1}" for index in range(len(variants)) for column in COLUMNS]
    names = [f"{index}: {variant.name}" for index, variant in enumerate(variants, 1)]
    return "\n".join([*names, table_line("", titles)])


def row_line(row: Row) -> str:
    """Return the line of a pair."""
    return table_line(row.pair.name, [column.text(score) for score in row.scores for column in COLUMNS])


def foot(rows: Sequence[Row]) -> str:
    """Return the means, and on how many pairs a variant is the best or as good as the best."""
    places = [(index, column) for index in range(len(rows[0].scores)) for column in COLUMNS]
    means = (fmean(column.value(row.scores[index]) for row in rows) for index, column in places)
    wins = (sum(row.is_best(index, column) for row in rows) for index, column in places)
    return "\n".join(
        [table_line("mean (speckle: excess)", (f"{mean:.3f}" for mean in means)),
         table_line(f"wins of {len(rows)}", map(str, wins))]
    )  # fmt: skip


def write_json(rows: Sequence[Row], variants: Sequence[Variant], folder: Path) -> None:
    """Write ``results.json``: every measure of every result."""
    results = [
        {
            "pair": row.pair.name,
            "settings": variant.settings,
            "commit": variant.commit,
            "picture": os.path.relpath(score.path, folder),
            "seconds": score.seconds,
            "style": score.measures.style,
            "overall": score.measures.overall,
            **asdict(score.measures),
        }
        for row in rows
        for variant, score in zip(variants, row.scores, strict=True)
    ]
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")


STYLE = """
body { font: 14px sans-serif; background: #222; color: #ddd }
td, th { vertical-align: top; text-align: left; font-weight: normal; padding: 4px }
img { width: 360px; display: block } td div { white-space: pre; font: 12px monospace } b { color: #8f8 }
"""


def write_page(rows: Sequence[Row], variants: Sequence[Variant], folder: Path) -> None:
    """Write ``index.html``: photo, painting and results of each pair in a row, numbers beneath."""
    titles = ["photo", "painting", *(variant.name for variant in variants)]
    heads = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    lines = [f"<!doctype html><meta charset=utf-8><title>Judge</title><style>{STYLE}</style>"]
    lines.append(f"<p>Green: no other is better.</p><table><tr>{heads}</tr>")
    for row in rows:
        cells = [
            cell(reduced_copy(path, folder / "originals"), folder, html.escape(path.stem))
            for path in (row.pair.photo, row.pair.painting)
        ]
        for index, score in enumerate(row.scores):
            texts = []
            for column in COLUMNS:
                text = f"{column.title:10}{column.text(score)}"
                texts.append(f"<b>{text}</b>" if row.is_best(index, column) else text)
            cells.append(cell(score.path, folder, "\n".join(texts)))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    (folder / "index.html").write_text("\n".join([*lines, "</table>", ""]), "utf-8")


def reduced_copy(path: Path, folder: Path) -> Path:
    """Write a copy of an original of at most 768 pixels to ``folder`` unless it is there; return its path."""
    copy = folder / f"{path.stem}.jpg"
    if not copy.exists():
        folder.mkdir(parents=True, exist_ok=True)
        picture = read_picture(path)
        long_side = min(768, max(picture.height, picture.width))
        write_picture(resize_picture(picture, *fit(picture.height, picture.width, long_side)), copy)
    return copy


def cell(path: Path, folder: Path, text: str) -> str:
    """Return a cell of the page: a picture that opens at full size, and text beneath."""
    address = html.escape(os.path.relpath(path, folder).replace(os.sep, "/"))
    return f'<td><a href="{address}"><img src="{address}"></a><div>{text}</div></td>'
