"""A result's files: small pictures of it and of what was painted, and its layer at full size.

The layer is kept in GIMP's own format, XCF, with its mask, its precision, its colour profile and its record.
"""

from __future__ import annotations

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, Gimp, Gio, GLib  # noqa: E402

from nst_gimp.image import previews, style  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402


def write_picture(picture, path) -> None:
    """Write a picture as PNG.

    Raises:
        OSError: the disk is full.
    """
    try:
        picture.savev(str(path), "png", [], [])
    except GLib.Error as error:
        raise OSError(error.message) from None


def read_picture(path):
    """Return a picture on a checkerboard, or None if it is not there."""
    try:
        return previews.on_checkerboard(GdkPixbuf.Pixbuf.new_from_file(str(path)))
    except GLib.Error:
        return None


def write_layer(layer, path) -> None:
    """Write a layer with everything that belongs to it.

    Raises:
        OSError: GIMP cannot write the file.
    """
    source = layer.get_image()
    image = Gimp.Image.new_with_precision(
        source.get_width(), source.get_height(), source.get_base_type(), source.get_precision()
    )
    try:
        image.undo_disable()
        image.set_color_profile(source.get_color_profile())
        image.insert_layer(_copy(layer, image), None, 0)
        if not Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(path)), None):
            raise OSError(Gimp.get_pdb().get_last_error() or str(path))
    finally:
        image.delete()


def add_layer(path, painted):
    """Add the layer in the file at ``path``, in one undo step, and return it.

    It goes to the top of the group that the layer ``painted`` is in, where nothing there hides it.

    Raises:
        UserError: the file cannot be read, or ``painted`` no longer exists.
    """
    if not painted.is_valid():
        raise UserError(
            _("The image or the layer was closed in the meantime."), _("Close the dialog and open it again.")
        )
    image = painted.get_image()
    kept = _load(path)
    image.undo_group_start()
    try:
        layer = _copy(kept.get_layers()[0], image)
        image.insert_layer(layer, painted.get_parent(), 0)
        image.set_selected_layers([layer])
    finally:
        image.undo_group_end()
        kept.delete()
    Gimp.displays_flush()
    return layer


def _copy(layer, image):
    """Return a copy of a layer for another image, with its own name."""
    copy = Gimp.Layer.new_from_drawable(layer, image)
    copy.set_name(layer.get_name())
    return copy


def export_layer(path, target: str) -> None:
    """Write the layer in the file at ``path`` to a PNG file of 16 bits, as it looks, in its own colour space.

    Raises:
        UserError: the file cannot be read, or the disk is full.
    """
    image = _load(path)
    try:
        style.write_png(style.from_layer(image.get_layers()[0]), target)
    finally:
        image.delete()


def _load(path):
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(path)))
    if image is None or not image.get_layers():
        raise UserError(
            _("The painting is no longer there."), _("Take its settings and paint again."), "result-gone"
        )
    image.undo_disable()
    return image
