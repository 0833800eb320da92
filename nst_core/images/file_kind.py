"""Kinds of files that cannot be read as pictures, recognised by their first bytes and not by their names.

Phones, browsers and messengers store files under suffixes that do not fit. The message then has to say what
the file really is. Takes bytes and returns words; does not decode anything.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePath

from nst_core.errors import ErrorCode, NstError

HEAD_BYTES = 4096
"""Bytes at the start of a file that :func:`kind_of` needs: SVG and HTML may begin with long comments."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file: its ``name`` with an article, the ``suffixes`` that fit, and a hint what to do."""

    name: str
    suffixes: tuple[str, ...]
    hint: str


PHONE = "Export it as JPEG from the phone or a photo program."
DRAWING = "Export it as PNG from a drawing program."
DEVELOP = "Develop it and save it as TIFF or JPEG first."
CONVERT = "Open it in a photo program and export it as PNG or TIFF."
COPY = "Copy it again, or export it as PNG."
WRONG_FILE = "Give the picture itself."

HEIC = FileKind("a HEIC picture", (".heic", ".heif", ".hif"), PHONE)
AVIF = FileKind("an AVIF picture", (".avif", ".avifs"), PHONE)
JPEG_XL = FileKind("a JPEG XL picture", (".jxl",), CONVERT)
XCF = FileKind("a GIMP image", (".xcf",), "Export it as PNG or TIFF from GIMP.")
SVG = FileKind("an SVG drawing", (".svg",), DRAWING)
PDF = FileKind("a PDF document", (".pdf", ".ai"), "Export the page as PNG or TIFF.")
POSTSCRIPT = FileKind("a PostScript file", (".ps", ".eps", ".ai"), DRAWING)
WEB_PAGE = FileKind(
    "a web page",
    (".html", ".htm", ".xhtml"),
    "The browser saved the page instead of the picture. Open the picture itself in the browser and save it.",
)
VIDEO = FileKind("a video", (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm"), "Export a frame of it as PNG.")
SOUND = FileKind("a sound file", (".mp3", ".wav", ".ogg", ".flac"), WRONG_FILE)
RAW = FileKind("a raw photograph", (), DEVELOP)
ARCHIVE = FileKind(
    "an archive or a document", (".zip", ".docx", ".kra", ".ora"), "Unpack it, or export the picture as PNG."
)
COMPRESSED = FileKind("a compressed file", (".gz", ".bz2", ".xz", ".7z", ".rar", ".zst"), "Unpack it first.")
OFFICE = FileKind("a document or a folder's thumbnails", (".doc", ".db", ".ppt"), WRONG_FILE)
MAC_NOTE = FileKind("a note that macOS keeps beside a file", (), WRONG_FILE)
ZEROS = FileKind("empty: it consists of zeros", (), "It was not copied completely. Copy it again.")
TEXT = FileKind("a text file", (".txt", ".json", ".xml", ".csv", ".md", ".log"), WRONG_FILE)

PICTURES = {
    b"\x89PNG\r\n\x1a\n": FileKind("a PNG picture", (".png", ".apng"), COPY),
    b"\xff\xd8\xff": FileKind("a JPEG picture", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), COPY),
    b"GIF8": FileKind("a GIF picture", (".gif",), COPY),
    b"8BPS": FileKind("a Photoshop picture", (".psd", ".psb"), CONVERT),
    b"II*\0": FileKind("a TIFF picture", (".tif", ".tiff"), COPY),
    b"MM\0*": FileKind("a TIFF picture", (".tif", ".tiff"), COPY),
}
"""Kinds that can be read, so a file of such a kind that cannot be read is damaged."""

SIGNATURES = {
    b"gimp xcf": XCF,
    b"%PDF-": PDF,
    b"%!PS": POSTSCRIPT,
    b"\xc5\xd0\xd3\xc6": POSTSCRIPT,
    b"\xff\x0a": JPEG_XL,
    b"\0\0\0\x0cJXL \r\n\x87\n": JPEG_XL,
    b"v/1\x01": FileKind("an OpenEXR picture", (".exr",), CONVERT),
    b"#?RADIANCE": FileKind("a Radiance HDR picture", (".hdr", ".pic"), CONVERT),
    b"#?RGBE": FileKind("a Radiance HDR picture", (".hdr", ".pic"), CONVERT),
    b"II\xbc\x01": FileKind("a JPEG XR picture", (".jxr", ".wdp", ".hdp"), CONVERT),
    b"FUJIFILMCCD-RAW": RAW,
    b"IIRO": RAW,
    b"IIRS": RAW,
    b"MMOR": RAW,
    b"IIU\0": RAW,
    b"\0MRM": RAW,
    b"FOVb": RAW,
    b"PK\x03\x04": ARCHIVE,
    b"\x1f\x8b": COMPRESSED,
    b"BZh": COMPRESSED,
    b"\xfd7zXZ\0": COMPRESSED,
    b"7z\xbc\xaf": COMPRESSED,
    b"Rar!": COMPRESSED,
    b"\x28\xb5\x2f\xfd": COMPRESSED,
    b"\x1aE\xdf\xa3": VIDEO,
    b"ID3": SOUND,
    b"OggS": SOUND,
    b"fLaC": SOUND,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": OFFICE,
    b"\0\x05\x16\x07": MAC_NOTE,
    b"\0\x05\x16\0": MAC_NOTE,
}

ISO_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), HEIC),
    **dict.fromkeys((b"avif", b"avis"), AVIF),
    b"crx ": RAW,
}
"""Brands of files in the ISO base media format (ISO 14496-12, section 4.3); the others are videos."""

RIFF_FORMS = {b"AVI ": VIDEO, b"WAVE": SOUND, b"WEBP": FileKind("a WebP picture", (".webp",), COPY)}


def kind_of(head: bytes) -> FileKind | None:
    """Return the kind of a file that begins with ``head``, or None if it is not known."""
    if is_raw(head):
        return RAW
    if head[4:8] == b"ftyp":
        if head[8:12] in (b"mif1", b"msf1") and b"avif" in head[16:64]:
            return AVIF
        return ISO_BRANDS.get(head[8:12], VIDEO)
    if head.startswith(b"RIFF") and head[8:12] in RIFF_FORMS:
        return RIFF_FORMS[head[8:12]]
    for signature, kind in (*PICTURES.items(), *SIGNATURES.items()):
        if head.startswith(signature):
            return kind
    if head and not head.strip(b"\0"):
        return ZEROS
    return _kind_of_text(head)


def is_raw(head: bytes) -> bool:
    """Return whether a file is Canon's CR2, a TIFF whose first picture is a thumbnail."""
    return head[:4] == b"II*\0" and head[8:10] == b"CR"


def is_jpeg(head: bytes) -> bool:
    """Return whether a file is a JPEG picture."""
    return head.startswith(b"\xff\xd8\xff")


def read_head(file: io.BufferedReader) -> bytes:
    """Return the first bytes of ``file``, and leave it at its beginning."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return head


def _kind_of_text(head: bytes) -> FileKind | None:
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace").lower()
    if text.lstrip().startswith("<"):
        if "<svg" in text:
            return SVG
        if any(tag in text for tag in ("<!doctype html", "<html", "<head", "<body")):
            return WEB_PAGE
    # The last character may be cut in the middle.
    printable = all(character.isprintable() or character in "\t\r\n\f" for character in text[:-1])
    return TEXT if text and printable and "\ufffd" not in text[:-1] else None


def kind_by_suffix(suffix: str) -> FileKind | None:
    """Return the kind, among those that cannot be read, whose files are named ``.suffix``."""
    kinds = (HEIC, XCF, SVG, PDF, JPEG_XL, AVIF)
    return next((kind for kind in kinds if suffix.lower() in kind.suffixes), None)


def unreadable_error(name: str, path: PurePath, head: bytes, *, readable: bool = False) -> NstError:
    """Return the error about a file that no decoder knows; messages call it ``name``.

    ``readable``: other files of its kind can be read here, so this one is damaged.
    """
    kind, suffix = kind_of(head), path.suffix.lower()
    if kind is None:
        expected = kind_by_suffix(suffix)
        return NstError(
            ErrorCode.BAD_IMAGE,
            f"{name} is not a picture in a format that can be read.",
            expected.hint if expected else "Use PNG, TIFF, JPEG, WebP or another common format.",
        )
    misnamed = kind.suffixes and suffix and suffix not in kind.suffixes
    message = f"{name} is {kind.name}{f', though its name ends in {suffix}' if misnamed else ''}"
    if readable or kind in PICTURES.values():
        message += f"{', and' if misnamed else ' that'} is damaged or cut short"
    elif not misnamed and kind not in (ZEROS, TEXT):
        message += ", which cannot be read"
    return NstError(ErrorCode.BAD_IMAGE, f"{message}.", kind.hint)
