"""The private folder through which pixels travel, and the engine request that names the files in it.

Takes plain values and returns a dictionary for :meth:`EngineProcess.send`. Does not depend on GIMP or on the
engine's process.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from nst_gimp.settings.contract import JOB_PREFIX, PROTOCOL
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

STALE_SECONDS = 24 * 3600.0
PREVIEW_SIDE = 900
"""Long side, in pixels, of the previews that the painting window asks for. The engine's own limit is
``LARGEST_PREVIEW_SIDE`` in nst_core/painting/progress.py; the protocol's default is ``max_side`` of
``PreviewRequest`` in nst_core/worker/protocol.py."""

PREVIEW_SECONDS = 1.0
PREVIEW = (PREVIEW_SIDE, PREVIEW_SECONDS)

PixelFile = namedtuple("PixelFile", "path width height channels")
"""A raw file of float32. ``channels``: 1 is grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha."""


class JobFolder:
    """A temporary folder for one job. The engine deletes it when it ends; leaving the context makes sure."""

    def __init__(self) -> None:
        delete_stale_folders()
        try:
            self.directory = tempfile.mkdtemp(prefix=JOB_PREFIX)
        except OSError as error:
            raise disk_error(error) from None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name: str) -> str:
        """Return the path of the file ``name`` in this folder."""
        return os.path.join(self.directory, name)

    def build_request(
        self, content: PixelFile, inputs: dict, settings: dict, preview=None, command="stylize"
    ) -> dict:
        """Return the engine request for ``content``.

        ``inputs`` are further fields: styles, regions and masks, see ``run/inputs.py``. ``preview`` is
        (longest side, seconds between two previews), or None. ``command`` is "stylize" or "plan"; a plan has
        no result.
        """
        request = {
            "protocol": PROTOCOL,
            "command": command,
            "job_directory": self.directory,
            "content": content._asdict(),
            "settings": {name: value for name, value in settings.items() if name != "style-crop"},
            **inputs,
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

    def check_result(self, content: PixelFile, done: dict) -> str:
        """Return the path of the result. ``done`` is the engine's last event.

        Raises:
            UserError: the file is missing or does not have the content's size.
        """
        path = self.path("result.f32")
        expected_bytes = content.width * content.height * content.channels * 4
        shape = tuple(done.get(name, getattr(content, name)) for name in ("width", "height", "channels"))
        right_size = os.path.isfile(path) and os.path.getsize(path) == expected_bytes
        if not right_size or shape != tuple(content[1:]):
            raise UserError(
                _("The engine returned a picture of the wrong size."),
                _("Your image was not changed. Run the installer again."),
                "protocol",
            )
        return path

    def read_preview(self, event: dict):
        """Return the bytes of a preview, or None if a preview of another size has already replaced it."""
        try:
            data = Path(event["path"]).read_bytes()
            return data if len(data) == event["width"] * event["height"] * 3 else None
        except (OSError, KeyError, TypeError):
            return None


def delete_stale_folders(folder: str = "") -> None:
    """Delete this user's job folders that a crash of the machine left behind a day or more ago."""
    folder = folder or tempfile.gettempdir()
    try:
        with os.scandir(folder) as entries:
            stale = [entry for entry in entries if entry.name.startswith(JOB_PREFIX) and _is_stale(entry)]
    except OSError:
        return
    for entry in stale:
        shutil.rmtree(entry.path, ignore_errors=True)


def _is_stale(entry) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    is_mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if not (is_mine and entry.is_dir(follow_symlinks=False)):
        return False
    try:
        newest = max([status.st_mtime, *(item.stat().st_mtime for item in os.scandir(entry.path))])
    except OSError:
        return False
    return time.time() - newest > STALE_SECONDS


def disk_error(error: OSError) -> UserError:
    """Return the error for pixels that could not be written."""
    return UserError(
        _("The pixels could not be written to {path}: {reason}.").format(
            path=error.filename or tempfile.gettempdir(), reason=error.strerror or error
        ),
        _("Free some space there, or set TMPDIR to a folder on another disk."),
        "disk-full",
    )
