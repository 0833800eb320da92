"""Tiles, in GIMP with the real engine: progress within an evaluation, previews, Cancel and Keep This Result.

So little memory is allowed that a small picture is painted in tiles.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys

from tests.gimp.desktop import DIALOG, PAINTING_WINDOW, GimpDesktop
from tests.gimp.test_dialog import call

SETTINGS = {"quality": "draft", "iterations": 60, "coarsest": 0, "size": 0}


def memory_for_tiles(desktop: GimpDesktop) -> str:
    """Return an amount of memory with which the photo is painted in four tiles or more.

    The first call measures the machine's speed, in a process of its own: one that has measured it holds
    memory that would count.
    """
    python = os.environ.get("NST_PYTHON") or sys.executable
    photo, style = desktop.gimp.folder / "photo.ppm", desktop.gimp.folder / "swirls.ppm"
    env = dict(os.environ, NST_CACHE=desktop.gimp.variables["NST_CACHE"])
    options = ["--quality=draft", "--iterations=60", "--coarsest=0"]
    for tenths in range(12, 5, -1):
        memory = f"{tenths / 10}GB"
        line = [python, "-m", "nst_core.cli", "plan", "--json", photo, style, *options]
        done = subprocess.run(
            [*map(str, line), f"--max-memory={memory}"], capture_output=True, text=True, env=env
        )
        if done.returncode == 0 and json.loads(done.stdout)["levels"][-1]["tiles"] >= 4:
            return memory
    raise AssertionError(f"no amount of memory leads to tiles: {done.stdout}{done.stderr}")


def events(desktop: GimpDesktop, kind: str) -> list[dict]:
    """Return the engine's events of a kind since :func:`forget_events`."""
    path = desktop.gimp.fake_folder / "events.jsonl"
    *lines, _unfinished = path.read_text().split("\n") if path.exists() else [""]
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def forget_events(desktop: GimpDesktop) -> None:
    (desktop.gimp.fake_folder / "events.jsonl").unlink(missing_ok=True)


def progress_between_tiles(desktop: GimpDesktop) -> list[dict]:
    """Return the progress reported within an evaluation: the same iteration, but a larger fraction."""
    return [
        after
        for before, after in itertools.pairwise(events(desktop, "progress"))
        if after["iteration"] == before["iteration"] and after["fraction"] > before["fraction"]
    ]


def test_progress_previews_cancel_and_keep_this_between_tiles(desktop: GimpDesktop) -> None:
    before, screen = desktop.layers(), desktop.screen
    desktop.gimp.set_engine_mode("recorded")
    number = call(desktop, max_memory=memory_for_tiles(desktop), **SETTINGS)
    dialog = desktop.wait_for_window(DIALOG)
    plan = desktop.wait_until(lambda: events(desktop, "plan"), "the plan")[-1]
    assert plan["levels"][-1]["tiles"] > 1
    desktop.keep_picture("tiles-expected")

    forget_events(desktop)
    screen.key("alt+p", dialog)
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.wait_until(lambda: events(desktop, "progress"), "the first tile")
    desktop.throw_away(painting)  # in the middle of an evaluation
    dialog = desktop.wait_for_window(DIALOG)

    forget_events(desktop)
    screen.key("alt+p", dialog)
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.wait_until(
        lambda: progress_between_tiles(desktop) and events(desktop, "preview"),
        "progress within an evaluation, and a preview",
    )
    desktop.keep_picture("tiles")
    screen.key("alt+k", painting)
    last = events(desktop, "progress")[-1]
    assert desktop.result(number) == "success"
    assert events(desktop, "done")[-1]["stopped"]
    assert desktop.layers()[1:] == before, "the cancelled run left no layer"
    assert json.loads(desktop.record())["stopped"]
    assert events(desktop, "progress")[-1]["iteration"] <= last["iteration"] + 1, "it ended between tiles"
    changed = desktop.ask(
        "def pixels(layer): return bytes(layer.get_buffer().get(Gegl.Rectangle.new(0, 0, 480, 320), 1.0,"
        " \"R'G'B' u8\", 0))\n"
        "photo, painted = image.get_layers()[-1], image.get_layers()[-2]\n"
        "answer = sum(a != b for a, b in zip(pixels(photo), pixels(painted)))"
    )
    assert changed > 480 * 320
    desktop.wait_until_clean()
