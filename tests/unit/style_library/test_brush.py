"""The studio's brush: a stroke covers its place, piles up paint, and stays in its area and on the teeth."""

from __future__ import annotations

import numpy as np

from nst_core.style_library.studio.brush import Canvas, Stroke, bristle_marks, lit

WHITE, RED = np.ones((40, 60, 3), np.float32), np.array((0.8, 0.1, 0.1), np.float32)
FLAT = np.zeros((40, 60), np.float32)
MARK = bristle_marks(np.random.default_rng(1), 1)[0]
STROKE = Stroke(30.0, 20.0, 0.0, length=40.0, width=16.0)


def painted(canvas: Canvas, stroke: Stroke = STROKE) -> np.ndarray:
    """Return which pixels a stroke changes."""
    canvas.paint(stroke, MARK, RED)
    return (canvas.colour != 1).any(2)


def test_stroke_covers_its_place_and_leaves_relief() -> None:
    canvas = Canvas(WHITE, FLAT)
    changed = painted(canvas)
    assert changed[20, 20:40].mean() > 0.8
    assert not changed[:11].any()
    assert not changed[:, :9].any()
    assert canvas.relief[20, 30] > 0
    assert not np.array_equal(lit(canvas.colour, canvas.relief, 0.5), canvas.colour)
    assert (WHITE == 1).all(), "the ground that was given stays as it is"


def test_stroke_stays_in_its_area() -> None:
    areas = (np.arange(60)[None, :] >= 30).astype(np.int32).repeat(40, 0)
    changed = painted(Canvas(WHITE, FLAT, areas=areas))
    assert changed[:, 30:].any()
    assert not changed[:, :30].any()


def test_chalk_sticks_to_low_teeth_only() -> None:
    tooth = np.full((40, 60), 0.1, np.float32)
    tooth[:, 30:] = 1.0
    changed = painted(Canvas(WHITE, FLAT, tooth=tooth))
    assert changed[:, :30].any()
    assert not changed[:, 30:].any()


def test_stroke_beside_the_canvas_does_nothing() -> None:
    assert not painted(Canvas(WHITE, FLAT), Stroke(-90.0, 20.0, 0.5, length=40.0, width=16.0)).any()
