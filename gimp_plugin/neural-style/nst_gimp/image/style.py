"""The style as raw pixels, from a file in any format that GIMP opens or from a layer of any open image.

Its colours are converted to the content's colour space, so that they look the same there. It is sent no
larger than the engine can use.
"""

from __future__ import annotations

import os
from collections import namedtuple
from contextlib import contextmanager

import gi

gi.require_version("Babl", "0.1")
from gi.repository import Babl, Gimp, Gio  # noqa: E402

from nst_gimp.image import files, layers, pixels, png  # noqa: E402
from nst_gimp.process.job_folder import disk_error  # noqa: E402
from nst_gimp.settings import arguments  # noqa: E402
from nst_gimp.text.messages import CallError, UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

SPARE = 1.5
"""The style is sent at up to this multiple of the size that it is shown at, as a margin for resampling."""

SMALLEST_SIDE = 64.0
"""The style is not shrunk below this longest side in pixels."""

StyleSource = namedtuple("StyleSource", "layer file name origin weight")
"""A layer, or a file to open; its name, its origin ("file:///..." or "layer of NAME"), and its weight."""


def from_config(config):
    """Return the style that style-file or style-layer set, or None if neither does.

    Raises:
        CallError: both are set, or the style does not exist.
    """
    file, layer = config.get_property("style-file"), config.get_property("style-layer")
    if file is None and layer is None:
        layer = last_layer(config)
    if file is not None and layer is not None:
        raise CallError(
            _("A style file and a style layer are both set."),
            _("Set only one of style-file and style-layer."),
        )
    if layer is not None:
        return from_layer(layer)
    return from_file(file) if file is not None else None


def from_layer(layer) -> StyleSource:
    """Return a layer as a style.

    Raises:
        CallError: the layer no longer exists.
    """
    if not layer.is_valid():
        raise CallError(_("The style layer no longer exists."), _("Choose another layer."))
    origin = "layer of " + layer.get_image().get_name()
    return StyleSource(layer=layer, file=None, name=layer.get_name(), origin=origin, weight=1.0)


def from_file(file) -> StyleSource:
    """Return a file as a style.

    Raises:
        CallError: the file does not exist.
    """
    if not file.query_exists(None):
        raise files.missing_file_error(file)
    name = os.path.splitext(file.get_basename() or "")[0] or _("style")
    return StyleSource(layer=None, file=file, name=name, origin=file.get_uri(), weight=1.0)


def from_path(path: str) -> StyleSource:
    """Return the file at ``path`` as a style.

    Raises:
        CallError: the file does not exist.
    """
    return from_file(Gio.File.new_for_path(path))


@contextmanager
def open_layer(source: StyleSource):
    """Yield the layer of a style. The image of a file is deleted afterwards.

    Raises:
        CallError: the file does not exist.
        UserError: GIMP cannot open it.
    """
    if source.layer is not None:
        yield source.layer
        return
    image = files.load(source.file)
    try:
        image.undo_disable()
        yield flatten(image, source.file)
    finally:
        image.delete()


def write_png(source: StyleSource, path: str) -> None:
    """Write a style as it looks, with filters and mask, to a PNG file in its own colour space.

    Raises:
        CallError: the file does not exist.
        UserError: GIMP cannot open it, or the disk is full.
    """
    with open_layer(source) as layer, layers.merged_filters(layer) as (drawable, shift_x, shift_y):
        width, height = layer.get_width(), layer.get_height()
        mask = layer.get_mask() if layer.get_apply_mask() else None
        channels = (1 if layer.is_gray() else 3) + (layer.has_alpha() or mask is not None)
        space = Babl.format_get_space(drawable.get_format())
        profile = (
            bytes(Babl.space_get_icc(space)) if channels > 2 else b""
        )  # an RGB profile is wrong for grey
        strips = pixels.read_16_bit_strips(drawable, (shift_x, shift_y, width, height), channels, mask)
        try:
            png.write(path, width, height, channels, strips, profile)
        except OSError as error:
            raise disk_error(error) from None


def remember_layer(config) -> None:
    """Store the style layer among the last values, so that Repeat Filter finds it in this session."""
    layer = config.get_property("style-layer")
    value = "" if layer is None else f"{layer.get_id()} {layer.get_name()}"
    config.set_property(arguments.LAST_LAYER, value)


def last_layer(config):
    """Return the layer stored by :func:`remember_layer`, or None if it no longer exists under that name."""
    number, _space, name = (config.get_property(arguments.LAST_LAYER) or "").partition(" ")
    if not number.isdigit() or not Gimp.Item.id_is_layer(int(number)):
        return None
    layer = Gimp.Layer.get_by_id(int(number))
    return layer if layer is not None and layer.get_name() == name else None


def is_gone(config) -> bool:
    """Return whether the style that was just set from stored values no longer exists."""
    file = config.get_property("style-file")
    if file is not None:
        return not file.query_exists(None)
    return bool(config.get_property(arguments.LAST_LAYER)) and last_layer(config) is None


def flatten(image, file):
    """Return one layer with the visible picture of an image. Layers are merged if necessary.

    Raises:
        UserError: no layer is visible.
    """
    if not any(layer.get_visible() for layer in image.get_layers()):
        raise UserError(
            _("The style file {path} has no visible layer.").format(path=files.display_name(file)),
            _("Make one of its layers visible, or choose another file."),
        )
    top, *others = image.get_layers()
    size = (image.get_width(), image.get_height())
    fills_image = (top.get_width(), top.get_height()) == size and top.get_offsets()[1:] == (0, 0)
    if not others and fills_image and top.get_opacity() == 100.0:
        return top  # merging would give it an alpha channel
    return image.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)


def area(layer, crop: str = "") -> tuple:
    """Return the box (x, y, width, height) of a style's layer to read: all of it, or the ``crop``.

    Raises:
        CallError: the crop is not inside the picture.
    """
    width, height = layer.get_width(), layer.get_height()
    return arguments.parse_crop(crop, width, height) or (0, 0, width, height)


def read(layer, box: tuple, subject, settings: dict, path: str) -> pixels.PixelFile:
    """Write ``box`` of the style on ``layer`` to ``path``, as large as the settings can use it."""
    painted_side = settings["size"] or max(subject.box[2:])
    useful_side = max(SPARE * painted_side * settings["style-scale"], SMALLEST_SIDE)
    scale = min(1.0, useful_side / max(box[2:]))
    mask = layer.get_mask() if layer.get_apply_mask() else None
    has_transparency = layer.has_alpha() or mask is not None
    channels = (1 if subject.channels < 3 else 3) + has_transparency
    with layers.merged_filters(layer) as (drawable, *shift):
        area = pixels.LayerArea(drawable, box, shift, mask)
        return pixels.read(area, channels, path, like=subject.format, scale=scale)
