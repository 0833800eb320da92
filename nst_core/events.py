"""What a run tells whoever watches it: plain data, no wording beyond what a person must read.

A run calls ``on_event`` with these in order: one :class:`Plan`, any number of :class:`Progress`,
:class:`Preview` and :class:`Notice`, and, when called through the worker, one ``done`` or ``error``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from nst_core.array_types import Array


@dataclass(frozen=True)
class PlannedLevel:
    """One level of the pyramid: its size in pixels, the evaluations it will be given, the tiles of each."""

    width: int
    height: int
    iterations: int
    tiles: int = 1


@dataclass(frozen=True)
class Plan:
    """What is about to happen. ``device`` is in words, for people; ``model`` is the network's name.

    ``seconds`` are expected, ``bytes`` of the machine and ``device_bytes`` (None where the device has no
    memory of its own) are the most that will be taken. ``width`` and ``height`` are the painting's; where the
    last level is smaller, its change of the picture is carried up to them.
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


@dataclass(frozen=True)
class Progress:
    """Where the run is. ``fraction`` runs 0..1 over the whole run, by estimated work.

    ``iteration`` counts loss-and-gradient evaluations within the level, from 1. ``terms`` holds the
    value of each term of the objective by name ("content relu4_2", "style relu1_1", ...).
    ``seconds_left`` is None until enough has been measured.
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
    """The picture as it stands: ``(height, width, 3)`` float32 in 0..1, at the level's own size."""

    level: int
    iteration: int
    picture: Array


@dataclass(frozen=True)
class Notice:
    """Something the user should know that does not stop the run, with a code like an error's."""

    code: str
    message: str


Event: TypeAlias = Plan | Progress | Preview | Notice
OnEvent: TypeAlias = Callable[[Event], None]
