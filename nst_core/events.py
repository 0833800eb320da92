"""Events that a run reports while it goes on, as plain data.

A run calls ``on_event`` with one :class:`Plan`, then with any number of :class:`Progress`, :class:`Preview`
and :class:`Notice`. Notices may also come before the plan. The worker adds one ``done`` or ``error`` at the
end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TypeAlias

from nst_core.array_types import Array
from nst_core.contract import printable


@dataclass(frozen=True)
class PlannedLevel:
    """One pyramid level: size in pixels, number of evaluations, and tiles.

    Evaluations go through all tiles, unless each of them is painted to its end on its own, ``tile_by_tile``.
    """

    width: int
    height: int
    iterations: int
    tiles: int = 1
    _: KW_ONLY
    tile_by_tile: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Estimate of a run. ``device`` is a description for people; ``model`` is the network's name.

    ``seconds`` is the expected duration. ``bytes`` is the peak memory of the machine, and ``device_bytes``
    that of the device (None if it has no memory of its own). ``width`` and ``height`` are the size of the
    painting. If the last level is smaller, its change to the picture is upsampled to that size.
    """

    levels: tuple[PlannedLevel, ...]
    engine: str
    device: str
    model: str
    model_sha256: str
    seed: int
    seconds: float | None = None
    bytes: int | None = None
    device_bytes: int | None = None
    width: int = 0
    height: int = 0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of a run. ``fraction`` rises from 0 to 1 over the whole run, by estimated work.

    ``iteration`` counts loss-and-gradient evaluations within the level, from 1. ``terms`` holds the value of
    each term of the objective by name ("content relu4_2", "style relu1_1", ...). ``seconds_left`` is None
    until enough has been measured.
    """

    level: int
    levels: int
    iteration: int
    iterations: int
    fraction: float
    loss: float
    seconds: float
    seconds_left: float | None = None
    terms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """The current picture: ``(height, width, 3)`` float32 in 0..1, at the size of its level.

    ``color_layout`` is the value of that setting that it was finished with; None if it has no effect.
    """

    level: int
    iteration: int
    picture: Array
    color_layout: float | None = None


@dataclass(frozen=True)
class Notice:
    """A warning that does not stop the run, with a code like an error's.

    ``message`` says what happened and ``hint``, if there is one, what to do about it, both in full sentences,
    printable and bounded as in an error.
    """

    code: str
    message: str
    hint: str = ""

    def __post_init__(self) -> None:
        """Make what files contributed to the texts printable."""
        object.__setattr__(self, "message", printable(self.message))
        object.__setattr__(self, "hint", printable(self.hint))

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


Event: TypeAlias = Plan | Progress | Preview | Notice
OnEvent: TypeAlias = Callable[[Event], None]
OnNotice: TypeAlias = Callable[[Notice], None]
