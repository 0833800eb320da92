"""Run Python commands from a test inside a GIMP with windows: commands in files, answers in files."""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path

POLL_SECONDS = 0.05


def serve(folder: str, names: dict) -> None:
    """Execute 0.py, 1.py, ... as they appear; the value they leave in ``answer`` goes into 0.json, ...

    Ends after the command "quit", or when the folder is gone.
    """
    number = 0
    while True:
        command = Path(folder) / f"{number}.py"
        while not command.exists():
            if not Path(folder).exists():
                return
            time.sleep(POLL_SECONDS)
        text = command.read_text()
        names["answer"] = problem = None
        try:
            if text != "quit":
                exec(text, names)  # noqa: S102 - the test's own words
        except BaseException:
            problem = traceback.format_exc()
        partial = Path(folder) / f"{number}.part"
        partial.write_text(json.dumps({"answer": names["answer"], "problem": problem}, default=str))
        partial.replace(Path(folder) / f"{number}.json")
        number += 1
        if text == "quit":
            return
