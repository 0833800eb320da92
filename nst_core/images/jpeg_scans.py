"""Counting the scans of a JPEG file before it is decoded.

A progressive JPEG sends its picture in several scans, and the decoder goes through all pixels for each. Sixty
empty scans take a few hundred bytes and many seconds. Takes a file's bytes; the sections are those of ITU
T.81.
"""

from __future__ import annotations

import re

from nst_core.errors import ErrorCode, NstError

MOST_SCANS = 20
"""libjpeg and its optimizers write about ten."""

LARGEST_WORK = 1 << 30
"""Pixels times scans that any number of scans may have: half a second of decoding."""

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""A marker other than those within the data of a scan (section B.1.1.2)."""

START_OF_SCAN, END_OF_IMAGE, START_OF_IMAGE = 0xDA, 0xD9, 0xD8


def check_scans(data: bytes, pixels: int, name: str) -> None:
    """Check that the JPEG ``data`` of so many pixels is decoded in reasonable time.

    Raises:
        NstError: ``bad-image``; the message calls the file ``name``.
    """
    scans = count_scans(data)
    if scans > MOST_SCANS and scans * pixels > LARGEST_WORK:
        raise NstError(
            ErrorCode.BAD_IMAGE,
            f"{name} is a JPEG picture in {scans} scans, many more than programs write, "
            "and would take very long to read.",
            "Open it in a photo program and save it again.",
        )


def count_scans(data: bytes) -> int:
    """Return the number of scans of the first picture in ``data``."""
    scans, position = 0, 0
    while (marker := MARKER.search(data, position)) is not None:
        kind, position = data[marker.start() + 1], marker.end()
        if kind == END_OF_IMAGE:
            break
        scans += kind == START_OF_SCAN
        if kind != START_OF_IMAGE:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return scans
