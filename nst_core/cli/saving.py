"""Saving a finished painting under a name that another run may have taken since this one began."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice, OnNotice
from nst_core.images.display_name import display_name
from nst_core.images.file_io import FileState, file_state
from nst_core.images.file_names import fit_name
from nst_core.images.picture import Picture
from nst_core.images.write import write_picture


class OutputFile(NamedTuple):
    """The file to write, and what was there when the run began; ``state`` is None if nothing was."""

    path: Path
    force: bool
    state: FileState | None

    @classmethod
    def look_up(cls, path: Path, *, force: bool) -> OutputFile:
        """Remember what is at ``path`` now."""
        return cls(path, force, file_state(path))

    def is_unchanged(self) -> bool:
        """Return whether no other program has written the file since."""
        return file_state(self.path) == self.state


def save_painting(
    picture: Picture,
    output: OutputFile,
    metadata: Mapping[str, str],
    on_notice: OnNotice,
    *,
    keep_location: bool = False,
) -> Path:
    """Write a painting and return its path: the next free name if another run has written the file meanwhile.

    ``metadata``, ``on_notice`` and ``keep_location`` are those of
    :func:`~nst_core.images.write.write_picture`.

    Raises:
        NstError: ``unwritable-output``, ``disk-full``, ``too-large`` or ``out-of-memory``.
    """
    path, force = output.path, output.force and output.is_unchanged()
    for number in itertools.count(2):
        try:
            write_picture(
                picture,
                path,
                force=force,
                metadata=metadata,
                on_notice=on_notice,
                keep_location=keep_location,
            )
        except NstError as error:
            if error.code is not ErrorCode.OUTPUT_EXISTS:
                raise
            force = False
            end = f"-{number}{output.path.suffix}"
            path = output.path.with_name(fit_name(output.path.stem, end, output.path.parent))
        else:
            break
    if path != output.path:
        message = f"{display_name(output.path)} was written by another program during this run."
        on_notice(Notice("other-name", message, f"This painting is in {display_name(path)}."))
    return path
