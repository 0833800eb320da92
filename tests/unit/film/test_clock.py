"""The clock of a film: what is planned, and what the time that has passed says."""

from __future__ import annotations

import time

import pytest

from nst_core.film.clock import FilmClock, FrameSeconds


def test_frames_that_begin_a_shot_count_as_such() -> None:
    seconds = FrameSeconds(first=10.0, later=2.0)
    assert seconds.of(0, 0) == 0
    assert seconds.of(1, 1) == 10
    assert seconds.of(7, 2) == 30


def test_time_left_follows_the_speed_of_this_run() -> None:
    """Half of the film was painted before; a quarter of it took 30 seconds."""
    clock = FilmClock(total=100.0, before=50.0, started=time.monotonic() - 30.0)
    assert clock.left(75.0) == pytest.approx(30.0, rel=0.1)
    assert clock.left(50.1) is None, "too little to tell"
