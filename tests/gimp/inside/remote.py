"""Lets a test outside run Python inside a GIMP that is on a screen: commands in files, answers in files."""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path


def serve(folder: str, names: dict) -> None:
    """Execute 0.py, 1.py, ... as they appear; what they leave in ``answer`` goes into 0.json, ..."""
    number = 0
    while True:
        command = Path(folder) / f"{number}.py"
        while not command.exists():
            time.sleep(0.05)
        text = command.read_text()
        names["answer"] = problem = None
        try:
            exec(text, names)  # noqa: S102 - the test's own words
        except BaseException:
            problem = traceback.format_exc()
        beside = Path(folder) / f"{number}.part"
        beside.write_text(json.dumps({"answer": names["answer"], "problem": problem}, default=str))
        beside.replace(Path(folder) / f"{number}.json")
        number += 1
        if text == "quit":
            return
