"""The style: a file in any format that GIMP opens, or a layer of any open image, as raw pixels.

Its colours are given in the content's colour space, so that they look the same there, and it is not sent
any larger than the engine can use.
"""

from __future__ import annotations

import os
from collections import namedtuple
from contextlib import contextmanager

import gi

gi.require_version("Babl", "0.1")
from gi.repository import Babl, Gimp, Gio  # noqa: E402

from nst_gimp.image import layers, opening, pixels, png  # noqa: E402
from nst_gimp.process.job import disk_error  # noqa: E402
from nst_gimp.settings import arguments  # noqa: E402
from nst_gimp.text.messages import CallError, UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

SPARE = 1.5
"""The style is sent at up to this many times the size at which it is shown, as a margin for resampling."""

Source = namedtuple("Source", "layer file name origin weight")
"""A layer, or a file to open; what to call it, its origin ("file:///...", "layer of NAME"), its share."""


def chosen(config):
    """Return the :class:`Source` that style-file or style-layer name, or None where neither is given.

    Raises:
        CallError: both are given, or what is given is not there.
    """
    file, layer = config.get_property("style-file"), config.get_property("style-layer")
    if file is None and layer is None:
        layer = last_layer(config)
    if file is not None and layer is not None:
        raise CallError(
            _("A style file and a style layer are given."), _("Give one of style-file and style-layer.")
        )
    if layer is not None:
        return from_layer(layer)
    return from_file(file) if file is not None else None


def from_layer(layer) -> Source:
    """Return a layer as a source.

    Raises:
        CallError: it is gone.
    """
    if not layer.is_valid():
        raise CallError(_("The style layer is gone."), _("Choose another one."))
    return Source(layer, None, layer.get_name(), "layer of " + layer.get_image().get_name(), 1.0)


def from_file(file) -> Source:
    """Return a file as a source.

    Raises:
        CallError: it is not there.
    """
    if not file.query_exists(None):
        raise opening.missing(file)
    name = os.path.splitext(file.get_basename() or "")[0] or _("style")
    return Source(None, file, name, file.get_uri(), 1.0)


def from_path(path: str) -> Source:
    """Return the file at ``path`` as a source.

    Raises:
        CallError: it is not there.
    """
    return from_file(Gio.File.new_for_path(path))


@contextmanager
def opened(source: Source):
    """Yield a source's layer; a file's image is gone afterwards.

    Raises:
        CallError: the file is not there.
        UserError: GIMP cannot open it.
    """
    if source.layer is not None:
        yield source.layer
        return
    image = opening.load(source.file)
    try:
        image.undo_disable()
        yield flat(image, source.file)
    finally:
        image.delete()


def write_png(source: Source, path: str) -> None:
    """Write a style as it is seen into a PNG file, in its own colour space.

    Raises:
        CallError: the file is not there.
        UserError: GIMP cannot open it, or the disk is full.
    """
    with opened(source) as layer, layers.as_seen(layer) as (drawable, shift_x, shift_y):
        width, height = layer.get_width(), layer.get_height()
        mask = layer.get_mask() if layer.get_apply_mask() else None
        channels = (1 if layer.is_gray() else 3) + (layer.has_alpha() or mask is not None)
        space = Babl.format_get_space(drawable.get_format())
        profile = bytes(Babl.space_get_icc(space)) if channels > 2 else b""  # a grey PNG takes none for RGB
        strips = pixels.in_16_bits(drawable, (shift_x, shift_y, width, height), channels, mask)
        try:
            png.write(path, width, height, channels, strips, profile)
        except OSError as error:
            raise disk_error(error) from None


def remember_layer(config) -> None:
    """Note the style layer among the stored values, so that Repeat Filter finds it in this session."""
    layer = config.get_property("style-layer")
    note = "" if layer is None else f"{layer.get_id()} {layer.get_name()}"
    config.set_property(arguments.LAST_LAYER, note)


def last_layer(config):
    """Return the layer that :func:`remember_layer` noted, if it is still there under its name, or None."""
    number, _space, name = (config.get_property(arguments.LAST_LAYER) or "").partition(" ")
    if not number.isdigit() or not Gimp.Item.id_is_layer(int(number)):
        return None
    layer = Gimp.Layer.get_by_id(int(number))
    return layer if layer is not None and layer.get_name() == name else None


def flat(image, file):
    """Return one layer with what the picture shows."""
    if not any(layer.get_visible() for layer in image.get_layers()):
        raise UserError(
            _("The style file {path} shows nothing.").format(path=opening.shown(file)),
            _("Make one of its layers visible, or choose another file."),
        )
    only, *others = image.get_layers()
    size = (image.get_width(), image.get_height())
    covers = (only.get_width(), only.get_height()) == size and only.get_offsets()[1:] == (0, 0)
    if not others and covers and only.get_opacity() == 100.0:
        return only  # merging would give it an alpha channel
    return image.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)


def read(source, subject, settings: dict, path: str, crop: str = "") -> pixels.Pixels:
    """Write the style on the layer ``source`` to ``path``, only ``crop`` of it where one is given.

    Raises:
        CallError: the crop is not inside the picture.
    """
    width, height = source.get_width(), source.get_height()
    x, y, width, height = arguments.parse_crop(crop, width, height) or (0, 0, width, height)
    painted_side = settings["size"] or max(subject.box[2:])
    useful = SPARE * painted_side * settings["style-scale"]
    scale = min(1.0, max(useful, 64.0) / max(width, height))
    mask = source.get_mask() if source.get_apply_mask() else None
    see_through = source.has_alpha() or mask is not None
    channels = (1 if subject.channels < 3 else 3) + see_through
    with layers.as_seen(source) as (drawable, *shift):
        like, box = subject.format, (x, y, width, height)
        return pixels.read(drawable, box, channels, path, shift=shift, like=like, scale=scale, mask=mask)
