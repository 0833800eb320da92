"""File names for messages: one line, with nothing in it that could control a terminal.

Names come from outside and may contain line breaks, escape sequences or bytes that are not text.
"""

from __future__ import annotations

import os
from pathlib import Path


def display_name(path: str | os.PathLike[str]) -> str:
    """Return ``path`` for a message: unprintable characters escaped, a very long path cut in the middle."""
    text = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(Path(path))
    )
    return text if len(text) <= 200 else f"{text[:90]}...{text[-90:]}"
