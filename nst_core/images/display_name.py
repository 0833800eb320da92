"""File names for messages: one line, with nothing in it that could control a terminal.

Names come from outside and may contain line breaks, escape sequences or bytes that are not text.
"""

from __future__ import annotations

import os
from pathlib import Path

from nst_core.contract import printable

LONGEST_PATH = 200
"""Characters of a path in a message."""


def display_name(path: str | os.PathLike[str]) -> str:
    """Return ``path`` for a message: unprintable characters escaped, a very long path cut in the middle."""
    return printable(str(Path(path)), LONGEST_PATH)
