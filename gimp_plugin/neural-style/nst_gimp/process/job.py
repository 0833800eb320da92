"""The private folder through which pixels travel, and the request that names what is in it.

Comes from plain values, goes out as a dictionary for :meth:`Engine.send`. Knows neither GIMP nor the
engine's process.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from nst_gimp.process.engine import PROTOCOL
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

PREFIX = "nst-job-"
STALE_SECONDS = 24 * 3600.0
PREVIEW_SIDE = 900
PREVIEW_SECONDS = 1.0
PREVIEW = (PREVIEW_SIDE, PREVIEW_SECONDS)

Pixels = namedtuple("Pixels", "path width height channels")
"""A raw file of float32: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha."""


class Job:
    """A job directory. The engine deletes it once it knows of it; leaving the context makes sure."""

    def __init__(self) -> None:
        sweep()
        try:
            self.folder = tempfile.mkdtemp(prefix=PREFIX)
        except OSError as error:
            raise disk_error(error) from None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name: str) -> str:
        """Return where the file called ``name`` goes."""
        return os.path.join(self.folder, name)

    def request(
        self, content: Pixels, ingredients: dict, settings: dict, preview=None, command="stylize"
    ) -> dict:
        """Return the request to paint ``content``; ``ingredients`` are fields of it, see that module.

        ``preview`` is (largest side, seconds between two), or None for none. A ``plan`` names no result.
        """
        request = {
            "protocol": PROTOCOL,
            "command": command,
            "job_directory": self.folder,
            "content": content._asdict(),
            "settings": {name: value for name, value in settings.items() if name != "style-crop"},
            **ingredients,
        }
        if command == "stylize":
            request["result"] = self.path("result.f32")
        if preview:
            request["preview"] = {
                "path": self.path("preview.rgb"),
                "max_side": preview[0],
                "seconds": preview[1],
            }
        return request

    def check_result(self, content: Pixels, done: dict) -> str:
        """Return the path of the result.

        Raises:
            UserError: it is not there or has not the content's size.
        """
        path = self.path("result.f32")
        expected = content.width * content.height * content.channels * 4
        said = tuple(done.get(name, getattr(content, name)) for name in ("width", "height", "channels"))
        if not os.path.isfile(path) or os.path.getsize(path) != expected or said != tuple(content[1:]):
            raise UserError(
                _("The engine returned a picture of the wrong size."),
                _("Run the installer again; the image was not touched."),
                "protocol",
            )
        return path

    def read_preview(self, event: dict):
        """Return the preview's bytes, or None where the file has already been replaced by another size."""
        try:
            data = Path(event["path"]).read_bytes()
            return data if len(data) == event["width"] * event["height"] * 3 else None
        except (OSError, KeyError, TypeError):
            return None


def sweep(folder: str = "") -> None:
    """Delete job directories that a crash of the whole machine left behind a day or longer ago."""
    folder = folder or tempfile.gettempdir()
    try:
        with os.scandir(folder) as entries:
            old = [entry for entry in entries if entry.name.startswith(PREFIX) and _is_stale(entry)]
    except OSError:
        return
    for entry in old:
        shutil.rmtree(entry.path, ignore_errors=True)


def _is_stale(entry) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    directory = entry.is_dir(follow_symlinks=False)
    if not (mine and directory):
        return False
    try:
        newest = max([status.st_mtime, *(item.stat().st_mtime for item in os.scandir(entry.path))])
    except OSError:
        return False
    return time.time() - newest > STALE_SECONDS


def disk_error(error: OSError) -> UserError:
    """Say that the pixels could not be put down."""
    return UserError(
        _("The pixels could not be written to {path}: {reason}.").format(
            path=error.filename or tempfile.gettempdir(), reason=error.strerror or error
        ),
        _("Make room there, or set TMPDIR to a folder on another disk."),
        "disk-full",
    )
