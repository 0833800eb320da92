"""Tiles, in GIMP with the real engine: progress within an evaluation, previews, Cancel and Keep this.

So little memory is allowed that a small picture is painted in tiles; see ``test_screen`` for the screen.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time

import pytest

from tests.gimp.desk import Desk
from tests.gimp.screen import until
from tests.gimp.test_dialog import call
from tests.gimp.test_screen import DIALOG, PAINTING, gone, keep_picture, nothing_left, record

QUICK = {"quality": "draft", "iterations": 60, "coarsest": 0, "size": 0}


def tight_memory(desk: Desk) -> str:
    """Return an amount of memory with which the desk's photo is painted in four tiles or more.

    The machine's speed is measured here, and remembered at the desk's home: a process that has measured it
    holds memory that would count.
    """
    python = os.environ.get("NST_PYTHON") or sys.executable
    photo, style = desk.gimp.folder / "photo.ppm", desk.gimp.folder / "swirls.ppm"
    env = {name: value for name, value in os.environ.items() if name not in ("XDG_CACHE_HOME", "NST_CACHE")}
    env["HOME"] = str(desk.gimp.home)
    options = ["--quality=draft", "--iterations=60", "--coarsest=0"]
    for tenths in range(12, 5, -1):
        line = [
            python,
            "-m",
            "nst_core.cli",
            "plan",
            "--json",
            photo,
            style,
            *options,
            f"--max-memory={tenths / 10}GB",
        ]
        done = subprocess.run(list(map(str, line)), capture_output=True, text=True, env=env)
        if done.returncode == 0 and json.loads(done.stdout)["levels"][-1]["tiles"] >= 4:
            return f"{tenths / 10}GB"
    raise AssertionError(f"no amount of memory leads to tiles: {done.stdout}{done.stderr}")


def events(desk: Desk, kind: str) -> list[dict]:
    """Return the engine's events of a kind since :func:`forget_events`."""
    path = desk.gimp.fakes / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def forget_events(desk: Desk) -> None:
    (desk.gimp.fakes / "events.jsonl").unlink(missing_ok=True)


def moved_within(desk: Desk) -> list[dict]:
    """Return the progress that was told between the tiles of an evaluation: its number, but farther."""
    told = events(desk, "progress")
    pairs = itertools.pairwise(told)
    return [
        after
        for before, after in pairs
        if after["iteration"] == before["iteration"] and after["fraction"] > before["fraction"]
    ]


@pytest.mark.timeout(600)
def test_progress_previews_cancel_and_keep_this_in_the_middle_of_tiles(desk: Desk) -> None:
    before, screen = desk.layers(), desk.screen
    desk.gimp.mode("recorded")
    number = call(desk, max_memory=tight_memory(desk), **QUICK)
    dialog = screen.wait_for(DIALOG)
    plan = until(lambda: events(desk, "plan"), 90, "the plan")[-1]
    assert plan["levels"][-1]["tiles"] > 1
    keep_picture(desk, "tiles-expected")

    forget_events(desk)
    screen.key(dialog, "alt+p")
    painting = screen.wait_for(PAINTING)
    until(lambda: events(desk, "plan"), 60, "its plan")
    time.sleep(4)
    screen.key(painting, "Escape")  # in the middle of an evaluation
    gone(desk, PAINTING)
    dialog = screen.wait_for(DIALOG)

    forget_events(desk)
    screen.key(dialog, "alt+p")
    painting = screen.wait_for(PAINTING)
    until(
        lambda: moved_within(desk) and events(desk, "preview"),
        240,
        "progress within an evaluation, a preview",
    )
    keep_picture(desk, "tiles")
    last = events(desk, "progress")[-1]
    screen.key(painting, "alt+k")
    assert desk.result(number, 90) == "success"
    assert events(desk, "done")[-1]["stopped"]
    assert desk.layers()[1:] == before, "and nothing of what was cancelled"
    assert json.loads(record(desk))["stopped"]
    assert events(desk, "progress")[-1]["iteration"] <= last["iteration"] + 1, "it ended between tiles"
    changed = desk.ask(
        "def pixels(layer): return bytes(layer.get_buffer().get(Gegl.Rectangle.new(0, 0, 480, 320), 1.0,"
        " \"R'G'B' u8\", 0))\n"
        "photo, painted = image.get_layers()[-1], image.get_layers()[-2]\n"
        "answer = sum(a != b for a, b in zip(pixels(photo), pixels(painted)))"
    )
    assert changed > 480 * 320
    nothing_left(desk)
