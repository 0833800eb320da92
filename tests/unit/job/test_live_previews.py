"""Previews that follow a setting while the job runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nst_core.events import Event, Notice, Preview
from nst_core.job.live_previews import LivePreviews


def finish(preview: Preview, color_layout: float) -> Preview:
    return replace(preview, color_layout=color_layout)


def preview(iteration: int, height: int = 12, width: int = 16) -> Preview:
    return Preview(0, iteration, np.full((height, width, 3), 0.5, np.float32))


def shown(events: list[Event]) -> list[tuple[int, float | None]]:
    return [(event.iteration, event.color_layout) for event in events if isinstance(event, Preview)]


def test_latest_preview_is_shown_anew_when_the_value_changes() -> None:
    events, live = list[Event](), LivePreviews(64)
    live.change_color_layout(5.0)  # before the run begins
    live.begin(finish, events.append)
    live.on_event(preview(1), 30.0)
    live.on_event(preview(2), 30.0)
    live.change_color_layout(80.0)
    live.on_event(preview(3), 30.0)
    assert shown(events) == [(1, 5.0), (2, 5.0), (2, 80.0), (3, 80.0)]
    assert live.end(30.0) == 80.0


def test_value_of_the_job_counts_until_it_is_changed() -> None:
    events, live = list[Event](), LivePreviews(64)
    live.begin(finish, events.append)
    live.on_event(Notice("code", "Words."), 30.0)
    live.on_event(preview(1), 30.0)
    assert shown(events) == [(1, 30.0)]
    assert isinstance(events[0], Notice)
    assert live.end(30.0) == 30.0


def test_nothing_is_shown_after_the_end() -> None:
    events, live = list[Event](), LivePreviews(64)
    live.begin(finish, events.append)
    live.on_event(preview(1), 0.0)
    assert live.end(0.0) == 0.0
    live.change_color_layout(50.0)
    assert shown(events) == [(1, 0.0)]


def test_previews_are_shrunk_before_they_are_finished() -> None:
    sizes, live = [], LivePreviews(64)

    def note_size(preview: Preview, _color_layout: float) -> Preview:
        sizes.append(preview.picture.shape[:2])
        return preview

    live.begin(note_size, lambda _event: None)
    live.on_event(preview(1, 90, 120), 0.0)
    live.on_event(preview(2, 48, 64), 0.0)
    assert sizes == [(48, 64), (48, 64)]
