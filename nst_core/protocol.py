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

PROTOCOL = 1

JOB_PREFIX = "nst-job-"
"""Job directories begin so; the engine refuses to delete any other folder."""
