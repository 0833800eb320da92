"""The messages between the engine's process and whoever started it (GIMP's plug-in).

A request goes in, as one line of JSON on stdin, which stays open; events come out, one JSON object a
line, on stdout. Pixels travel as raw files in the job directory, named in the request, little-endian,
row by row, without a header. stderr is the log and never part of the contract.

Request ``{"protocol": 1, "command": "stylize", ...}``:

=============  =====================================================================================
job_directory  an existing private folder, named ``nst-job-...``; the engine deletes it when stdin ends
content        ``{"path", "width", "height", "channels"}``: float32 0..1, sRGB-like encoding, 1 grey,
               2 grey + alpha, 3 RGB, 4 RGB + alpha (alpha straight, not premultiplied)
styles         a list of the same, each with an optional ``"weight"`` (1.0), ``"name"``, ``"part"`` (a mask
               of the part of the picture that the style is taken from) and ``"fine"`` (a picture as above,
               whose strokes are taken with this one's composition); empty where there are regions: what
               no region covers then stays as it was
regions        optional list of ``{"mask", "styles", "name", "keep_colors"}``: a mask, a list like ``styles``
               that is blended there, what reports and notices call it, and, if it differs there, what the
               setting of that name says for all
selection      optional mask: what lies outside takes no part in anything and stays as it was
strength_mask  optional mask: how strongly each pixel is painted, from 0, as it was, to 1
settings       names and values of :class:`nst_core.settings.Settings`; what is left out has its default
result         path to write: float32, the content's width, height and channels
preview        optional ``{"path", "max_side", "seconds"}``: previews are written there, 8-bit RGB, by rename
=============  =====================================================================================

A mask is ``{"path", "width", "height", "channels": 1}``: float32 0..1, of the shape of its picture (masks of
another size are resized). That of a region may say ``"covered": [left, top, right, bottom]``, the box outside
of which it is 0; plans, which read no pixels, go by it. Where masks are 0 the result is the content to the
bit, in between the two are mixed; so a caller that shows the result through a soft selection gives the
selection as 0 and 1. The notice ``empty-region`` tells of a region too small for a layer, ``fine-style`` that
styles are combined first.

Other commands: ``plan`` (the same fields less result and preview; sizes alone count, so that the files need
not be there; answers with a plan event, then ``done``), ``doctor`` (answers
``{"event": "doctor", "report": {...}, "text": ...}``, the report's words for people, then ``done``).

While it runs, the caller may write ``{"command": "stop"}``: finish now, with the best picture so far.
After ``done`` or ``error`` it may write another request, with the same job directory: a process that stays is
warm. Each request is answered before the next is looked at.
The end of stdin means that the caller is gone, or has taken the result: the engine stops at once,
deletes the job directory and exits.

The environment variable NST_JOB_DIRECTORY may name the job directory before the request does, so that the
engine deletes it even if the caller dies while it is still writing pixels.

Events out, in order: ``hello`` (always first), ``plan``, then ``progress``, ``preview`` and ``notice``
in any order, and one ``done`` or ``error`` last; with further requests the same again, without ``hello``. A
reader ignores events it does not know.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nst_core import __version__
from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.settings import KeepColors

PROTOCOL = 1

JOB_PREFIX = "nst-job-"
"""Job directories begin so; the engine refuses to delete any other folder."""


LARGEST_REQUEST = 1 << 20
"""Bytes of the request line; it holds names and numbers, no pixels."""


class Pixels(BaseModel):
    """A raw float32 file in the job directory."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    path: Path
    width: int = Field(ge=1, le=1_000_000)
    height: int = Field(ge=1, le=1_000_000)
    channels: int = Field(ge=1, le=4)
    weight: float = Field(1.0, ge=0.0, le=1e6, allow_inf_nan=False)
    name: str = ""


class RegionMask(Pixels):
    """A region's mask; ``covered`` is the box (left, top, right, bottom) outside of which it is 0.

    Plans alone go by it, for they read no pixels.
    """

    covered: tuple[int, int, int, int] | None = None

    @model_validator(mode="after")
    def _check_box(self) -> RegionMask:
        left, top, right, bottom = self.covered or (0, 0, self.width, self.height)
        if not (0 <= left < right <= self.width and 0 <= top < bottom <= self.height):
            raise ValueError("the box does not lie in the mask")
        return self


class StylePixels(Pixels):
    """A style picture; ``part`` masks what of it is taken, ``fine`` is the picture with the strokes."""

    part: Pixels | None = None
    fine: Pixels | None = None


class RegionRequest(BaseModel):
    """A part of the content with styles of its own, and its own word on colours where there is one."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    mask: RegionMask
    styles: list[StylePixels] = Field(min_length=1)
    name: str = ""
    keep_colors: KeepColors | None = None


class PreviewRequest(BaseModel):
    """Where previews go and how large and how often they may be."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    path: Path
    max_side: int = Field(512, ge=16, le=8192)
    seconds: float = Field(1.0, ge=0.0, allow_inf_nan=False)


class Request(BaseModel):
    """The one request line."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    protocol: int
    command: str
    job_directory: Path | None = None
    content: Pixels | None = None
    styles: list[StylePixels] = []
    regions: list[RegionRequest] = []
    selection: Pixels | None = None
    strength_mask: Pixels | None = None
    settings: dict[str, Any] = {}
    result: Path | None = None
    preview: PreviewRequest | None = None


def checked_directory(path: Path | None) -> Path:
    """Return the job directory, if it is one that may be deleted.

    Raises:
        NstError: ``protocol`` where it is not an existing, private folder of this user named ``nst-job-...``.
    """
    refused = NstError(ErrorCode.PROTOCOL, f"{path} is not a job directory.", "It must be named nst-job-...")
    if path is None or not path.is_absolute() or not path.name.startswith(JOB_PREFIX):
        raise refused
    if path.is_symlink() or not path.is_dir():
        raise refused
    if hasattr(os, "getuid") and (path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o077):
        raise refused
    return path.resolve()


def parse_request(line: bytes | None) -> Request:
    """Read the request line.

    Raises:
        NstError: ``protocol``, also for another protocol number than this engine speaks.
    """
    try:
        message = json.loads(line or b"")
        number = message.get("protocol")
        if number != PROTOCOL:
            raise NstError(
                ErrorCode.PROTOCOL,
                f"The caller speaks protocol {number}, this engine ({__version__}) speaks {PROTOCOL}.",
                "Install the plug-in and the engine of the same version.",
            )
        return Request.model_validate(message)
    except (ValueError, AttributeError, ValidationError) as error:
        raise NstError(ErrorCode.PROTOCOL, f"The request cannot be read: {_first_line(error)}.") from None


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
    return first_line(error)
