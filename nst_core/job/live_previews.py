"""Previews of a running job that are shown anew as soon as ``color_layout`` changes.

The setting acts on finished pictures, so it may change until the run ends. A caller gives
:class:`LivePreviews` to a run and calls :meth:`LivePreviews.change_color_layout` from any thread. Does not
depend on where the changes come from or on how pictures are finished.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from nst_core.events import Event, OnEvent, Preview
from nst_core.images.resize import fit, resize

FinishPreview: TypeAlias = Callable[[Preview, float], Preview]
"""Finishes a preview with a value of ``color_layout``."""


class LivePreviews:
    """The latest preview of a run, and the value of ``color_layout`` that holds at the moment.

    Previews are finished at a long side of ``max_side`` pixels at most, so that a new one takes little time.
    """

    def __init__(self, max_side: int) -> None:
        self._max_side = max_side
        self._lock = threading.Lock()
        self._finish: FinishPreview | None = None
        self._report: OnEvent | None = None
        self._latest: Preview | None = None
        self._color_layout: float | None = None

    def begin(self, finish: FinishPreview, report: OnEvent) -> None:
        """Finish the run's previews with ``finish`` from now on, and report them to ``report``."""
        with self._lock:
            self._finish, self._report = finish, report

    def on_event(self, event: Event, color_layout: float) -> None:
        """Report an event of the run, whose setting is ``color_layout``; a preview is finished first."""
        if isinstance(event, Preview):
            with self._lock:
                self._latest = _shrink(event, self._max_side)
                self._show(color_layout)
        elif self._report is not None:
            self._report(event)

    def change_color_layout(self, value: float) -> None:
        """Use ``value`` (0 to 100) from now on, and report the latest preview with it."""
        with self._lock:
            self._color_layout = value
            self._show(value)

    def end(self, color_layout: float) -> float:
        """Report no more previews. Return the value for the result: the latest, or else ``color_layout``."""
        with self._lock:
            self._finish = self._report = self._latest = None
            return color_layout if self._color_layout is None else self._color_layout

    def _show(self, color_layout: float) -> None:
        if self._latest is not None and self._finish is not None and self._report is not None:
            value = color_layout if self._color_layout is None else self._color_layout
            self._report(self._finish(self._latest, value))


def _shrink(preview: Preview, max_side: int) -> Preview:
    height, width = preview.picture.shape[:2]
    if max(height, width) <= max_side:
        return preview
    small = np.clip(resize(preview.picture, *fit(height, width, max_side)), 0.0, 1.0)
    return replace(preview, picture=small)
