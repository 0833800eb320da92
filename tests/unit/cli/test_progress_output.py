"""What the command line says of plans."""

from __future__ import annotations

from nst_core.cli.progress_output import format_plan_sentence, format_plan_table
from nst_core.events import Plan, PlannedLevel

LEVELS = (
    PlannedLevel(1024, 683, 56),
    PlannedLevel(2048, 1365, 16, 6),
    PlannedLevel(4096, 2731, 16, 24, tile_by_tile=True),
)


def test_plan_says_how_tiles_are_painted():
    plan = Plan(levels=LEVELS, engine="onnx", device="CPU", model="VGG-16", model_sha256="0" * 64, seed=0)
    lines = [" ".join(line.split()) for line in format_plan_table(plan).splitlines()]
    assert lines[1:4] == [
        "1024 x 683 56 evaluations",
        "2048 x 1365 16 evaluations in 6 tiles",
        "4096 x 2731 16 evaluations in 24 tiles, one after another",
    ]
    assert "4096 x 2731 (16 in 24 tiles, one after another)" in format_plan_sentence(plan)
