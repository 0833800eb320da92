"""Saves a painted image in any format that GIMP writes, with the metadata of the photograph.

Belongs to inside_gimp.py and runs in GIMP's Python.
"""

from __future__ import annotations

import os
from contextlib import suppress

from claims import private_path
from gi.repository import Gimp, Gio

EXPORTERS = {
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "jpe": "jpeg",
    "png": "png",
    "tif": "tiff",
    "tiff": "tiff",
    "webp": "webp",
    "heic": "heif",
    "heif": "heif",
    "avif": "heif-av1",
    "jxl": "jpegxl",
    "psd": "psd",
}
"""Suffix -> the middle of the name of GIMP's procedure, for formats that hold metadata. GIMP's general call
leaves the metadata and the colour profile out if its preferences say so."""

LAYERED = ("psd",)
"""Formats of EXPORTERS that keep the layers."""

METADATA_OPTIONS = ("include-exif", "include-xmp", "include-iptc", "include-comment")


def save(image, path: str, extension: str) -> None:
    """Save an image under a temporary name, then rename it, so that no result is ever half written.

    Raises:
        RuntimeError: GIMP cannot write to this folder or in this format.
    """
    temporary = private_path(path, f".part.{extension}")  # GIMP needs the whole suffix, such as xcf.gz
    try:
        if not _write(image, Gio.File.new_for_path(temporary), extension):
            raise RuntimeError(Gimp.get_pdb().get_last_error() or f"{path} cannot be written.")
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def check_format(folder: str, extension: str) -> str:
    """Save a tiny image in ``folder``. Return "", or the reason why results cannot be written there."""
    image = Gimp.Image.new(1, 1, Gimp.ImageBaseType.RGB)
    layer = Gimp.Layer.new(image, "", 1, 1, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    file = Gio.File.new_for_path(private_path(os.path.join(folder, "format"), f".part.{extension}"))
    try:
        done = _write(image, file, extension) and file.query_exists(None)
        return "" if done else Gimp.get_pdb().get_last_error() or "It cannot be written."
    finally:
        image.delete()
        with suppress(FileNotFoundError):
            os.unlink(file.get_path())


def _is_opaque(image) -> bool:
    """Return whether a layer that hides nothing and lets nothing through fills the image."""
    size = (image.get_width(), image.get_height())
    return any(
        layer.get_visible()
        and not layer.has_alpha()
        and layer.get_mask() is None
        and layer.get_opacity() == 100.0
        and (layer.get_width(), layer.get_height()) == size
        and layer.get_offsets()[1:] == (0, 0)
        for layer in image.get_layers()
    )


def _write(image, file, extension: str) -> bool:
    name = EXPORTERS.get(extension, "")
    procedure = Gimp.get_pdb().lookup_procedure(f"file-{name}-export") if name else None
    if procedure is None:
        return Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    if extension not in LAYERED and _is_opaque(image):
        image.flatten()  # GIMP would add an alpha channel when it merges the layers
    image.set_unit(Gimp.Unit.inch())  # JPEG rounds the resolution to whole pixels per inch or centimetre
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_property("file", file)
    options = dict.fromkeys(METADATA_OPTIONS, True)
    options["include-color-profile"] = image.get_color_profile() is not None
    options["include-thumbnail"] = False
    for option, value in options.items():
        if config.find_property(option) is not None:
            config.set_property(option, value)
    return procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
