"""The protocol between the engine's process and the program that started it (GIMP's plug-in).

Requests are lines of JSON on stdin, which stays open; events are lines of JSON on stdout. Pixels are raw
files in the job directory, named in the request: little-endian, row by row, without a header. stderr is the
log and not part of the protocol.

Request ``{"protocol": 1, "command": "stylize", ...}``:

=============  =====================================================================================
job_directory  an existing private folder, named ``nst-job-...``; the engine deletes it when stdin ends
content        ``{"path", "width", "height", "channels"}``: float32 0..1, sRGB-like encoding, 1 grey,
               2 grey + alpha, 3 RGB, 4 RGB + alpha (straight alpha, not premultiplied)
styles         a list of the same, each with an optional ``"weight"`` (1.0), ``"name"``, ``"part"`` (a
               mask of the part of the picture that the style is taken from) and ``"fine"`` (a picture
               as above, whose strokes are used with this one's composition). May be empty if there are
               regions: pixels outside all regions then stay as they are
regions        optional list of ``{"mask", "styles", "name", "keep_colors"}``: a mask; a list like
               ``styles`` that is blended there; a name for reports and notices; and, if it differs
               there, the value of the setting ``keep_colors``
selection      optional mask: pixels outside it stay as they are and do not influence the result
strength_mask  optional mask: the style strength of each pixel, from 0 (unchanged) to 1
settings       names and values of :class:`nst_core.settings.Settings`; the rest have their defaults
result         path to write: float32, the content's width, height and channels. So a grey content stays
               grey, whatever ``keep_colors`` says
preview        optional ``{"path", "max_side", "seconds"}``: previews are written there, 8-bit RGB, by
               renaming a temporary file
states         optional path of a private folder of the caller, which the engine creates: the state of the
               run is kept there, and a run of the same pictures and settings goes on from it
=============  =====================================================================================

A mask is ``{"path", "width", "height", "channels": 1}``: float32 0..1, of the shape of its picture (masks of
another size are resized). A region's mask may have ``"covered": [left, top, right, bottom]``, a box outside
which it is 0; plans use the box, as they read no pixels. Where masks are 0, the result equals the content bit
for bit; between 0 and 1, the two are mixed. So a caller that shows the result through a soft selection sends
the selection as 0 and 1.

Other commands:

- ``plan``: the same fields without result and preview. Only sizes count, so the files need not exist. Answers
  with a plan event, then ``done``.
- ``film``: the same fields, but for ``content``, ``regions``, masks and ``states``, and with ``frames``:
  ``{"path", "width", "height", "channels", "count"}``, the frames of an animation in order. The path is a
  folder with raw files ``00000000.f32``, ``00000001.f32`` and so on. ``result`` is a folder that exists, and
  gets files of the same names; it may be that of the frames, which are then replaced. Frames are painted
  one after another and held together (see :mod:`nst_core.film`). ``plan``, with the seconds of all frames,
  their number ``frames`` and the number ``shots`` of shots, comes after a first look at them. ``progress``
  tells about the whole film, with ``frame`` and ``frames``; each finished frame is an event ``frame``, with
  its ``number``, from 1. A stop delivers the finished frames: ``done`` has their number, ``frames``. ``plan``
  with ``frames`` plans such a job, as one shot.
- ``fetch``: downloads and installs the network ``model`` (``vgg19`` or ``vgg16``). Answers with events
  ``{"event": "fetch", "phase", "done", "total"}``, where ``phase`` is ``wait``, ``download``, ``check`` or
  ``convert``, then ``done``. It goes on where an earlier download stopped.
- ``devices``: answers ``{"event": "devices", "cards": [{"device": "webgpu:1", "name": ...}]}``, the graphics
  cards that can be chosen, then ``done``.
- ``doctor``: answers ``{"event": "doctor", "report": {...}, "text": ...}``, where the text is the report for
  people, then ``done``.

During a run, the caller may write ``{"command": "stop"}``: finish now, with the best picture so far; or
``{"command": "cancel"}`` before it closes stdin: the state of the run is of no more use. It may
also write ``{"command": "set", "settings": {"color_layout": 40}}``: the latest preview is sent again with
that value, and later previews and the result have it. No other setting may change during a run; others are
ignored, and so are values out of range. After ``done`` or ``error`` the caller may write another request with
the same job directory; the process is warm then. Each request is answered before the next is read. The end of
stdin means that the caller is gone or has the result: the engine stops at once, deletes the job directory and
exits.

The environment variable NST_JOB_DIRECTORY may name the job directory before the request does, so that the
engine deletes it even if the caller dies while it is writing pixels.

Events, in order: ``hello`` (always first, with ``protocol`` and ``version``), ``plan``, then ``progress``,
``preview`` and ``notice`` in any order, and finally one ``done`` or ``error``. Further requests get the same
events without ``hello``. A ``preview`` has ``color_layout``, the value that it shows, unless that setting has
no effect on the job; ``settings`` of ``done`` has the result's. ``notice`` and ``error`` have ``code``,
``message`` and ``hint``. Notices include ``empty-region`` (a region is too small for a layer) and
``fine-style`` (styles are combined first). The ``device`` of ``plan`` and ``done`` is a name for people.
Readers ignore events and fields that they do not know, so additions do not change the protocol's number;
requests with another number are refused.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nst_core import __version__
from nst_core.contract import JOB_PREFIX, PROTOCOL
from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.settings import KeepColors, make_settings

LARGEST_REQUEST = 1 << 20
"""Most bytes of a request line; it contains names and numbers, no pixels."""


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
    """A region's mask. ``covered`` is the box (left, top, right, bottom) outside which it is 0.

    Only plans use the box, because they read no pixels.
    """

    covered: tuple[int, int, int, int] | None = None

    @model_validator(mode="after")
    def _check_box(self) -> RegionMask:
        left, top, right, bottom = self.covered or (0, 0, self.width, self.height)
        if not (0 <= left < right <= self.width and 0 <= top < bottom <= self.height):
            raise ValueError("the box is not inside the mask")
        return self


class StylePixels(Pixels):
    """A style picture. ``mask``, "part" in requests, selects a part; ``fine`` gives the strokes."""

    mask: Pixels | None = Field(None, alias="part")
    fine: Pixels | None = None


class RegionRequest(BaseModel):
    """A part of the content with its own styles and, if not None, its own ``keep_colors``."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    mask: RegionMask
    styles: list[StylePixels] = Field(min_length=1)
    name: str = ""
    keep_colors: KeepColors | None = None


class PreviewRequest(BaseModel):
    """The file for previews, their longest side in pixels, and the seconds between them."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    path: Path
    max_side: int = Field(512, ge=16, le=8192)
    seconds: float = Field(1.0, ge=0.0, allow_inf_nan=False)


class Frames(Pixels):
    """Frames of one size: ``path`` is the folder of ``count`` raw files."""

    count: int = Field(ge=1, le=100_000)

    def frame(self, number: int) -> Pixels:
        """Return the frame with that number, from 0."""
        return Pixels.model_validate({**dict(self), "path": self.path / f"{number:08}.f32"})


class Request(BaseModel):
    """A request."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    protocol: int
    command: str
    job_directory: Path | None = None
    content: Pixels | None = None
    frames: Frames | None = None
    styles: list[StylePixels] = []
    regions: list[RegionRequest] = []
    selection: Pixels | None = None
    strength_mask: Pixels | None = None
    settings: dict[str, Any] = {}
    result: Path | None = None
    preview: PreviewRequest | None = None
    states: Path | None = None
    model: str = ""


def check_job_directory(path: Path | None) -> Path:
    """Return the resolved path of the job directory, which the engine may delete.

    Raises:
        NstError: ``protocol`` if it is not an existing, private folder of this user named ``nst-job-...``.
    """
    error = NstError(
        ErrorCode.PROTOCOL,
        f"{path} is not a job directory.",
        f"It must be a private folder named {JOB_PREFIX}...",
    )
    if path is None or not path.is_absolute() or not path.name.startswith(JOB_PREFIX):
        raise error
    if path.is_symlink() or not path.is_dir():
        raise error
    if hasattr(os, "getuid") and (path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o077):
        raise error
    return path.resolve()


def parse_request(line: bytes) -> Request:
    """Parse a request line.

    Raises:
        NstError: ``protocol``, also if the request has another protocol number than this engine.
    """
    if not line:
        raise NstError(ErrorCode.PROTOCOL, f"A request must have 1 to {LARGEST_REQUEST} bytes.")
    try:
        message = json.loads(line)
        number = message.get("protocol")
        if number != PROTOCOL:
            raise NstError(
                ErrorCode.PROTOCOL,
                f"The plug-in (protocol {number}) and the engine (version {__version__}, protocol {PROTOCOL})"
                " do not belong together.",
                "Install the same version of the plug-in and the engine.",
            )
        return Request.model_validate(message)
    except (ValueError, AttributeError, OverflowError, RecursionError, ValidationError) as error:
        raise NstError(ErrorCode.PROTOCOL, f"The request cannot be read: {describe_error(error)}.") from None


def read_color_layout(message: dict[str, object]) -> float | None:
    """Return the ``color_layout`` that a "set" command asks for; None if there is none, or it is invalid."""
    settings = message.get("settings")
    value = settings.get("color_layout") if isinstance(settings, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return make_settings({"color_layout": value}).color_layout
    except NstError:
        return None


def describe_error(error: Exception) -> str:
    """Return the first line of an error's message; for an invalid request, the field and its problem."""
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
    return first_line(error)
