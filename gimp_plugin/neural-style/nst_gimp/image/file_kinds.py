"""What kind of file a file is, by its name and its first bytes. Works without GIMP."""

from __future__ import annotations

import os

GIMP_SUFFIXES = """
.jpg .jpeg .jpe .jfif .png .apng .gif .webp .tif .tiff .bmp .dib .heic .heif .hif .avif .jxl .jp2 .j2k .j2c
.jpc .xcf .psd .psb .ora .psp .pspimage .psptube .svg .svgz .pdf .ps .eps .tga .vda .icb .vst .pcx .pcc .dcx
.dds .exr .hdr .ico .icns .cur .qoi .pnm .ppm .pgm .pbm .pfm .pam .sgi .rgb .rgba .bw .xpm .xbm .xwd .fits
.fit .fli .flc .dcm .dicom .sun .ras .wmf .pix .ff
"""
"""What GIMP 3 opens, if it has all its plug-ins."""

RAW_SUFFIXES = """
.3fr .ari .arw .bay .cap .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mdc .mef .mos .mrw .nef .nrw .orf
.pef .raf .raw .rdc .rw2 .rwl .sr2 .srf .srw .x3f
"""
"""Camera RAW, which GIMP opens through darktable or RawTherapee."""

PICTURE_SUFFIXES = frozenset(GIMP_SUFFIXES.split() + RAW_SUFFIXES.split())
"""Lower-case suffixes of pictures. If GIMP lacks what it needs to open one of them, it says so."""

PACKED_SUFFIXES = (".gz", ".bz2", ".xz")
"""GIMP also opens pictures that are compressed as a whole, such as photo.xcf.gz."""

HEAD_BYTES = 32
"""So many of the first bytes are enough for :func:`kind_of`."""

MAGIC = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF8", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (0, b"8BPS", "psd"),
    (0, b"gimp xcf", "xcf"),
    (4, b"ftypavif", "heif"),
    (4, b"ftypavis", "heif"),
    (4, b"ftyphei", "heif"),
    (4, b"ftyphev", "heif"),
    (4, b"ftypmif1", "heif"),
    (4, b"ftypmsf1", "heif"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"),
    (0, b"qoif", "qoi"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    (0, b"DDS ", "dds"),
    (0, b"\x01\xda", "sgi"),
    (6, b"\0\0\0\0", "bmp"),
    (4, b"\x11\xaf", "fli"),
    (4, b"\x12\xaf", "fli"),
    (0, b"%PDF-", "pdf"),
    (0, b"\0\0\1\0", "icon"),
    (0, b"\0\0\2\0", "icon"),
    (0, b"icns", "icon"),
)
"""(position, bytes there, kind)."""


def kind_of(head: bytes) -> str:
    """Return the kind of a file, such as "jpeg", from its first HEAD_BYTES, or "" if they do not show it."""
    for position, magic, kind in MAGIC:
        if not head.startswith(magic, position):
            continue
        if (kind == "webp" and head[:4] != b"RIFF") or (kind == "bmp" and head[:2] != b"BM"):
            continue
        return kind
    return ""


def kind_of_file(path: str) -> str:
    """Return the kind of the file at ``path``, or "" if its first bytes do not show it."""
    try:
        with open(path, "rb") as file:
            return kind_of(file.read(HEAD_BYTES))
    except OSError:
        return ""


def split_name(name: str) -> tuple:
    """Split the name of a file into its stem and its suffix: ("photo", ".xcf.gz")."""
    stem, suffix = os.path.splitext(name)
    if suffix.lower() in PACKED_SUFFIXES:
        inner_stem, inner_suffix = os.path.splitext(stem)
        if inner_suffix.lower() in PICTURE_SUFFIXES:
            return inner_stem, inner_suffix + suffix
    return stem, suffix


def has_picture_suffix(name: str) -> bool:
    """Return whether a file of that name is a picture, by its suffix."""
    suffix = split_name(name)[1].lower()
    return "." + suffix[1:].partition(".")[0] in PICTURE_SUFFIXES


def is_picture(path: str) -> bool:
    """Return whether a file is a picture: by its suffix, or by its first bytes if it has no suffix."""
    name = os.path.basename(path)
    return has_picture_suffix(name) or (not split_name(name)[1] and kind_of_file(path) != "")
