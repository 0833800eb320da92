"""Rows of measurements with their goals, and the table that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

VERDICTS = {True: "right", False: "WRONG", None: ""}


@dataclass(frozen=True)
class Row:
    """One measurement: ``value`` in ``unit``, the ``goal`` in words, and if it is ``met`` (None: no goal)."""

    name: str
    value: float | str
    unit: str = ""
    goal: str = ""
    met: bool | None = None


def at_most(name: str, value: float, limit: float, unit: str = "") -> Row:
    """Return a row whose goal is a value of at most ``limit``."""
    return Row(name, value, unit, f"at most {limit:g}", value <= limit)


def near(name: str, value: float, told: float, unit: str = "", share: float = 0.25) -> Row:
    """Return a row whose goal is a value within ``share`` of what was ``told`` before."""
    return Row(name, value, unit, f"told {told:.3g}", abs(value - told) <= share * max(told, value))


def holds(name: str, condition: bool, value: str = "") -> Row:
    """Return a row whose goal is that ``condition`` holds."""
    return Row(name, value or ("yes" if condition else "no"), "", "yes", bool(condition))


@dataclass(frozen=True)
class Outcome:
    """What came of a part. ``problem`` says why there are no rows, ``failed`` whether that is a fault."""

    part: str
    rows: tuple[Row, ...] = ()
    seconds: float = 0.0
    problem: str = ""
    has_failed: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def failed(cls, part: str, problem: str, seconds: float) -> Outcome:
        return cls(part, problem=problem, seconds=seconds, has_failed=True)

    @classmethod
    def left_out(cls, part: str, reason: str) -> Outcome:
        return cls(part, problem=reason)

    @classmethod
    def of_json(cls, part: str, found: dict[str, Any], seconds: float) -> Outcome:
        """Read what a part has printed."""
        rows = tuple(Row(**row) for row in found.get("rows", ()))
        return cls(part, rows, seconds, found.get("left_out", ""), details=found.get("details", {}))

    @property
    def is_bad(self) -> bool:
        """Whether the part has failed, or missed a goal."""
        return self.has_failed or any(row.met is False for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def table(outcomes: Sequence[Outcome], *, heading: bool = True) -> str:
    """Return the rows of ``outcomes`` as a Markdown table."""
    lines = ["| part | measurement | value | goal | |", "|---|---|---|---|---|"] if heading else []
    for outcome in outcomes:
        for row in outcome.rows:
            value = row.value if isinstance(row.value, str) else f"{row.value:.4g}"
            cells = [outcome.part, row.name, f"{value} {row.unit}".strip(), row.goal, VERDICTS[row.met]]
            lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
        if outcome.problem:
            verdict = "FAILED" if outcome.has_failed else "left out"
            lines.append(f"| {outcome.part} | {outcome.problem.replace('|', '/')} | | | {verdict} |")
    return "\n".join(lines)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return a sentence about all parts."""
    bad = [outcome.part for outcome in outcomes if outcome.is_bad]
    absent = [outcome.part for outcome in outcomes if outcome.problem and not outcome.has_failed]
    seconds = sum(outcome.seconds for outcome in outcomes)
    words = [f"{len(outcomes)} parts in {seconds:.0f} s."]
    words.append(f"Wrong or failed: {', '.join(bad)}." if bad else "Nothing is wrong.")
    words += [f"Left out: {', '.join(absent)}."] if absent else []
    return " ".join(words)
