"""Opens picture files through GIMP, with workarounds for faults of GIMP 3.0.

Takes a Gio.File and returns a Gimp.Image, which the caller deletes. Photographs are turned upright, and of
several pictures in a file only one is kept. Colours stay in the file's own profile. None of this depends on
GIMP's preferences.
"""

from __future__ import annotations

import struct
from pathlib import Path

from gi.repository import Gimp

from nst_gimp.image import complete_files, metadata
from nst_gimp.image.file_kinds import kind_of_file
from nst_gimp.text.messages import CallError, UserError
from nst_gimp.text.words import _

DIRECT_LOADERS = {
    ".svg": "file-svg-load",
    ".svgz": "file-svg-load",
    ".pcx": "file-pcx-load",
    ".pcc": "file-pcx-load",
}
"""Files to open by a procedure of their own, to which GIMP 3.0's general call passes impossible arguments."""

FIRST_IS_LOWEST = ("gif", "webp", "fli", "tiff", "pdf")
"""Kinds whose frames or pages GIMP opens as layers, the first one lowest."""

PAGED = ("tiff", "pdf")
"""Kinds with pages, which may differ in size. The image becomes as large as the first one."""

SEQUENCE_BRANDS = (b"avis", b"msf1", b"hevc", b"hevx")
"""Types of HEIF files with an animation in them."""

THUMBNAIL_SIDE = 256
"""GIMP stores a thumbnail of at most so many pixels as a second page of a TIFF."""

NO_REASONS = ("", "success", "execution error", "calling error")
"""GIMP's last error if a file procedure gave no reason for failing."""

SEARCHED_BYTES = 65536
"""The number of frames is in so many of the first bytes of a file."""


def display_name(file) -> str:
    """Return a file's name in messages: its path, or else its URI."""
    return file.get_path() or file.get_uri()


def missing_file_error(file) -> CallError:
    """Return the error for a file that does not exist."""
    return CallError(_("There is no file {path}.").format(path=display_name(file)), _("Choose another file."))


def load(file, notices=None):
    """Open a picture file.

    ``notices`` is a list that gets a sentence if only one of several frames or pages is kept.

    Raises:
        CallError: the file does not exist.
        UserError: it is damaged, or GIMP cannot open it.
    """
    if not file.query_exists(None):
        raise missing_file_error(file)
    _check_complete(file)
    image = _load_directly(file) or Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    if image is None:
        reason = " ".join((Gimp.get_pdb().get_last_error() or "").split())
        raise UserError(
            _("GIMP cannot open the file {path}.").format(path=display_name(file)),
            _("Choose a picture that GIMP can open.")
            if reason in NO_REASONS
            else _("GIMP says: {reason}").format(reason=as_sentence(reason)),
        )
    count = max(_keep_one_picture(image, file), _count_unread_frames(file))
    if count > 1 and notices is not None:
        notices.append(
            _("The file has {count} frames or pages. Only the first one is used.").format(count=count)
        )
    metadata.turn_upright(image)
    return image


def as_sentence(reason: str) -> str:
    """Return GIMP's ``reason`` with a full stop, which not all of its messages have."""
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."


def _check_complete(file) -> None:
    path = file.get_path()
    if path is None:  # it is not on this machine
        return
    hint = _("Copy it again, or choose another file.")
    try:
        if Path(path).is_file() and Path(path).stat().st_size == 0:
            raise UserError(_("The file {path} is empty.").format(path=path), hint)
        is_cut_short = complete_files.is_cut_short(path)
    except OSError:  # GIMP says why
        return
    if is_cut_short:
        raise UserError(
            _("The file {path} is damaged: the end of the picture is missing.").format(path=path), hint
        )


def _load_directly(file):
    """Open a file by the procedure for its suffix in DIRECT_LOADERS; return None if there is none."""
    name = DIRECT_LOADERS.get(Path((file.get_basename() or "").lower()).suffix)
    procedure = Gimp.get_pdb().lookup_procedure(name) if name else None
    if procedure is None:
        return None
    config = procedure.create_config()
    config.set_property("file", file)
    values = procedure.run(config)
    return values.index(1) if values.index(0) == Gimp.PDBStatusType.SUCCESS else None


def _keep_one_picture(image, file) -> int:
    """Remove all frames or pages but the first, and all sizes of an icon but the largest.

    Return the number of frames or pages that there were.
    """
    kind = kind_of_file(file.get_path() or "")
    pictures = image.get_layers()
    if len(pictures) < 2 or kind not in (*FIRST_IS_LOWEST, "icon"):
        return 1
    kept = max(pictures, key=_longest_side) if kind == "icon" else pictures[-1]
    large = [layer for layer in pictures if _longest_side(layer) > THUMBNAIL_SIDE]
    count = len(large if kind == "tiff" and kept in large else pictures)
    for layer in pictures:
        if layer != kept:
            image.remove_layer(layer)
    if kind in PAGED:
        image.crop(kept.get_width(), kept.get_height(), *kept.get_offsets()[1:])
    return 1 if kind == "icon" else count


def _longest_side(layer) -> int:
    return max(layer.get_width(), layer.get_height())


def _count_unread_frames(file) -> int:
    """Return the number of frames of a kind of animation of which GIMP opens only the first, else 0."""
    path = file.get_path()
    kind = kind_of_file(path or "")
    if kind not in ("png", "heif"):
        return 0
    with open(path, "rb") as opened:
        data = opened.read(SEARCHED_BYTES)
    if kind == "png":
        position = data.find(b"acTL", 0, data.find(b"IDAT"))
        return struct.unpack_from(">I", data, position + 4)[0] if position > 0 else 0
    position = data.find(b"stsz") if data[8:12] in SEQUENCE_BRANDS else -1
    return struct.unpack_from(">I", data, position + 12)[0] if 0 < position < len(data) - 16 else 0
